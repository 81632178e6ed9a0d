#include "mask_forms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mask.h"

#define MAX_WINDOW 255
/* The longest user name in base64("user:secret"). */
#define MAX_PAIR (MASK_SECRET_MAX + 512)

static void wipe(void *memory, size_t len)
{
	volatile unsigned char *bytes = memory;
	while (len-- > 0)
		*bytes++ = 0;
}

int mask_forms_add(struct mask_forms *forms, const void *text, size_t len)
{
	struct mask_form *list = forms->list;
	size_t cap = forms->cap ? forms->cap * 2 : 16;
	unsigned char *copy;
	if (len < MASK_SECRET_MIN)
		return 0;
	for (size_t i = 0; i < forms->count; i++)
		if (list[i].len == len && memcmp(list[i].text, text, len) == 0)
			return 0;
	if (forms->count == forms->cap) {
		list = realloc(list, cap * sizeof *list);
		if (!list)
			return -1;
		forms->list = list;
		forms->cap = cap;
	}
	copy = malloc(len);
	if (!copy)
		return -1;
	memcpy(copy, text, len);
	list[forms->count++] = (struct mask_form){copy, len};
	return 0;
}

void mask_forms_free(struct mask_forms *forms)
{
	for (size_t i = 0; i < forms->count; i++) {
		wipe(forms->list[i].text, forms->list[i].len);
		free(forms->list[i].text);
	}
	free(forms->list);
	memset(forms, 0, sizeof *forms);
}

/* ---- the forms of a secret ------------------------------------------------------------------------------- */

/* Base64 without padding; returns the length. OUT has room for (LEN * 4 + 2) / 3. */
static size_t base64(const unsigned char *data, size_t len, const char *alphabet, unsigned char *out)
{
	size_t used = 0;
	unsigned long bits = 0;
	int count = 0;
	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | data[i];
		for (count += 8; count >= 6; count -= 6)
			out[used++] = (unsigned char)alphabet[bits >> (count - 6) & 63];
	}
	if (count > 0)
		out[used++] = (unsigned char)alphabet[bits << (6 - count) & 63];
	return used;
}

static const char *const alphabets[] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
					"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};

/* Base64 of the whole, with and without padding. */
static int add_base64(struct mask_forms *forms, const unsigned char *data, size_t len)
{
	unsigned char text[(MAX_PAIR * 4 + 2) / 3 + 4];
	for (size_t a = 0; a < ARRAY_LEN(alphabets); a++) {
		size_t used = base64(data, len, alphabets[a], text);
		if (mask_forms_add(forms, text, used) < 0)
			return -1;
		while (used % 4)
			text[used++] = '=';
		if (mask_forms_add(forms, text, used) < 0)
			return -1;
	}
	return 0;
}

/* What base64 of anything with the secret in it always shows: the characters that hold only bits of the secret, for
 * each of the three places in a group of three bytes where the secret can begin. */
static int add_base64_inner(struct mask_forms *forms, const char *secret, size_t len)
{
	unsigned char data[MASK_SECRET_MAX + 2] = {0}, text[(sizeof data * 4 + 2) / 3];
	for (size_t before = 0; before < 3; before++)
		for (size_t a = 0; a < ARRAY_LEN(alphabets); a++) {
			size_t begin = (before * 8 + 5) / 6, end = (before + len) * 8 / 6;
			memcpy(data + before, secret, len);
			base64(data, before + len, alphabets[a], text);
			if (mask_forms_add(forms, text + begin, end - begin) < 0)
				return -1;
		}
	wipe(data, sizeof data);
	wipe(text, sizeof text);
	return 0;
}

static int add_json(struct mask_forms *forms, const char *secret, size_t len, const char *escaped)
{
	unsigned char text[MASK_SECRET_MAX * 2];
	size_t used = 0;
	for (size_t i = 0; i < len; i++) {
		if (strchr(escaped, secret[i]))
			text[used++] = '\\';
		text[used++] = (unsigned char)secret[i];
	}
	return mask_forms_add(forms, text, used);
}

int mask_forms_add_secret(struct mask_forms *forms, const char *secret, size_t len)
{
	if (mask_forms_add(forms, secret, len) < 0 || add_json(forms, secret, len, "\"\\") < 0 ||
	    add_json(forms, secret, len, "\"\\/") < 0 || add_base64(forms, (const unsigned char *)secret, len) < 0)
		return -1;
	return add_base64_inner(forms, secret, len);
}

int mask_forms_add_pair(struct mask_forms *forms, const char *user, const char *secret, size_t len)
{
	unsigned char data[MAX_PAIR];
	size_t user_len = strlen(user);
	int failed;
	if (user_len + 1 + len > sizeof data)
		return 0;
	memcpy(data, user, user_len);
	data[user_len] = ':';
	memcpy(data + user_len + 1, secret, len);
	failed = add_base64(forms, data, user_len + 1 + len);
	wipe(data, sizeof data);
	return failed;
}

