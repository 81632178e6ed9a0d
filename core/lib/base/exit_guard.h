/* For libraries that end the process themselves: lua-cjson calls exit(-1) when it gets no memory.
 *
 * Calling sequence: exit_guard_begin() before a call of such a library, exit_guard_end() after it. An exit() between them becomes
 * an ordinary failure: the terminal is restored (restore_terminal.h), stderr gets one line, and the status is 1. The kernel releases
 * the locks of the process, and the next run removes its files. */
#ifndef MOLBUILD_EXIT_GUARD_H
#define MOLBUILD_EXIT_GUARD_H

/* The first call registers an atexit() handler. Never fails: without a handler an exit() keeps its status. */
void exit_guard_begin(void);
void exit_guard_end(void);

#endif
