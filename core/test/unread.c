/* Runs a command, for specs, whose stdout or stderr is not read: unread DESCRIPTOR KIND FILE COMMAND [ARGUMENT...]
 *
 * DESCRIPTOR is 1, 2 or 12 (both). KIND says what it becomes: pipe, socket, terminal (the command then leads a session on
 * it), or gone (a pipe whose reader has ended). The command replaces this process. A process of its own holds the other
 * end, its pid in FILE.pid. It reads once SIGUSR1 has come or no process can write any more, and appends what it gets to FILE.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t reading;

static void on_signal(int signo)
{
	(void)signo;
	reading = 1;
}

static void fail(const char *what)
{
	perror(what);
	exit(99);
}

static int open_terminal(int *master)
{
	int slave;
	*master = posix_openpt(O_RDWR | O_NOCTTY);
	if (*master < 0 || grantpt(*master) < 0 || unlockpt(*master) < 0)
		return -1;
	slave = open(ptsname(*master), O_RDWR | O_NOCTTY);
	if (slave >= 0)
		ioctl(slave, TIOCSWINSZ, &(struct winsize){.ws_row = 24, .ws_col = 80});
	return slave;
}

/* Returns the command's end; the other one goes to *READER. */
static int open_ends(const char *kind, int *reader)
{
	int ends[2];
	if (strcmp(kind, "terminal") == 0)
		return open_terminal(reader);
	if ((strcmp(kind, "socket") == 0 ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends)) < 0)
		return -1;
	*reader = ends[0];
	return ends[1];
}

/* Wait until there is a reason to read: the signal, or the end of all writers. */
static void wait_to_read(int fd, const sigset_t *signals)
{
	struct pollfd end = {.fd = fd};
	while (!reading && !(end.revents & (POLLHUP | POLLERR)))
		ppoll(&end, 1, &(struct timespec){.tv_sec = 300}, signals);
}

static void hold(int fd, const char *path)
{
	char bytes[4096], name[4096];
	ssize_t got;
	sigset_t usual, blocked;
	FILE *file;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, &usual);
	sigdelset(&usual, SIGUSR1);
	signal(SIGUSR1, on_signal);
	snprintf(name, sizeof name, "%s.pid", path);
	file = fopen(name, "w");
	if (!file || fprintf(file, "%ld\n", (long)getpid()) < 0 || fclose(file) != 0 || !(file = fopen(path, "a")))
		fail(path);
	wait_to_read(fd, &usual);
	while ((got = read(fd, bytes, sizeof bytes)) > 0)
		if (fwrite(bytes, 1, (size_t)got, file) != (size_t)got || fflush(file) != 0)
			fail(path);
	exit(0);
}

static void start_holder(int reader, int writer, const char *path)
{
	pid_t pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid > 0) {
		/* The command is not to find a child that it did not start. */
		waitpid(pid, NULL, 0);
		return;
	}
	/* A process that waits for the end of the command's own output must not wait for this one. */
	close(writer);
	for (int fd = 0; fd < 3; fd++)
		dup2(open("/dev/null", O_RDWR), fd);
	if (fork() > 0)
		_exit(0);
	hold(reader, path);
}

int main(int argc, char **argv)
{
	int reader = -1, writer;
	if (argc < 5) {
		fprintf(stderr, "usage: unread DESCRIPTOR KIND FILE COMMAND [ARGUMENT...]\n");
		return 99;
	}
	writer = open_ends(argv[2], &reader);
	if (writer < 0)
		fail(argv[2]);
	if (strcmp(argv[2], "gone") != 0)
		start_holder(reader, writer, argv[3]);
	close(reader);
	if (strcmp(argv[2], "terminal") == 0 && (setsid() < 0 || ioctl(writer, TIOCSCTTY, 0) < 0))
		fail("setsid");
	for (const char *digit = argv[1]; *digit; digit++)
		if (dup2(writer, *digit - '0') < 0)
			fail("dup2");
	close(writer);
	execvp(argv[4], argv + 4);
	perror(argv[4]);
	return 99;
}