/* ---- matching -------------------------------------------------------------------------------------------- */

static int hex_value(unsigned char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit |= 0x20;
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* How much of TEXT the whole form takes, every character as it is or as %XX; 0: it does not begin here; *OPEN: TEXT
 * ends before that is known. A '%' of the form itself can be read in two ways, hence the recursion. */
static size_t match(const unsigned char *form, size_t form_len, const unsigned char *text, size_t len, int *open)
{
	size_t at = 0;
	for (size_t i = 0; i < form_len; i++) {
		if (at == len) {
			*open = 1;
			return 0;
		}
		if (text[at] == '%') {
			size_t rest, left = len - at;
			int high = left > 1 ? hex_value(text[at + 1]) : form[i] >> 4;
			int low = left > 2 ? hex_value(text[at + 2]) : form[i] & 15;
			if (form[i] == '%' && (rest = match(form + i + 1, form_len - i - 1, text + at + 1, left - 1, open)))
				return at + 1 + rest;
			if (high != form[i] >> 4 || low != (form[i] & 15)) {
				if (form[i] == '%' && i + 1 == form_len)
					return at + 1;
				return 0;
			}
			if (left < 3) {
				*open = 1;
				return 0;
			}
			at += 3;
		} else if (text[at] == form[i]) {
			at++;
		} else {
			return 0;
		}
	}
	return at;
}

size_t mask_forms_match(const struct mask_forms *forms, const char *text, size_t len, int *open)
{
	size_t longest = 0;
	*open = 0;
	for (size_t i = 0; i < forms->count; i++) {
		const struct mask_form *form = &forms->list[i];
		size_t got;
		if (len > 0 && (unsigned char)text[0] != form->text[0] && text[0] != '%')
			continue;
		got = match(form->text, form->len, (const unsigned char *)text, len, open);
		if (got > longest)
			longest = got;
	}
	return longest;
}

/* ---- the index ------------------------------------------------------------------------------------------- */

/* A place in a rendering of a form: before byte SUB of character I, where SUB 1 and 2 are the hex digits of %XX. */
struct place {
	size_t i;
	int sub;
};

/* The bytes that can stand at PLACE, and where each leads. Returns how many. */
static int options(const struct mask_form *form, struct place place, unsigned char bytes[2], struct place next[2])
{
	static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
	unsigned char c;
	int digit;
	if (place.i >= form->len)
		return 0;
	c = form->text[place.i];
	if (place.sub == 0) {
		bytes[0] = c;
		next[0] = (struct place){place.i + 1, 0};
		bytes[1] = '%';
		next[1] = (struct place){place.i, 1};
		return 2;
	}
	digit = place.sub == 1 ? c >> 4 : c & 15;
	bytes[0] = (unsigned char)lower[digit];
	bytes[1] = (unsigned char)upper[digit];
	next[0] = next[1] = place.sub == 1 ? (struct place){place.i, 2} : (struct place){place.i + 1, 0};
	return 2;
}

static void note_blocks(struct mask_forms *forms, const struct mask_form *form, struct place place, size_t offset)
{
	unsigned char first[2], second[2];
	struct place after[2], end[2];
	uint8_t distance = (uint8_t)(forms->window - 2 - offset);
	int firsts = options(form, place, first, after);
	for (int a = 0; a < firsts; a++) {
		int seconds = options(form, after[a], second, end);
		for (int b = 0; b < seconds; b++) {
			uint8_t *shift = &forms->shift[first[a] << 8 | second[b]];
			if (distance < *shift)
				*shift = distance;
		}
	}
}

/* Note every block of two bytes at every offset of the window, in every rendering of the form: the places that can
 * be reached after OFFSET bytes are those with i + 2 * (characters encoded so far) + sub == OFFSET. */
static void index_form(struct mask_forms *forms, const struct mask_form *form)
{
	for (size_t offset = 0; offset + 2 <= forms->window; offset++)
		for (size_t i = offset / 3; i <= offset && i < form->len; i++)
			for (int sub = 0; sub < 3; sub++) {
				size_t used = offset - i;
				if (used >= (size_t)sub && (used - (size_t)sub) % 2 == 0 &&
				    (used - (size_t)sub) / 2 <= i)
					note_blocks(forms, form, (struct place){i, sub}, offset);
			}
}

void mask_forms_index(struct mask_forms *forms)
{
	forms->window = MAX_WINDOW;
	for (size_t i = 0; i < forms->count; i++)
		if (forms->list[i].len < forms->window)
			forms->window = forms->list[i].len;
	memset(forms->shift, (int)(forms->window - 1), sizeof forms->shift);
	for (size_t i = 0; i < forms->count; i++)
		index_form(forms, &forms->list[i]);
}
