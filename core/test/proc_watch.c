/* Looks at every process of the machine, again and again, for words that must not be seen there:
 *
 *     proc_watch WORDS OUT
 *
 * WORDS is a file with a word a line. Prints "ready" when it begins, and looks until it is ended by TERM (or after ten
 * minutes). OUT gets a line for each new thing seen, its fields separated by tabs: pid, parent's pid, where a word was
 * found ("-" nowhere, "argv", "environ", "both"), the arguments joined by blanks. Linux.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORDS  64
#define MAX_SEEN   65536
#define LIFETIME_S 600

static char words[MAX_WORDS][1024];
static size_t word_count;
static uint64_t seen[MAX_SEEN];
static FILE *out;
static volatile sig_atomic_t ended;

static void on_term(int signo)
{
	(void)signo;
	ended = 1;
}

static void fail(const char *what)
{
	fprintf(stderr, "proc_watch: %s\n", what);
	exit(1);
}

static void read_words(const char *path)
{
	FILE *file = fopen(path, "r");
	if (!file)
		fail("cannot read the words");
	while (word_count < MAX_WORDS && fgets(words[word_count], sizeof words[0], file)) {
		words[word_count][strcspn(words[word_count], "\n")] = '\0';
		if (words[word_count][0])
			word_count++;
	}
	fclose(file);
	if (word_count == 0 || word_count == MAX_WORDS)
		fail("no words, or too many");
}

/* What /proc/PID/NAME holds, with a NUL behind it; 0 when the process is gone. */
static size_t read_proc(const char *pid, const char *name, char *text, size_t size)
{
	char path[64];
	size_t len = 0;
	ssize_t got;
	int fd;
	snprintf(path, sizeof path, "/proc/%.20s/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while (len + 1 < size && (got = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)got;
	close(fd);
	text[len] = '\0';
	return len;
}

static int has_word(const char *text, size_t len)
{
	for (size_t i = 0; i < word_count; i++)
		if (memmem(text, len, words[i], strlen(words[i])))
			return 1;
	return 0;
}

static int parent_of(const char *pid)
{
	char stat[4096], *behind;
	int parent = 0;
	if (!read_proc(pid, "stat", stat, sizeof stat))
		return 0;
	/* The name in parentheses may hold anything. */
	behind = strrchr(stat, ')');
	if (!behind || sscanf(behind + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

/* Whether this was not seen before; FNV-1a of all of it. */
static int is_new(const char *pid, int where, const char *argv, size_t len)
{
	uint64_t hash = 1469598103934665603U + (uint64_t)where;
	for (size_t i = 0; pid[i]; i++)
		hash = (hash ^ (unsigned char)pid[i]) * 1099511628211U;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)argv[i]) * 1099511628211U;
	hash |= 1;
	for (size_t i = hash % MAX_SEEN, tries = 0; tries < MAX_SEEN; i = (i + 1) % MAX_SEEN, tries++) {
		if (seen[i] == hash)
			return 0;
		if (!seen[i]) {
			seen[i] = hash;
			return 1;
		}
	}
	fail("too many processes");
	return 0;
}

static void look_at(const char *pid)
{
	static char argv[262144], again[262144], environment[262144];
	static const char *const names[] = {"-", "argv", "environ", "both"};
	size_t len = read_proc(pid, "cmdline", argv, sizeof argv), environment_len, again_len;
	int where;
	/* A thread of the kernel, or a zombie. */
	if (len == 0 || atoi(pid) == getpid())
		return;
	environment_len = read_proc(pid, "environ", environment, sizeof environment);
	again_len = read_proc(pid, "cmdline", again, sizeof again);
	/* It became another program meanwhile: next time. */
	if (len != again_len || memcmp(argv, again, len) != 0)
		return;
	where = has_word(argv, len) | has_word(environment, environment_len) << 1;
	if (!is_new(pid, where, argv, len))
		return;
	for (size_t i = 0; i < len; i++)
		if (argv[i] == '\0' || argv[i] == '\n' || argv[i] == '\t')
			argv[i] = ' ';
	fprintf(out, "%s\t%d\t%s\t%s\n", pid, parent_of(pid), names[where], argv);
}

static void look_around(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	if (!proc)
		fail("there is no /proc");
	while ((entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at(entry->d_name);
	closedir(proc);
}

int main(int argc, char **argv)
{
	time_t deadline = time(NULL) + LIFETIME_S;
	if (argc != 3)
		fail("usage: proc_watch WORDS OUT");
	read_words(argv[1]);
	out = fopen(argv[2], "w");
	if (!out)
		fail("cannot write");
	signal(SIGTERM, on_term);
	look_around();
	puts("ready");
	fclose(stdout);
	while (!ended && time(NULL) < deadline)
		look_around();
	return fclose(out) ? 1 : 0;
}
