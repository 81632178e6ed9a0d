#include "secret/mask_scan.h"

#include <string.h>

#include "secret/mask.h"
#include "secret/mask_find.h"

/* Nearly all of a text is passed over without a look at the forms: a secret can begin only near
 *
 *  - four bytes that lie in some form's window, which is sampled every `stride` bytes: the first bytes of a form
 * that stands there as it is hold at least one sample;
 *  - an escape of a character of some form's window;
 *  - the "://" before an '@';
 *  - the end of the text, where it may be cut off.
 *
 * Each of these gives a span of places; the forms are tried at every place in them. */
struct span {
	size_t from, to; /* to: behind the last one; from == to: none */
};

struct scan {
	const struct mask_forms *forms;
	const unsigned char *text;
	size_t len;
	int final;
	size_t stride;
	size_t at;    /* all places before are decided */
	size_t until; /* the places from at to here are to be tried */
	size_t tail;  /* and all from here to the end */
	size_t gram;  /* the next sample in a window, escape, "://": not before at, or len when there is none */
	size_t percent;
	size_t backslash;
	size_t url;
	size_t url_seen; /* no '@' before is to be looked at again */
};

static size_t next_gram(const struct scan *scan)
{
	const struct mask_forms *forms = scan->forms;
	size_t stride = scan->stride, end = scan->len;
	if (forms->count == 0)
		return end;
	for (size_t at = scan->at + stride - 1; at + MASK_GRAM <= end; at += stride)
		if (mask_forms_gram(forms, scan->text + at))
			return at;
	return end;
}

/* The "://" from scan->at on that has only userinfo between it and END, or END. */
static size_t url_before(const struct scan *scan, size_t end)
{
	const unsigned char *text = scan->text;
	size_t at = end;
	while (at > scan->at && at > scan->url_seen && end - at < MASK_USERINFO_MAX && mask_in_userinfo(text[at - 1]))
		at--;
	return at >= scan->at + 3 && memcmp(text + at - 3, "://", 3) == 0 ? at - 3 : end;
}

/* The end of the text counts as an '@': it may follow. */
static size_t next_url(struct scan *scan)
{
	if (scan->url_seen < scan->at)
		scan->url_seen = scan->at;
	while (scan->url_seen < scan->len) {
		const unsigned char *from = scan->text + scan->url_seen;
		const unsigned char *sign = memchr(from, '@', scan->len - scan->url_seen);
		size_t end = sign ? (size_t)(sign - scan->text) : scan->len;
		size_t url = url_before(scan, end);
		scan->url_seen = end + 1;
		if (url < end)
			return url;
	}
	return scan->len;
}

static void look_ahead(struct scan *scan)
{
	if (scan->gram < scan->at)
		scan->gram = next_gram(scan);
	if (scan->percent < scan->at)
		scan->percent = mask_find_escape(scan->forms, scan->text, scan->len, scan->at, '%');
	if (scan->backslash < scan->at)
		scan->backslash = mask_find_escape(scan->forms, scan->text, scan->len, scan->at, '\\');
	if (scan->url < scan->at)
		scan->url = next_url(scan);
}

/* Let SPAN be the places from BEFORE bytes before SIGN to SIGN, when they come first. */
static void earlier(const struct scan *scan, struct span *span, size_t sign, size_t before)
{
	size_t from = sign > scan->at + before ? sign - before : scan->at;
	if (sign < scan->len && from < span->from)
		*span = (struct span){from, sign + 1};
}

/* The next place to try, or the length of the text. */
static size_t next_place(struct scan *scan)
{
	struct span span = {scan->tail > scan->at ? scan->tail : scan->at, scan->len};
	if (scan->at < scan->until || scan->at >= scan->len)
		return scan->at;
	look_ahead(scan);
	earlier(scan, &span, scan->gram, scan->stride - 1);
	earlier(scan, &span, scan->percent, scan->forms->window);
	earlier(scan, &span, scan->backslash, scan->forms->window);
	earlier(scan, &span, scan->url, 0);
	scan->at = span.from;
	scan->until = span.to;
	return span.from;
}

static void begin(struct scan *scan, const struct mask_forms *forms, const struct mask_text *text)
{
	/* A form whose window, or an escape in it, is cut off by the end of the text. */
	size_t tail = forms->window + MASK_ESCAPE_MAX;
	*scan = (struct scan){.forms = forms, .text = (const unsigned char *)text->bytes, .len = text->len};
	scan->final = text->final;
	scan->stride = forms->count ? forms->window - MASK_GRAM + 1 : 1;
	scan->tail = scan->len > tail ? scan->len - tail : 0;
	scan->gram = next_gram(scan);
	scan->percent = forms->count ? mask_find_escape(forms, scan->text, scan->len, 0, '%') : scan->len;
	scan->backslash = forms->count ? mask_find_escape(forms, scan->text, scan->len, 0, '\\') : scan->len;
	scan->url = next_url(scan);
}

/* The end of what is to be masked from AT on, or 0. *OPEN: more text may change the answer. */
static size_t end_of_secret(const struct scan *scan, size_t at, const char **shown, int *open)
{
	size_t end = mask_find_form(scan->forms, scan->text, scan->len, at, open);
	*shown = MASK_TEXT;
	if (scan->text[at] == ':') {
		size_t url = mask_find_userinfo(scan->text, scan->len, at, open);
		if (url > end) {
			end = url;
			*shown = "://" MASK_TEXT;
		}
	}
	return end;
}

int mask_scan(const struct mask_forms *forms, struct mask_text *text, struct buf *out, size_t *left)
{
	size_t shown = text->covered, at;
	struct scan scan;
	begin(&scan, forms, text);
	for (; (at = next_place(&scan)) < scan.len; scan.at++) {
		const char *instead;
		int open = 0;
		size_t end = end_of_secret(&scan, at, &instead, &open);
		if (open && !scan.final)
			break;
		/* Secrets that overlap are shown as one. */
		if (end > shown && at >= shown &&
		    (buf_append(out, text->bytes + shown, at - shown) < 0 || buf_append(out, instead, strlen(instead)) < 0))
			return -1;
		if (end > shown)
			shown = end;
	}
	*left = scan.len - at;
	text->covered = shown > at ? shown - at : 0;
	return shown < at ? buf_append(out, text->bytes + shown, at - shown) : 0;
}
