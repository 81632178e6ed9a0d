#include "secret/mask_internal.h"

#include <string.h>

/* ---- escapes ----------------------------------------------------------------------------------------------- */

static int hex_value(unsigned char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit |= 0x20;
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* How many bytes at TEXT are an escape of C, or 0. *OPEN: the text ends before that is known. */
static size_t match_escape(unsigned char c, const unsigned char *text, size_t len, int *open)
{
	size_t digits = text[0] == '%' ? 1 : 4;
	if (text[0] != '%' && (text[0] != '\\' || c >= 0x80))
		return 0;
	if (text[0] == '\\' && len >= 2 && text[1] == c && (c == '/' || c == '"' || c == '\\'))
		return 2;
	for (size_t i = 1; i < digits + 2; i++) {
		if (i == len) {
			*open = 1;
			return 0;
		}
		if (i < digits ? text[i] != "\\u00"[i] : hex_value(text[i]) != (i == digits ? c >> 4 : c & 15))
			return 0;
	}
	return digits + 2;
}

/* The character of the escape at TEXT, or -1: there is none, or it is incomplete. */
static int decode(const unsigned char *text, size_t len)
{
	size_t digits = text[0] == '%' ? 1 : 4;
	int c, ignored = 0;
	if (text[0] == '\\' && len >= 2 && text[1] != 'u')
		return match_escape(text[1], text, len, &ignored) ? text[1] : -1;
	if (len < digits + 2)
		return -1;
	c = (hex_value(text[digits]) & 15) << 4 | (hex_value(text[digits + 1]) & 15);
	return match_escape((unsigned char)c, text, len, &ignored) ? c : -1;
}

/* ---- forms ------------------------------------------------------------------------------------------------- */

/* Distances from the beginning of a form in the text. Only a form with '%' or '\' in it, which is no base64, can have several. */
struct places {
	uint32_t at[(MASK_ESCAPE_MAX - 1) * MASK_SECRET_MAX + 2];
	size_t count;
};

/* Keeps the places sorted and unique. They are added in nearly sorted order. */
static void add_place(struct places *places, uint32_t at)
{
	size_t i = places->count;
	while (i > 0 && places->at[i - 1] > at)
		i--;
	if (i > 0 && places->at[i - 1] == at)
		return;
	memmove(places->at + i + 1, places->at + i, (places->count - i) * sizeof *places->at);
	places->at[i] = at;
	places->count++;
}

/* The end of FORM at TEXT, or 0. A '%' or '\' may be itself or begin an escape: all places where the next character could
 * stand are followed. */
static size_t match(const struct mask_form *form, const unsigned char *text, size_t len, int *open)
{
	static struct places both[2];
	struct places *now = &both[0], *next = &both[1], *swap;
	size_t same = 0;
	while (same < form->len && same < len && text[same] == form->text[same] && text[same] != '%' && text[same] != '\\')
		same++;
	/* Nearly always this ends the search: only an escape can represent another character. */
	if (same == form->len || (same < len && text[same] != '%' && text[same] != '\\'))
		return same == form->len ? same : 0;
	now->at[0] = (uint32_t)same;
	now->count = 1;
	for (size_t i = same; i < form->len && now->count > 0; i++) {
		next->count = 0;
		for (size_t n = 0; n < now->count; n++) {
			uint32_t at = now->at[n];
			size_t size;
			if (at == len) {
				*open = 1;
				break;
			}
			if (text[at] == form->text[i])
				add_place(next, at + 1);
			size = match_escape(form->text[i], text + at, len - at, open);
			if (size)
				add_place(next, at + (uint32_t)size);
		}
		swap = now;
		now = next;
		next = swap;
	}
	return now->count > 0 ? now->at[now->count - 1] : 0;
}

/* The longest of the forms that begin with C, and LONGEST. */
static size_t match_all(const struct mask_forms *forms, int c, const unsigned char *text, size_t len, int *open, size_t longest)
{
	for (size_t i = forms->first[c]; i; i = forms->list[i - 1].next) {
		size_t got = match(&forms->list[i - 1], text, len, open);
		longest = got > longest ? got : longest;
	}
	return longest;
}

size_t mask_find_form(const struct mask_forms *forms, const unsigned char *text, size_t len, size_t at, int *open)
{
	const unsigned char raw = text[at];
	size_t left = len - at, longest;
	int c = raw;
	text += at;
	longest = match_all(forms, raw, text, left, open, 0);
	if (raw == '%' || raw == '\\')
		c = decode(text, left);
	if (c >= 0 && c != raw)
		longest = match_all(forms, c, text, left, open, longest);
	/* A cut-off escape may represent any character. */
	for (int any = 0; c < 0 && left < MASK_ESCAPE_MAX && any < 256; any++)
		longest = match_all(forms, any, text, left, open, longest);
	return longest ? at + longest : 0;
}

/* ---- userinfo ---------------------------------------------------------------------------------------------- */

static int in_userinfo(unsigned char c)
{
	return c > 0x20 && c != 0x7f && c != '`' && (c > '>' || !strchr("/\"'<>", c));
}

size_t mask_find_userinfo(const unsigned char *text, size_t len, size_t at, int *open)
{
	size_t end = 0, from = at + 3;
	for (size_t i = at; i <= from + MASK_USERINFO_MAX; i++) {
		if (i == len) {
			*open = 1;
			break;
		}
		if (i < from ? text[i] != "://"[i - at] : !in_userinfo(text[i]))
			break;
		if (text[i] == '@' && i > from)
			end = i;
	}
	return end == from + 3 && memcmp(text + from, "git", 3) == 0 ? 0 : end;
}
