/* The maxima of core/lib, in one place, with their units: input from outside is never unbounded. Sizes that only affect
 * speed are defined where they are used. */
#ifndef MOLBUILD_MAXIMA_H
#define MOLBUILD_MAXIMA_H

#include <stddef.h>
#include <stdint.h>

/* ---- descriptors ------------------------------------------------------------------------------------------ */

/* Descriptors that are checked one by one when a range cannot be closed with one call. */
#define FD_SCANNED_MAX 65536

/* ---- text ------------------------------------------------------------------------------------------------- */

/* Bytes of an escape sequence; a longer one ends there. */
#define TERMINAL_SEQUENCE_MAX 4096

/* Bytes: the smallest maximum of a line that lines.h takes. */
#define LINES_MAX_MIN 8

/* ---- secrets ---------------------------------------------------------------------------------------------- */

/* Bytes of a secret. A shorter one would mask ordinary words. */
#define MASK_SECRET_MIN 8
#define MASK_SECRET_MAX 4096
/* The number of secrets, and of users in addition to the known ones. */
#define MASK_SECRETS_MAX 256
#define MASK_USERS_MAX   16
/* Bytes of a user's name. */
#define MASK_USER_MAX 255
/* Bytes of a URL's userinfo; longer text is not treated as userinfo. */
#define MASK_USERINFO_MAX 4096
/* Bytes that a masked stream holds back. */
#define MASK_HELD_MAX ((size_t)128 << 10)

/* ---- files ------------------------------------------------------------------------------------------------ */

/* Bytes of a link's target text. */
#define FS_LINK_MAX 65536
/* Levels of directories whose modes or owners are changed; each takes a descriptor. git's trees are bounded, and other
 * trees are not as deep. */
#define FS_LEVELS_MAX 400
/* Levels of directories that are removed with an open descriptor each. */
#define FS_REMOVE_LEVELS_MAX 32
/* How often a directory is found not empty after everything was removed from it: another process may still write. */
#define FS_REMOVE_PASSES_MAX 100000

/* ---- locks ------------------------------------------------------------------------------------------------ */

/* Bytes of a lock's record. */
#define LOCK_RECORD_MAX 512
/* How often a lock whose file is replaced, or whose helper is killed, is retried. */
#define LOCK_ROUNDS_MAX 100

/* ---- children --------------------------------------------------------------------------------------------- */

/* Bytes of one line of output, "…" included. */
#define OUTPUT_LINE_MAX ((size_t)16 << 10)
/* Bytes of the lines that are passed in one call. */
#define OUTPUT_LINES_MAX (((size_t)1 << 20) + OUTPUT_LINE_MAX)
/* The size that one read of output can grow to: an invalid byte becomes the three of U+FFFD, and the masker holds back a little. */
#define OUTPUT_WORK_MAX ((size_t)4 << 20)
/* The number of processes that are checked, and of descendants outside of the group that are remembered. */
#define PROCESS_TABLE_MAX ((size_t)1 << 18)
#define DESCENDANTS_MAX   ((size_t)1 << 16)
/* Bytes of an environment. The kernel allows 32 pages of strings of 128 KiB each; a larger one is not from this program. */
#define ENVIRONMENT_MAX ((size_t)4 << 20)

/* ---- own output ------------------------------------------------------------------------------------------ */

/* Bytes of a writer's queue, see writer.h: when a program that writes much should wait for the reader; when a spare text is
 * dropped, while the reader reads and after it has not read for a second; when other texts are dropped. */
#define WRITER_SLOW      ((size_t)256 << 10)
#define WRITER_SLOW_MAX  ((size_t)32 << 20)
#define WRITER_SPARE_MAX ((size_t)512 << 10)
#define WRITER_RESERVE   ((size_t)1 << 20)
/* The queue may exceed these by one text: a text that was written in part must be queued whole. */
#define WRITER_QUEUE_MAX ((size_t)1 << 30)
/* Bytes of the text that restores the terminal. */
#define RESTORE_TERMINAL_MAX 64

/* ---- HTTP and URLs ---------------------------------------------------------------------------------------- */

/* Bytes of a URL, and of a text that is masked as one. */
#define URL_MAX        8192
#define URL_MASKED_MAX ((size_t)1 << 24)
/* Bytes of all headers of the answers to a request, and how many headers one has. */
#define HTTP_HEADER_BYTES_MAX ((size_t)65536)
#define HTTP_HEADERS_MAX      256
/* Bytes of a request's body. */
#define HTTP_UPLOAD_MAX ((size_t)64 << 20)
/* Sockets that the watchdog tracks. */
#define WATCHDOG_SOCKETS_MAX 256

#endif
