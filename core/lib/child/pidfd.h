/* A handle on a process, so that a signal never hits another one that was given the same number. */
#ifndef MOLBUILD_PIDFD_H
#define MOLBUILD_PIDFD_H

#include <sys/types.h>

/* The handle, to be closed with fd_close(); -1 where the system has none, or keeps it from us. Take it before looking
 * whether PID is the process that is meant. */
int pidfd_take(pid_t pid);

/* Send SIGNO through the handle; by the number where that does not work: there is no handle, or a filter of system calls
 * denies its use. */
void pidfd_signal(int pidfd, pid_t pid, int signo);

#endif
