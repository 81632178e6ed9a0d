#include "base/start.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "base/start_filter.h"

/* Whether the sender of SIGNO wants the program to end. Then it ends, however long the signal was blocked. */
static int asks_to_end(int signo)
{
	return signo == SIGHUP || signo == SIGINT || signo == SIGQUIT || signo == SIGTERM;
}

/* A pending signal would have its effect when it is unblocked; ignoring it discards it. */
static void drop_pending(void)
{
	sigset_t pending;
	struct sigaction before, ignore = {.sa_handler = SIG_IGN};
	sigemptyset(&ignore.sa_mask);
	if (sigpending(&pending) < 0)
		return;
	for (int signo = 1; signo < NSIG; signo++)
		if (sigismember(&pending, signo) == 1 && !asks_to_end(signo) && sigaction(signo, &ignore, &before) == 0)
			sigaction(signo, &before, NULL);
}

static void clean_signals(void)
{
	sigset_t none;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	drop_pending();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void stop_timers(void)
{
	const struct itimerval off = {{0, 0}, {0, 0}};
	setitimer(ITIMER_VIRTUAL, &off, NULL);
	setitimer(ITIMER_PROF, &off, NULL);
}

static void raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= START_DESCRIPTORS)
		return;
	limit.rlim_cur = limit.rlim_max < START_DESCRIPTORS ? limit.rlim_max : START_DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit);
}

void start_clean(void)
{
	const char *path = getenv("PATH");
	start_filter_correct();
	stop_timers();
	clean_signals();
	raise_descriptors();
	if (!path || !*path)
		setenv("PATH", START_DEFAULT_PATH, 1);
}
