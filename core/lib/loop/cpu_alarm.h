/* Calls a function each time the process has computed for a while: from a signal handler, in the thread that started it.
 *
 *	cpu_alarm_start(50000, ring);
 *	...
 *	cpu_alarm_stop();
 *
 * Only processor time in user mode counts, so a process that waits is not disturbed. Uses SIGVTALRM and ITIMER_VIRTUAL, which a
 * child does not inherit. The state is process-wide, like these.
 */
#ifndef MOLBUILD_CPU_ALARM_H
#define MOLBUILD_CPU_ALARM_H

/* Call RING, which may do only what a signal handler may, after each EVERY_US microseconds (below a second) of processor time. */
void cpu_alarm_start(long every_us, void (*ring)(void));

/* RING is not called any more. */
void cpu_alarm_stop(void);

#endif
