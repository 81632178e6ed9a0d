/* Libraries that end the process themselves: lua-cjson calls exit(-1) when it gets no memory.
 *
 * Calling sequence: exit_guard_begin() before such a library is called, exit_guard_end() after it. An exit() in between becomes
 * an ordinary failure: the terminal is given back (give_back.h), stderr gets one line, and the status is 1. The locks
 * of the process are released by the kernel, and the next run removes what is left of this one. */
#ifndef MOLBUILD_EXIT_GUARD_H
#define MOLBUILD_EXIT_GUARD_H

/* The first call registers an atexit() handler. Never fails: without a handler an exit keeps its own status. */
void exit_guard_begin(void);
void exit_guard_end(void);

#endif
