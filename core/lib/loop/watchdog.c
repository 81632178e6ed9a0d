#include "loop/watchdog.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "loop/signals.h"

#define TICK_US   250000
#define MAX_TICKS 12
/* A TLS handshake may take this long on a slow machine, and some timer is nearly always due. */
#define LEAST_TICKS 4

/* From 1: 0 is a free slot. */
static volatile sig_atomic_t sockets[WATCHDOG_SOCKETS_MAX];
static volatile sig_atomic_t active, ticks, ended;
/* Written while the timer is off. */
static volatile int64_t due;

static void change(int from, int to)
{
	for (size_t i = 0; i < WATCHDOG_SOCKETS_MAX; i++)
		if (sockets[i] == from) {
			sockets[i] = to;
			return;
		}
}

void watchdog_add(int fd)
{
	change(0, fd + 1);
}

void watchdog_remove(int fd)
{
	change(fd + 1, 0);
}

static int must_end(void)
{
	ticks++;
	return ticks >= MAX_TICKS || signals_waiting() || (ticks >= LEAST_TICKS && clock_monotonic_ns() > due);
}

static void on_tick(int signo)
{
	int saved = errno;
	(void)signo;
	if (active && must_end()) {
		ended = 1;
		for (size_t i = 0; i < WATCHDOG_SOCKETS_MAX; i++)
			if (sockets[i])
				shutdown((int)sockets[i] - 1, SHUT_RDWR);
	}
	errno = saved;
}

static void install(void)
{
	static int installed;
	struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
	sigset_t set;
	if (installed)
		return;
	installed = 1;
	sigemptyset(&action.sa_mask);
	sigaction(SIGPROF, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGPROF);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void watchdog_begin(int64_t due_ns)
{
	const struct itimerval every = {{0, TICK_US}, {0, TICK_US}};
	install();
	ticks = ended = 0;
	due = due_ns;
	active = 1;
	setitimer(ITIMER_PROF, &every, NULL);
}

int watchdog_end(void)
{
	const struct itimerval off = {{0, 0}, {0, 0}};
	setitimer(ITIMER_PROF, &off, NULL);
	active = 0;
	return ended != 0;
}
