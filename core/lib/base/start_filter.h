/* Part of start.h: for filters of system calls that are older than the system. */
#ifndef MOLBUILD_START_FILTER_H
#define MOLBUILD_START_FILTER_H

/* Container engines from before 2021 answer EPERM to every system call that is newer than they are. glibc starts a thread with
 * clone3, and uses the older call only after ENOSYS. So no thread starts, and no name is resolved, neither here nor in git. If
 * clone3 is denied in this way, a second filter answers ENOSYS to it and to all newer calls; of two filters with an error, the
 * one that was installed last decides. Everything that worked before still works, except for programs that gain rights when
 * they start (set-user-ID), which no filter allows. Children inherit the filter. */
void start_filter_correct(void);

#endif
