#include "child/pidfd.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

int pidfd_take(pid_t pid)
{
#ifdef SYS_pidfd_open
	return (int)syscall(SYS_pidfd_open, pid, 0);
#else
	(void)pid;
	return -1;
#endif
}

void pidfd_signal(int pidfd, pid_t pid, int signo)
{
#ifdef SYS_pidfd_send_signal
	/* ESRCH: it has gone, and by its number another process would be hit. Any other failure is the call's. */
	if (pidfd >= 0 && (syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) == 0 || errno == ESRCH))
		return;
#endif
	kill(pid, signo);
}
