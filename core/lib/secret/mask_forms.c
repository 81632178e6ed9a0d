#include "secret/mask_forms.h"

#include <stdlib.h>
#include <string.h>

/* More would make the index bigger and finds nothing faster. */
#define MAX_WINDOW    24
#define MIN_GRAM_BITS 16
#define MAX_GRAM_BITS 22

/* Forms of one secret: as it is; six of its inside; with and without a user in four spellings each. */
#define FORMS_A_SECRET(users) (1 + 6 + 4 * (1 + (users)))
/* Bytes of base64, padded, and two more for the alignment of the inside. */
#define BASE64_SIZE(len) (((len) + 2 + 2) / 3 * 4)

static const char *const alphabets[] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};

void mask_wipe(void *memory, size_t len)
{
	volatile unsigned char *bytes = memory;
	while (len-- > 0)
		*bytes++ = 0;
}

void mask_forms_free(struct mask_forms *forms)
{
	if (forms->arena)
		mask_wipe(forms->arena, forms->arena_size);
	free(forms->arena);
	free(forms->list);
	free(forms->grams);
	memset(forms, 0, sizeof *forms);
}

/* ---- making the forms ------------------------------------------------------------------------------------ */

/* Where the next form is written: the end of the newest. */
static unsigned char *room(const struct mask_forms *forms)
{
	const struct mask_form *last;
	if (forms->count == 0)
		return forms->arena;
	last = &forms->list[forms->count - 1];
	return forms->arena + (last->text - forms->arena) + last->len;
}

/* The LEN bytes at TEXT, in the arena, are a form. */
static void keep(struct mask_forms *forms, const unsigned char *text, size_t len)
{
	int ambiguous = memchr(text, '%', len) || memchr(text, '\\', len);
	forms->list[forms->count++] = (struct mask_form){text, len, ambiguous};
}

/* Base64 without padding of SKIPPED zero bytes, BEFORE and DATA; returns its length. */
static size_t base64(size_t skipped, struct mask_word before, struct mask_word data, const char *alphabet, unsigned char *out)
{
	size_t used = 0, total = skipped + before.len + data.len;
	unsigned long bits = 0;
	int count = 0;
	for (size_t i = 0; i < total; i++) {
		size_t at = i - skipped;
		unsigned char byte = 0;
		if (i >= skipped)
			byte = (unsigned char)(at < before.len ? before.text[at] : data.text[at - before.len]);
		bits = bits << 8 | byte;
		for (count += 8; count >= 6; count -= 6)
			out[used++] = (unsigned char)alphabet[bits >> (count - 6) & 63];
	}
	if (count > 0)
		out[used++] = (unsigned char)alphabet[bits << (6 - count) & 63];
	return used;
}

/* Base64 of BEFORE and the secret, with and without padding. */
static void add_base64(struct mask_forms *forms, struct mask_word before, struct mask_word secret)
{
	for (size_t a = 0; a < ARRAY_LEN(alphabets); a++) {
		unsigned char *text = room(forms);
		size_t len = base64(0, before, secret, alphabets[a], text);
		keep(forms, text, len);
		if (len % 4 == 0)
			continue;
		/* The padded form stands behind the other, a copy of it. */
		memcpy(text + len, text, len);
		text += len;
		while (len % 4)
			text[len++] = '=';
		keep(forms, text, len);
	}
}

/* What base64 of anything with the secret in it always shows: the characters that hold only bits of the secret, for
 * each of the three places in a group of three bytes where the secret can begin. */
static void add_inside(struct mask_forms *forms, struct mask_word secret)
{
	for (size_t skipped = 0; skipped < 3; skipped++)
		for (size_t a = 0; a < ARRAY_LEN(alphabets); a++) {
			size_t begin = (skipped * 8 + 5) / 6, end = (skipped + secret.len) * 8 / 6;
			unsigned char *text = room(forms);
			base64(skipped, (struct mask_word){"", 0}, secret, alphabets[a], text);
			memmove(text, text + begin, end - begin);
			keep(forms, text, end - begin);
		}
}

