#include "loop/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/restore_terminal.h"

#define MAX_SIGNAL 32
/* The number of arrivals of one signal, without any being taken, after which it has its default effect. */
#define ARRIVALS_MAX 3

static int pipe_ends[2] = {-1, -1};
static pid_t pipe_owner;
static volatile sig_atomic_t arrivals[MAX_SIGNAL];
static volatile sig_atomic_t child_ended; /* since the last check; the byte alone could be lost */
static int taken_order[MAX_SIGNAL];
static int taken_count;

static void on_signal(int signo)
{
	int saved = errno;
	char byte = (char)signo;
	ssize_t put;
	/* A child between fork and exec shares the pipe; its signals are not this process's. */
	if (getpid() != pipe_owner) {
		signal(signo, SIG_DFL);
		raise(signo);
		return;
	}
	if (signo != SIGCHLD && ++arrivals[signo] >= ARRIVALS_MAX) {
		restore_terminal_now();
		signal(signo, SIG_DFL);
		raise(signo);
	}
	if (signo == SIGCHLD)
		child_ended = 1;
	/* A full pipe loses nothing: it has bytes that wake the loop, and the loop asks every child. */
	do
		put = write(pipe_ends[1], &byte, 1);
	while (put < 0 && errno == EINTR);
	errno = saved;
}

int signals_open(struct error *err)
{
	if (pipe_ends[0] >= 0 && pipe_owner == getpid())
		return pipe_ends[0];
	/* After a fork the pipe belongs to the parent: the child creates its own. */
	fd_close(&pipe_ends[0]);
	fd_close(&pipe_ends[1]);
	if (fd_pipe(pipe_ends) < 0)
		return error_errno(err, errno, "cannot create the signal pipe");
	if (fd_set_nonblocking(pipe_ends[0]) < 0 || fd_set_nonblocking(pipe_ends[1]) < 0) {
		error_errno(err, errno, "cannot create the signal pipe");
		fd_close(&pipe_ends[0]);
		fd_close(&pipe_ends[1]);
		return -1;
	}
	pipe_owner = getpid();
	return pipe_ends[0];
}

int signals_catch(int signo, struct error *err)
{
	struct sigaction old, action = {.sa_handler = on_signal};
	if (signo <= 0 || signo >= MAX_SIGNAL)
		return error_set(err, "invalid", "signal %d cannot be caught", signo);
	action.sa_flags = SA_RESTART | (signo == SIGCHLD ? SA_NOCLDSTOP : 0);
	sigemptyset(&action.sa_mask);
	if (sigaction(signo, NULL, &old) < 0)
		return error_errno(err, errno, "cannot catch signal %d", signo);
	if (old.sa_handler == on_signal || (old.sa_handler == SIG_IGN && signo != SIGCHLD))
		return 0;
	if (sigaction(signo, &action, NULL) < 0)
		return error_errno(err, errno, "cannot catch signal %d", signo);
	return 0;
}

void signals_drain(int *child)
{
	char bytes[64];
	ssize_t got;
	if (child_ended) {
		child_ended = 0;
		*child = 1;
	}
	while ((got = fd_read(pipe_ends[0], bytes, sizeof bytes)) > 0)
		for (ssize_t i = 0; i < got; i++) {
			if (bytes[i] == SIGCHLD)
				*child = 1;
			else if (taken_count < MAX_SIGNAL)
				taken_order[taken_count++] = bytes[i];
		}
}

int signals_waiting(void)
{
	int count = 0;
	for (int signo = 1; signo < MAX_SIGNAL; signo++)
		count += arrivals[signo];
	return count;
}

int signals_take(void)
{
	int signo;
	if (taken_count == 0)
		return 0;
	signo = taken_order[0];
	taken_count--;
	for (int i = 0; i < taken_count; i++)
		taken_order[i] = taken_order[i + 1];
	arrivals[signo] = 0;
	return signo;
}

void signals_reset(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;
	sigemptyset(&action.sa_mask);
	for (int signo = 1; signo < NSIG; signo++)
		sigaction(signo, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
