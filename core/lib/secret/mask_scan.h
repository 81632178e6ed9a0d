/* What is shown of a text: everything but its secrets. Part of the masker; see mask.h. */
#ifndef MOLBUILD_MASK_SCAN_H
#define MOLBUILD_MASK_SCAN_H

#include <stddef.h>

#include "base/buf.h"
#include "secret/mask_forms.h"

struct mask_text {
	const char *bytes;
	size_t len;
	size_t covered; /* so many bytes at the beginning are part of a secret that is already shown as masked */
	int final;      /* no more will come */
};

/* Append to OUT what is to be shown of TEXT. What only more text can decide is left over: *LEFT becomes its length,
 * a suffix of the text, and TEXT->covered the value to go on with. Returns 0, or -1 with errno set by OUT. */
WARN_UNUSED int mask_scan(const struct mask_forms *forms, struct mask_text *text, struct buf *out, size_t *left);

#endif
