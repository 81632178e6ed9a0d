#include "base/restore_terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd_now.h"
#include "base/macros.h"

static char words[RESTORE_TERMINAL_MAX];
static volatile sig_atomic_t words_len;
static volatile sig_atomic_t continued;
static pid_t owner;

/* Signals that end a program by default, except those that the loop catches, and KILL. */
static const int ending[] = {SIGQUIT, SIGILL,    SIGTRAP, SIGABRT, SIGBUS, SIGFPE,  SIGUSR1, SIGSEGV, SIGUSR2,
                             SIGSYS,  SIGVTALRM, SIGPROF, SIGHUP,  SIGINT, SIGTERM, SIGALRM, SIGXCPU};

void restore_terminal_now(void)
{
	ssize_t put;
	/* A child between fork and exec has no terminal settings to undo. */
	if (words_len == 0 || owner != getpid())
		return;
	put = fd_write_now(STDERR_FILENO, words, (size_t)words_len);
	(void)put;
}

/* Apply the default effect of SIGNO now. Returns when that was to stop, and the program has been continued. */
static void have_effect(int signo)
{
	sigset_t one;
	signal(signo, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, signo);
	raise(signo);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
}

static void on_end(int signo)
{
	restore_terminal_now();
	have_effect(signo);
}

/* No SA_RESTART: a write that waits for the terminal must return. */
static void install(int signo, void (*handler)(int signo))
{
	struct sigaction old, action = {.sa_handler = handler};
	sigemptyset(&action.sa_mask);
	if (sigaction(signo, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		sigaction(signo, &action, NULL);
}

static void on_stop(int signo)
{
	int saved = errno;
	restore_terminal_now();
	have_effect(signo);
	install(signo, on_stop);
	errno = saved;
}

static void on_continue(int signo)
{
	(void)signo;
	continued = 1;
}

static void prepare(void)
{
	if (owner == getpid())
		return;
	owner = getpid();
	fd_now_prepare();
	for (size_t i = 0; i < ARRAY_LEN(ending); i++)
		install(ending[i], on_end);
	install(SIGTSTP, on_stop);
	install(SIGCONT, on_continue);
	/* A policy may end the program itself. Without memory for the handler, nothing can be done. */
	if (atexit(restore_terminal_now) != 0)
		errno = 0;
}

int restore_terminal_set(const char *text, size_t len, struct error *err)
{
	if (len > sizeof words)
		return error_set(err, "invalid", "the text that restores the terminal is longer than %zu bytes", sizeof words);
	if (len > 0)
		prepare();
	/* A signal at this moment finds no text rather than a part of it. */
	words_len = 0;
	memcpy(words, text, len);
	words_len = (sig_atomic_t)len;
	return 0;
}

int restore_terminal_continued(void)
{
	int was = continued;
	continued = 0;
	return was;
}
