#include "loop/fork.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "loop/signals.h"

static void set_up_child(pid_t parent, int death_signal)
{
	setsid();
	signals_reset();
#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, death_signal);
	/* The parent may have died before the signal was requested. */
	if (getppid() != parent)
		_exit(127);
#else
	(void)parent;
	(void)death_signal;
#endif
}

pid_t fork_clean(int death_signal)
{
	sigset_t all, before;
	pid_t pid, parent = getpid();
	int saved;
	/* No handler of this program may run in the child before its dispositions are reset. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	saved = errno;
	if (pid == 0)
		set_up_child(parent, death_signal);
	else
		sigprocmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return pid;
}
