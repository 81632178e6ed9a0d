/* Runs a command, for specs, and notes what it took: peak FILE COMMAND [ARGUMENT...]
 *
 * FILE gets the peak memory in KiB, of the command or of a child it has waited for, whichever is more, and the seconds.
 * The exit status is the command's, or 128 and the signal that ended it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static double now(void)
{
	struct timeval time;
	gettimeofday(&time, NULL);
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void note(const char *path, long kibibytes, double seconds)
{
	FILE *file = fopen(path, "w");
	if (!file || fprintf(file, "%ld %.3f\n", kibibytes, seconds) < 0 || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct rusage usage;
	double begin = now();
	int status;
	pid_t pid;
	if (argc < 3) {
		fprintf(stderr, "usage: peak FILE COMMAND [ARGUMENT...]\n");
		return 2;
	}
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid) {
		perror("peak");
		return 1;
	}
#ifdef __APPLE__
	usage.ru_maxrss /= 1024;
#endif
	note(argv[1], usage.ru_maxrss, now() - begin);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
