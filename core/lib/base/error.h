/* An error as a value: a stable word for comparisons and one line for messages.
 *
 * A failure has one of two signs in core/lib, and nothing else is one:
 *
 * - A function that takes a `struct error *` (never NULL) returns -1, or NULL instead of a pointer, and has filled in the error
 *   then, and only then.
 * - A function without one returns -1, or NULL instead of a pointer, and has set errno. It is a small part of an operation, which
 *   the caller knows and names: error_errno(err, errno, "cannot do this to that").
 *
 * Where the reason makes no difference, errno is not set, and the header does not mention it (lock_read_holder()). 0 and positive
 * numbers are results. Callbacks get the error, or NULL.
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
