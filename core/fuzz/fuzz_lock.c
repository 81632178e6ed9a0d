/* Any bytes as the record of a lock file: what is accepted is in range, clean, and survives being written again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lock/lock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void require_clean(const char *text, size_t size)
{
	size_t len = strnlen(text, size);
	require(len < size);
	for (size_t i = 0; i < len; i++)
		require((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lock_holder holder, again;
	char record[LOCK_RECORD_MAX];
	size_t len;
	if (lock_parse_record((const char *)data, size, &holder) < 0) {
		require(holder.pid == 0 && holder.start == 0 && !holder.host[0] && !holder.purpose[0]);
		return 0;
	}
	require(holder.pid >= 1 && holder.pid <= 2147483647 && holder.start >= 0);
	require_clean(holder.host, sizeof holder.host);
	require_clean(holder.purpose, sizeof holder.purpose);
	len = lock_format_record(&holder, record);
	require(len > 0 && len <= sizeof record && memchr(record, '\n', len) == record + len - 1);
	require(lock_parse_record(record, len, &again) == 0);
	require(again.pid == holder.pid && again.start == holder.start);
	require(strcmp(again.host, holder.host) == 0);
	/* Only a purpose that was cut may differ: by its end. */
	require(strncmp(again.purpose, holder.purpose, strlen(again.purpose)) == 0);
	return 0;
}
