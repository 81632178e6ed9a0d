/* How wide UTF-8 text is on a terminal, whatever the locale says (molbuild often runs under LC_ALL=C).
 *
 * A control character has no width: callers remove them. A byte that is not UTF-8 counts one column, as terminals
 * show a replacement character for it. Sequences that some terminals draw as one picture (emoji joined by U+200D)
 * count as their parts: never less than the shown width.
 */
#ifndef MOLBUILD_WIDTH_H
#define MOLBUILD_WIDTH_H

#include <stddef.h>
#include <stdint.h>

/* Decode the character at the front of LEN (at least 1) bytes. Returns its number of bytes, 1 to 4, and its
 * code point in *CODE_POINT; for a byte that does not begin a well-formed character 1, and UINT32_MAX. */
size_t width_decode(const char *text, size_t len, uint32_t *code_point);

/* The number of columns of LEN bytes. */
size_t width_columns(const char *text, size_t len);

/* The number of LEN bytes that fit into COLUMNS: whole characters only, and the marks that belong to the last one. */
size_t width_cut(const char *text, size_t len, size_t columns);

#endif
