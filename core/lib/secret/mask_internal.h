/* Shared by the files of the masker: mask_forms.c creates the forms of the secrets, mask_find.c matches them at a place,
 * mask.c searches texts. */
#ifndef MOLBUILD_MASK_INTERNAL_H
#define MOLBUILD_MASK_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/maxima.h"

/* The longest escape of a character, \u00XX. */
#define MASK_ESCAPE_MAX 6

struct mask_secret {
	char *text;
	size_t len;
};

/* A text to be found, each of its characters as it is or escaped: as %XX, as \u00XX (only below 0x80; both with hex digits in
 * either case), or, for '/', '"' and '\', behind a '\'. */
struct mask_form {
	const unsigned char *text;
	size_t len;
	size_t next; /* the next form that begins with the same byte, as in first */
};

/* All zero: no forms. */
struct mask_forms {
	struct mask_form *list;
	size_t count;
	size_t first[256];    /* the first form that begins with each byte: its number in the list, from 1; 0: none */
	unsigned char *texts; /* of all forms */
	size_t texts_len, texts_size;
};

/* What two bytes, in memory order, may be of a form or of "://": its first two bytes, its second and third, its beginning
 * whatever follows, for an escape, or the byte before that and its first. A match at any place shows in one of two consecutive
 * pairs, so that a look at every other place excludes nearly all of a text. */
enum { MASK_FIRST = 1, MASK_SECOND = 2, MASK_ALONE = 4, MASK_BEFORE = 8 };
extern unsigned char mask_pairs[1 << 16];

static inline uint16_t mask_pair(const void *bytes)
{
	uint16_t pair;
	__builtin_memcpy(&pair, bytes, sizeof pair);
	return pair;
}

/* Create all forms of the secrets, alone and with each user ("name:"), and fill mask_pairs. Returns 0, or -1 with errno ENOMEM
 * and FORMS unchanged. The previous content of FORMS is wiped and freed. */
WARN_UNUSED int mask_forms_build(struct mask_forms *forms, const struct mask_secret *secrets, size_t secret_count,
                                 char users[][MASK_USER_MAX + 2], size_t user_count);
void mask_forms_free(struct mask_forms *forms);

/* The end of the longest form, or of a URL's userinfo ("://" is its beginning; the user "git" alone is not masked, since all
 * forges use it), that begins at TEXT[AT], or 0 without one. *OPEN becomes 1 when the text ends before it is known whether a
 * (longer) one begins there; it is never set to 0. */
size_t mask_find_form(const struct mask_forms *forms, const unsigned char *text, size_t len, size_t at, int *open);
size_t mask_find_userinfo(const unsigned char *text, size_t len, size_t at, int *open);

/* Overwrite LEN bytes in a way the compiler must not leave out. MEMORY may be NULL. */
void mask_wipe(void *memory, size_t len);

#endif
