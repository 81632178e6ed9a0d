/* Whether a secret begins at a place of a text. Part of the masker; see mask.h. */
#ifndef MOLBUILD_MASK_FIND_H
#define MOLBUILD_MASK_FIND_H

#include <stddef.h>

#include "secret/mask_forms.h"

/* Bytes of a URL's userinfo; a longer one is none. */
#define MASK_USERINFO_MAX 4096

/* The longest escape of a character, \u00XX. */
#define MASK_ESCAPE_MAX 6

/* The end of the longest form that begins at TEXT[AT], or 0 where none does. A character C of a form may stand
 * there as it is, as %XX, as \u00XX (only below 0x80; both with hex digits in either case), or, for '/', '"' and
 * '\', behind a '\'. *OPEN becomes 1 when the text ends before it is known whether a (longer) form begins at AT; it
 * is never set to 0. */
size_t mask_find_form(const struct mask_forms *forms, const unsigned char *text, size_t len, size_t at, int *open);

/* The same for the userinfo of a URL, AT being the place of "://": the end is that of its last '@'. The user "git" alone is
 * none: forges have it for everybody. */
size_t mask_find_userinfo(const unsigned char *text, size_t len, size_t at, int *open);

/* Whether C can stand in a userinfo: no '/', white space, quotes, angle brackets or control characters. */
int mask_in_userinfo(unsigned char c);

/* The next character from AT on that is escaped by MARK ('%' or '\') and occurs in a form's window, or LEN. */
size_t mask_find_escape(const struct mask_forms *forms, const unsigned char *text, size_t len, size_t at, int mark);

#endif
