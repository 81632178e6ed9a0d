/* Part of start.h: filters of system calls that are older than the system. */
#ifndef MOLBUILD_START_FILTER_H
#define MOLBUILD_START_FILTER_H

/* Container engines of before 2021 answer EPERM to every system call that is newer than they are. glibc starts a thread with
 * clone3, and falls back only at ENOSYS: no thread starts, so no name is resolved, neither here nor in git. Where clone3
 * is denied so, a second filter answers ENOSYS to it and to all that is newer still; of two filters with an error the one that
 * was installed last decides. Nothing that worked before stops working, but for programs that take other rights when they
 * start (set-user-ID), which no filter allows. It holds for children, too. */
void start_filter_correct(void);

#endif
