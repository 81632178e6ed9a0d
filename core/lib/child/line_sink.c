#include "child/line_sink.h"

#include <stdlib.h>
#include <string.h>

/* A bundle of this size is passed on. */
#define BUNDLE_FULL (OUTPUT_LINES_MAX - OUTPUT_LINE_MAX)

struct line_beginning {
	const char *text;
	size_t common; /* the length of the beginning that it shares with the previous text of the sorted list */
};

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct line_beginning *)a)->text, ((const struct line_beginning *)b)->text);
}

/* Sort COUNT of them. */
static void sort(struct line_beginning *list, size_t count)
{
	qsort(list, count, sizeof *list, by_text);
	for (size_t i = 1; i < count; i++)
		while (list[i].text[list[i].common] && list[i].text[list[i].common] == list[i - 1].text[list[i].common])
			list[i].common++;
}

/* A sorted copy in one block of memory; its last text is NULL. NULL without memory. */
static struct line_beginning *copy_beginnings(const char *const *list)
{
	size_t count = 0, size = sizeof(struct line_beginning);
	struct line_beginning *copy;
	char *text;
	for (; list[count]; count++)
		size += sizeof *copy + strlen(list[count]) + 1;
	copy = calloc(1, size);
	if (!copy)
		return NULL;
	text = (char *)(copy + count + 1);
	for (size_t i = 0; i < count; i++) {
		copy[i].text = strcpy(text, list[i]);
		text += strlen(text) + 1;
	}
	sort(copy, count);
	return copy;
}

int line_sink_init(struct line_sink *sink, const struct line_sink_options *options)
{
	*sink = (struct line_sink){.to = *options};
	buf_init(&sink->bundle, OUTPUT_LINES_MAX);
	if (options->only)
		sink->only = copy_beginnings(options->only);
	return options->only && !sink->only ? -1 : 0;
}

void line_sink_free(struct line_sink *sink)
{
	buf_free(&sink->bundle);
	free(sink->only);
	sink->only = NULL;
}

int line_sink_is_used(const struct line_sink *sink)
{
	return sink->to.on_line || sink->to.on_lines;
}

int line_sink_flush(struct line_sink *sink)
{
	int answer;
	if (sink->bundle.len == 0)
		return 0;
	answer = sink->to.on_lines(sink->to.ud, sink->bundle.data, sink->bundle.len);
	buf_clear(&sink->bundle);
	sink->slow |= answer == LINES_WAIT;
	return answer == LINES_STOP;
}

static int bundle(struct line_sink *sink, const char *line, size_t len)
{
	struct buf *bundle = &sink->bundle;
	if (buf_reserve(bundle, len + 1) < 0)
		return -1;
	memcpy(bundle->data + bundle->len, line, len);
	bundle->len += len + 1;
	bundle->data[bundle->len - 1] = '\n';
	bundle->data[bundle->len] = '\0';
	return bundle->len >= BUNDLE_FULL ? line_sink_flush(sink) : 0;
}

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Every line of a build is checked here: what the beginnings have in common is compared once. */
static int begins_as(const struct line_beginning *list, const char *line, size_t len)
{
	const char *end = line + len;
	size_t matched = 0;
	for (; list->text; list++) {
		if (list->common < matched)
			return 0;
		if (list->common > matched)
			continue;
		for (; list->text[matched] && line < end; matched++) {
			if (*line != list->text[matched] && (list->text[matched] != '0' || !is_digit(*line)))
				break;
			for (line++; list->text[matched] == '0' && line < end && is_digit(*line);)
				line++;
		}
		if (!list->text[matched])
			return 1;
	}
	return 0;
}

static int is_of_interest(const struct line_sink *sink, const char *line, size_t len, int behind_cr)
{
	if (!sink->to.on_line || (behind_cr && sink->to.after_newline))
		return 0;
	return !sink->only || begins_as(sink->only, line, len);
}

int line_sink_take(struct line_sink *sink, const char *line, size_t len, int behind_cr)
{
	int answer, stop = sink->to.on_lines ? bundle(sink, line, len) : 0;
	if (stop || !is_of_interest(sink, line, len, behind_cr))
		return stop;
	/* Both callbacks together get the lines in order. */
	stop = line_sink_flush(sink);
	if (stop)
		return stop;
	answer = sink->to.on_line(sink->to.ud, line, len);
	sink->quiet = answer == LINES_QUIET;
	return answer == LINES_STOP;
}
