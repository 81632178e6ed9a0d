/* Runs several commands in turn, again and again, and says what each takes:
 *
 *	measure [-n ROUNDS] [-w WARMUPS] [-u FILE] [-b COMMAND] COMMAND [ARGUMENT...] [:: COMMAND [ARGUMENT...]]...
 *
 * One line a command, in their order: the medians of the wall time and of the processor time in milliseconds, and
 *of the peak memory in KiB (of the process, or of a child it has waited for, whichever is more). In turn, so that
 * whatever else the machine does hits all of them alike. Their output goes to /dev/null. FILE is removed before
 *each run and at the end; the command of -b is a shell's, and run before each, unmeasured. A command that fails ends
 * it all, with status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"

#define MAX_COMMANDS 16
#define MAX_ROUNDS   1000

struct command {
	char **argv;
	double wall[MAX_ROUNDS], cpu[MAX_ROUNDS], rss[MAX_ROUNDS];
};

struct settings {
	int rounds, warmups;
	const char *scratch, *before;
};

static struct command commands[MAX_COMMANDS];
static int command_count;

static void die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void become(char **argv)
{
	int fd = open("/dev/null", O_RDWR);
	if (fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0)
		_exit(126);
	close(fd);
	execvp(argv[0], argv);
	_exit(127);
}

static double milliseconds(const struct timeval *time)
{
	return (double)time->tv_sec * 1e3 + (double)time->tv_usec / 1e3;
}

static double kibibytes(long maxrss)
{
#ifdef __APPLE__
	return (double)maxrss / 1024;
#else
	return (double)maxrss;
#endif
}

static void run_once(struct command *command, int round, const struct settings *settings)
{
	struct rusage usage;
	int64_t begin;
	int status;
	pid_t pid;
	if (settings->scratch)
		unlink(settings->scratch);
	if (settings->before && system(settings->before) != 0) {
		fprintf(stderr, "measure: %s failed\n", settings->before);
		exit(1);
	}
	begin = clock_monotonic_ns();
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		become(command->argv);
	if (wait4(pid, &status, 0, &usage) != pid)
		die("wait4");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "measure: %s ended with status %d\n", command->argv[0], status);
		exit(1);
	}
	if (round < 0)
		return;
	command->wall[round] = (double)(clock_monotonic_ns() - begin) / 1e6;
	command->cpu[round] = milliseconds(&usage.ru_utime) + milliseconds(&usage.ru_stime);
	command->rss[round] = kibibytes(usage.ru_maxrss);
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof *values, compare);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* Cuts the arguments into commands at each "::". */
static void take_commands(char **argv)
{
	char **first = argv;
	for (; *argv; argv++) {
		if (strcmp(*argv, "::") == 0) {
			*argv = NULL;
			first = argv + 1;
		} else if (argv == first && command_count < MAX_COMMANDS) {
			commands[command_count++].argv = argv;
		}
	}
}

static void take_arguments(int argc, char **argv, struct settings *settings)
{
	int option;
	/* The plus: a command's own options are the command's. */
	while ((option = getopt(argc, argv, "+n:w:u:b:")) != -1) {
		if (option == 'n')
			settings->rounds = atoi(optarg);
		else if (option == 'w')
			settings->warmups = atoi(optarg);
		else if (option == 'u')
			settings->scratch = optarg;
		else if (option == 'b')
			settings->before = optarg;
		else
			exit(2);
	}
	take_commands(argv + optind);
	if (command_count == 0 || settings->rounds < 1 || settings->rounds > MAX_ROUNDS) {
		fprintf(stderr,
		        "usage: measure [-n ROUNDS] [-w WARMUPS] [-u FILE] [-b COMMAND] COMMAND... [:: COMMAND...]...\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct settings settings = {.rounds = 1};
	take_arguments(argc, argv, &settings);
	for (int round = -settings.warmups; round < settings.rounds; round++)
		for (int i = 0; i < command_count; i++)
			run_once(&commands[i], round, &settings);
	if (settings.scratch)
		unlink(settings.scratch);
	for (int i = 0; i < command_count; i++)
		printf("%.3f %.3f %.0f\n", median(commands[i].wall, settings.rounds), median(commands[i].cpu, settings.rounds),
		       median(commands[i].rss, settings.rounds));
	return 0;
}