static void add_secret(struct mask_forms *forms, struct mask_word secret, const struct mask_source *source)
{
	unsigned char *text = room(forms);
	memcpy(text, secret.text, secret.len);
	keep(forms, text, secret.len);
	add_inside(forms, secret);
	add_base64(forms, (struct mask_word){"", 0}, secret);
	for (size_t i = 0; i < source->user_count; i++)
		add_base64(forms, source->users[i], secret);
}

static int compare(const void *a, const void *b)
{
	const struct mask_form *x = a, *y = b;
	int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

static void sort(struct mask_forms *forms)
{
	size_t kept = 0;
	qsort(forms->list, forms->count, sizeof *forms->list, compare);
	for (size_t i = 0; i < forms->count; i++)
		if (kept == 0 || compare(&forms->list[kept - 1], &forms->list[i]) != 0)
			forms->list[kept++] = forms->list[i];
	forms->count = kept;
}

/* ---- the index ------------------------------------------------------------------------------------------- */

static void index_form(struct mask_forms *forms, const struct mask_form *form)
{
	for (size_t i = 0; i < forms->window; i++)
		forms->heads[form->text[i]] = 1;
	for (size_t i = 0; i + MASK_GRAM <= forms->window; i++) {
		struct mask_places places = mask_forms_places(forms, form->text + i);
		forms->grams[places.first >> 6] |= UINT64_C(1) << (places.first & 63);
		forms->grams[places.second >> 6] |= UINT64_C(1) << (places.second & 63);
	}
}

static int make_index(struct mask_forms *forms)
{
	size_t i = 0;
	forms->window = MAX_WINDOW;
	for (size_t n = 0; n < forms->count; n++)
		if (forms->list[n].len < forms->window)
			forms->window = forms->list[n].len;
	/* At most one in 32 of the set's places is taken, so that one sample in 32 is a false alarm. */
	forms->gram_bits = MIN_GRAM_BITS;
	while (forms->gram_bits < MAX_GRAM_BITS && forms->count * forms->window * 32 >> forms->gram_bits)
		forms->gram_bits++;
	forms->grams = calloc((size_t)1 << forms->gram_bits >> 6, sizeof *forms->grams);
	if (!forms->grams)
		return -1;
	for (size_t c = 0; c < 256; c++) {
		while (i < forms->count && forms->list[i].text[0] < c)
			i++;
		forms->first[c] = i;
	}
	forms->first[256] = forms->count;
	for (i = 0; i < forms->count; i++)
		index_form(forms, &forms->list[i]);
	return 0;
}

static int allocate(struct mask_forms *forms, const struct mask_source *source)
{
	size_t longest_user = 0, forms_a_secret = FORMS_A_SECRET(source->user_count);
	for (size_t i = 0; i < source->user_count; i++)
		if (source->users[i].len > longest_user)
			longest_user = source->users[i].len;
	for (size_t i = 0; i < source->secret_count; i++)
		forms->arena_size += forms_a_secret * BASE64_SIZE(longest_user + source->secrets[i].len);
	forms->list = calloc(source->secret_count * forms_a_secret, sizeof *forms->list);
	forms->arena = malloc(forms->arena_size);
	return forms->list && forms->arena ? 0 : -1;
}

int mask_forms_build(struct mask_forms *forms, const struct mask_source *source)
{
	struct mask_forms made = {0};
	if (source->secret_count == 0) {
		mask_forms_free(forms);
		return 0;
	}
	if (allocate(&made, source) < 0) {
		made.arena_size = 0;
		mask_forms_free(&made);
		return -1;
	}
	for (size_t i = 0; i < source->secret_count; i++)
		add_secret(&made, source->secrets[i], source);
	sort(&made);
	if (make_index(&made) < 0) {
		mask_forms_free(&made);
		return -1;
	}
	mask_forms_free(forms);
	*forms = made;
	return 0;
}
