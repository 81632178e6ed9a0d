/* How fast output is cleaned, masked, split and written to a log, beside memchr over the same bytes, in one run:
 *
 *	bench_text LOG
 *
 * prints lines of <name> <GB/s> <share of memchr's speed>. LOG is a file that is written, and removed in the end.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "child/output.h"
#include "secret/mask.h"
#include "text/lines.h"
#include "text/terminal_filter.h"

#define CHUNK     ((size_t)64 << 10)
#define TEXT_SIZE ((size_t)16 << 20)
#define ROUNDS    9

static char *text;
static size_t text_len;
static struct buf out;

static void check(int failed, const char *what)
{
	if (!failed)
		return;
	fprintf(stderr, "bench_text: %s failed\n", what);
	exit(1);
}

/* What a docker build prints, its numbers different in every line. */
static void make_text(void)
{
	static const char *const shapes[] = {
		"#%u [4/9] RUN pip install --no-cache-dir -r requirements.txt\n",
		"#%u 12.4 Get:41 http://deb.debian.org/debian bookworm/main amd64 libcurl4 amd64 7.88.1-10\n",
		"#%u 13.0   Downloading pydantic_core-2.33.2-cp311-cp311-manylinux_2_17_x86_64.whl (2.0 MB)\n",
		"#%u 14.9 Setting up libpython3.11-stdlib:amd64 (3.11.2-6+deb12u6) ...\n",
		"#%u 15.2 npm warn deprecated inflight@1.0.6: this module is not supported, and leaks memory\n",
		"#%u 21.7 Progress: resolved 812, reused 0, downloaded 640 (78%%), added 633\n",
		"#%u sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 4.19MB / 4.19MB\n",
	};
	unsigned line = 0;
	text = malloc(TEXT_SIZE);
	check(!text, "malloc");
	while (text_len + 200 < TEXT_SIZE) {
		text_len += (size_t)snprintf(text + text_len, 200, shapes[line % ARRAY_LEN(shapes)], line * 7919);
		line++;
	}
}

static void add_secrets(void)
{
	static const char *const secrets[] = {"9b3f6a1c0d5e7f8290a1b2c3d4e5f60718293a4b", "hunter2-horse-battery/staple",
	                                      "glpat-x7Kq_Zr9TnB4mVd2"};
	struct error err;
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		check(mask_add(secrets[i], strlen(secrets[i]), &err), "mask_add");
}

static size_t sink;

static void run_memchr(void)
{
	const char *at = text;
	while ((at = memchr(at, '\n', text_len - (size_t)(at - text)))) {
		sink++;
		at++;
	}
}

/* One pass that finds nothing: the speed of memory more than of the call. */
static void run_memchr_none(void)
{
	sink += memchr(text, '\1', text_len) != NULL;
}

static void run_memcpy(void)
{
	for (size_t at = 0; at < text_len; at += CHUNK) {
		buf_clear(&out);
		check(buf_append(&out, text + at, text_len - at < CHUNK ? text_len - at : CHUNK), "buf_append");
	}
}

static void run_mask(void)
{
	struct mask_stream stream;
	mask_stream_init(&stream);
	for (size_t at = 0; at < text_len; at += CHUNK) {
		buf_clear(&out);
		check(mask_feed(&stream, text + at, text_len - at < CHUNK ? text_len - at : CHUNK, &out), "mask_feed");
	}
	check(mask_finish(&stream, &out), "mask_finish");
	mask_stream_free(&stream);
}

static void run_filter(void)
{
	struct terminal_filter filter;
	terminal_filter_init(&filter);
	for (size_t at = 0; at < text_len; at += CHUNK) {
		buf_clear(&out);
		check(terminal_filter_feed(&filter, text + at, text_len - at < CHUNK ? text_len - at : CHUNK, &out),
		      "terminal_filter_feed");
	}
	check(terminal_filter_finish(&filter, &out), "terminal_filter_finish");
}

static int on_line(void *ud, const char *line, size_t len)
{
	(void)ud;
	sink += len + (len > 0 && line[0] == '#');
	return 0;
}

static void run_lines(void)
{
	struct lines lines;
	lines_init(&lines, 16384, on_line, NULL);
	for (size_t at = 0; at < text_len; at += CHUNK)
		check(lines_feed(&lines, text + at, text_len - at < CHUNK ? text_len - at : CHUNK), "lines_feed");
	check(lines_finish(&lines), "lines_finish");
	lines_free(&lines);
}

static const char *log_file;

/* The bytes alone, as the log is written. */
static void run_write(void)
{
	int fd = open(log_file, O_WRONLY | O_CREAT | O_EXCL, 0600);
	for (size_t at = 0; at < text_len; at += CHUNK)
		check(fd_write_all(fd, text + at, text_len - at < CHUNK ? text_len - at : CHUNK), "write");
	fd_close(&fd);
}

/* From what a child printed to its log: cleaned, masked, written, its end kept. */
static void run_log(void)
{
	struct output_options options = {.log_file = log_file, .log_max = 64 << 20, .tail = CHUNK};
	struct output output;
	struct error err;
	check(output_init(&output, &options, &err), "output_init");
	for (size_t at = 0; at < text_len; at += CHUNK)
		check(output_feed(&output, text + at, text_len - at < CHUNK ? text_len - at : CHUNK, &err), "output_feed");
	check(output_finish(&output, &err) || output.log_failed, "output_finish");
	output_free(&output);
}

/* GB/s of the fastest round. */
static double speed(void (*run)(void))
{
	int64_t best = INT64_MAX;
	for (int round = 0; round < ROUNDS; round++) {
		int64_t begin, took;
		/* A new file each time: some filesystems (ext4) write a file that was emptied out to the disk at its close. */
		unlink(log_file);
		begin = clock_monotonic_ns();
		run();
		took = clock_monotonic_ns() - begin;
		if (took < best)
			best = took;
	}
	return (double)text_len / (double)best;
}

static void show(const char *name, void (*run)(void), double base)
{
	double reached = speed(run);
	printf("%s %.2f %.2f\n", name, reached, reached / base);
}

int main(int argc, char **argv)
{
	double base;
	if (argc != 2) {
		fprintf(stderr, "usage: bench_text LOG\n");
		return 2;
	}
	log_file = argv[1];
	buf_init(&out, CHUNK * 4);
	make_text();
	base = speed(run_memchr_none);
	printf("memchr %.2f 1.00\n", base);
	show("memchr-lines", run_memchr, base);
	show("memcpy", run_memcpy, base);
	show("mask-without-secrets", run_mask, base);
	add_secrets();
	show("mask-3-secrets", run_mask, base);
	show("terminal-filter", run_filter, base);
	show("lines", run_lines, base);
	show("write", run_write, base);
	show("log", run_log, base);
	unlink(log_file);
	buf_free(&out);
	free(text);
	mask_clear();
	return sink == 0;
}
