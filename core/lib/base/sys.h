/* Facts about this machine and this process. */
#ifndef MOLBUILD_SYS_H
#define MOLBUILD_SYS_H

#include <stddef.h>

#include "base/error.h"

/* The machine's name into OUT, at most SIZE - 1 bytes (cut) and a NUL; "localhost" when it has none. */
void sys_hostname(char *out, size_t size);

/* Processors this process may run on; at least 1. */
int sys_cpus(void);

/* The size of the terminal behind FD, both at least 1. Returns 0, or -1 with errno set: ENOTTY when it is none,
 * ENXIO when it does not know its size. */
WARN_UNUSED int sys_terminal_size(int fd, int *columns, int *rows);

/* Whether this process's group is the one that the terminal behind FD belongs to now; also when that cannot be told. */
int sys_in_foreground(int fd);

/* The name of the signal SIGNO for people, as "SIGKILL (9)"; "signal 99" for one that has none. Into OUT, which has room for
 * SYS_SIGNAL_NAME_MAX bytes. */
enum { SYS_SIGNAL_NAME_MAX = 32 };
void sys_signal_name(int signo, char out[SYS_SIGNAL_NAME_MAX]);

/* The absolute path of the program that runs. *OUT is the caller's to free(). Returns 0, or -1 with err set. */
WARN_UNUSED int sys_executable_path(char **out, struct error *err);

/* The program that NAME means: a regular file that may be executed. A NAME with a slash is that file; any other is
 * looked up in PATH_ENV, a list as in $PATH (NULL or empty: START_DEFAULT_PATH). Elements that are empty or relative are
 * skipped, so that no file of the working directory is ever taken for a tool.
 *
 * *OUT becomes an absolute path, the caller's to free(). Returns 0, or -1 with err set: not_found, or an errno name
 * (out of memory, no working directory). */
WARN_UNUSED int sys_find_program(const char *name, const char *path_env, char **out, struct error *err);

/* Take the variable NAME out of this process's environment: what it starts later does not have it, and its value is
 * overwritten where the system shows it to others (/proc/PID/environ). *OUT becomes the value, the caller's to free(),
 * or NULL when it was not set. Returns 0, or -1 with err set (EINVAL for what is no name, ENOMEM). */
WARN_UNUSED int sys_take_env(const char *name, char **out, struct error *err);

/* Keep secrets in memory out of core dumps, and (on Linux) out of reach of other processes of the same user. Holds
 * for this process; a program it starts is protected from core dumps only. Returns 0, or -1 with err set. */
WARN_UNUSED int sys_protect_memory(struct error *err);

/* Write all LEN bytes to FD. Returns 0, or -1 with err set; some bytes may have been written then. */
WARN_UNUSED int sys_write_all(int fd, const void *data, size_t len, struct error *err);

#endif
