/* The forms a secret can take, and the table that finds where one may begin. Part of the masker; see mask.h. */
#ifndef MOLBUILD_MASK_FORMS_H
#define MOLBUILD_MASK_FORMS_H

#include <stddef.h>
#include <stdint.h>

#include "macros.h"

struct mask_form {
	unsigned char *text;
	size_t len;
};

struct mask_forms {
	struct mask_form *list;
	size_t count, cap;
	size_t window;        /* bytes: the length of the shortest form, at most 255 */
	uint8_t shift[65536]; /* by the last two bytes of a window: how far it may move on; 0: a form may begin here */
};

/* Add a form unless it is there already or shorter than the shortest secret. Returns 0, or -1 with errno ENOMEM. */
WARN_UNUSED int mask_forms_add(struct mask_forms *forms, const void *text, size_t len);

/* Add all forms of a secret but base64 of "user:secret". */
WARN_UNUSED int mask_forms_add_secret(struct mask_forms *forms, const char *secret, size_t len);

/* Add base64 of USER ":" SECRET. */
WARN_UNUSED int mask_forms_add_pair(struct mask_forms *forms, const char *user, const char *secret, size_t len);

/* Fill in window and shift, after forms were added. */
void mask_forms_index(struct mask_forms *forms);

/* The longest form that TEXT begins with: its length in TEXT, or 0. *OPEN becomes 1 when TEXT is the beginning of a
 * (longer) one, so that more text may change the answer. */
size_t mask_forms_match(const struct mask_forms *forms, const char *text, size_t len, int *open);

void mask_forms_free(struct mask_forms *forms);

#endif
