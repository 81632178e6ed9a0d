/* An error as a value: a stable word for comparisons and one line for messages.
 *
 * Every function of core/lib that can fail because of the world takes a `struct error *` (never NULL),
 * returns 0 or -1, and fills the error only when it returns -1. There is no other error sign.
 *
 * The code is one of: timeout resolve connect reset tls too_large redirect protocol not_found denied locked
 * stalled cancelled invalid, or the name of an errno ("ENOSPC"). The message names the operation and its object, and
 * never ends in a full stop or a newline. Nothing is masked here: the binding masks what it passes to Lua.
 */
#ifndef MOLBUILD_ERROR_H
#define MOLBUILD_ERROR_H

#include "base/macros.h"

struct error {
	char code[16];
	char message[1024];
};

/* Fill ERR from a code and a format; a longer message is cut. Always returns -1, so that a caller can
 * `return error_set(...)`. CODE is a literal of the list above. */
int error_set(struct error *err, const char *code, const char *format, ...) PRINTF_LIKE(3, 4);

/* The same from an errno value: the code is its name, and ": " with its text is added to the message. ENOENT
 * and EACCES keep their errno names; the codes not_found and denied are for answers of programs and servers. */
int error_errno(struct error *err, int errnum, const char *format, ...) PRINTF_LIKE(3, 4);

/* The name of an errno value ("ENOENT"), or "E<number>" for one that this table lacks. The string is
 * static, or in a buffer that the next unknown number overwrites. */
const char *error_errno_name(int errnum);

#endif
