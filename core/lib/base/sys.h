/* Facts about this machine and this process. */
#ifndef MOLBUILD_SYS_H
#define MOLBUILD_SYS_H

#include <stddef.h>

#include "base/error.h"

/* The machine's name into OUT, at most SIZE - 1 bytes (cut) and a NUL; "localhost" when it has none. */
void sys_hostname(char *out, size_t size);

/* Processors this process may run on; at least 1. */
int sys_cpus(void);

/* The size of the terminal FD, both at least 1. Returns 0, or -1 with errno set: ENOTTY when it is not one,
 * ENXIO when it does not know its size. */
WARN_UNUSED int sys_terminal_size(int fd, int *columns, int *rows);

/* Whether this process's group is the foreground group of the terminal FD; also true when that is unknown. */
int sys_in_foreground(int fd);

/* The name of the signal SIGNO for messages, as "SIGKILL (9)"; "signal 99" for one without a name. Written to OUT, which has
 * SYS_SIGNAL_NAME_MAX bytes. */
enum { SYS_SIGNAL_NAME_MAX = 32 };
void sys_signal_name(int signo, char out[SYS_SIGNAL_NAME_MAX]);

/* The absolute path of the running program. The caller frees *OUT. Returns 0, or -1 with err set. */
WARN_UNUSED int sys_executable_path(char **out, struct error *err);

/* Find the program NAME: a regular file that may be executed. A NAME with a slash is the file's path; any other is
 * looked up in PATH_ENV, a list as in $PATH (NULL or empty: START_DEFAULT_PATH). Empty and relative elements are
 * skipped, so that no file of the working directory is ever used as a tool.
 *
 * *OUT becomes an absolute path, which the caller frees. Returns 0, or -1 with err set: not_found, or an errno name
 * (out of memory, no working directory). */
WARN_UNUSED int sys_find_program(const char *name, const char *path_env, char **out, struct error *err);

/* Remove the variable NAME from this process's environment: later children do not inherit it, and its value is
 * overwritten where the system shows it to others (/proc/PID/environ). *OUT becomes the value, which the caller frees,
 * or NULL when it was not set. Returns 0, or -1 with err set (EINVAL for an invalid name, ENOMEM). */
WARN_UNUSED int sys_take_env(const char *name, char **out, struct error *err);

/* What sys_take_env() has removed, as "NAME=value", in the order in which it was; terminated by NULL, or NULL. For a process of this
 * program's own that needs the same environment, and takes the variables in the same way. The strings are borrowed. */
const char *const *sys_taken_env(void);

/* Keep secrets in memory out of core dumps, and (on Linux) protected from other processes of the same user. Applies
 * to this process; a program that it starts is protected from core dumps only. Returns 0, or -1 with err set. */
WARN_UNUSED int sys_protect_memory(struct error *err);

/* Write all LEN bytes to FD. Returns 0, or -1 with err set; some bytes may have been written then. */
WARN_UNUSED int sys_write_all(int fd, const void *data, size_t len, struct error *err);

#endif
