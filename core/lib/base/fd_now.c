#include "base/fd_now.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* The value of POSIX's PIPE_BUF, which some systems define elsewhere: poll() reports room when a pipe has this much. */
#define UNGUARDED_MAX ((size_t)512)

#ifdef __linux__

static timer_t timer;
static pid_t timer_owner; /* a forked process has no timer */
/* Writes in progress. A signal handler may write during one, and must then not touch the timer. */
static volatile sig_atomic_t guards;

static void on_timer(int signo)
{
	(void)signo;
}

void fd_now_prepare(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGURG};
	/* No SA_RESTART: the write must return. */
	struct sigaction action = {.sa_handler = on_timer};
	int saved = errno;
	sigemptyset(&action.sa_mask);
	if (timer_owner != getpid() && sigaction(SIGURG, &action, NULL) == 0 &&
	    timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
		timer_owner = getpid();
	errno = saved;
}

/* Fires repeatedly, since the first signal may come before the write begins. */
static int start_timer(void)
{
	const struct itimerspec often = {{0, FD_NOW_MAX_NS}, {0, FD_NOW_MAX_NS}};
	if (timer_owner != getpid() || timer_settime(timer, 0, &often, NULL) < 0)
		return 0;
	guards++;
	return 1;
}

static void stop_timer(void)
{
	const struct itimerspec off = {{0, 0}, {0, 0}};
	int saved = errno;
	if (--guards == 0)
		timer_settime(timer, 0, &off, NULL);
	errno = saved;
}

#else

void fd_now_prepare(void)
{
}

static int start_timer(void)
{
	return 0;
}

static void stop_timer(void)
{
}

#endif

ssize_t fd_write_now(int fd, const void *data, size_t len)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};
	int ready = poll(&room, 1, 0), guarded;
	ssize_t put;
	if (ready < 0 && errno != EINTR)
		return -1;
	if (ready <= 0)
		return 0;
	guarded = start_timer();
	put = write(fd, data, guarded || len < UNGUARDED_MAX ? len : UNGUARDED_MAX);
	if (guarded)
		stop_timer();
	return put < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : put;
}
