/* See lines.h. SPDX-License-Identifier: PostgreSQL */
#include "daemon/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536

void
lines_init(struct lines *lines, size_t limit, void (*fn)(void *arg, char *line, size_t len),
		   void *arg)
{
	*lines = (struct lines){.limit = limit, .fn = fn, .arg = arg};
}

static bool
make_room(struct lines *lines)
{
	char *grown;

	if (lines->size - lines->len > CHUNK)
		return true;
	grown = realloc(lines->buf, 2 * lines->size + 2 * CHUNK);
	if (grown == NULL)
		return false;
	lines->size = 2 * lines->size + 2 * CHUNK;
	lines->buf = grown;
	return true;
}

/* Of the new bytes only: a long line is not searched again for each piece of it. */
static void
hand_over(struct lines *lines, size_t old)
{
	char *begin = lines->buf, *scan = begin + old, *stop = begin + lines->len, *end;

	while ((end = memchr(scan, '\n', (size_t) (stop - scan))) != NULL)
	{
		*end = '\0';
		lines->fn(lines->arg, begin, (size_t) (end - begin));
		begin = scan = end + 1;
	}
	lines->len = (size_t) (stop - begin);
	memmove(lines->buf, begin, lines->len);
}

int
lines_read(struct lines *lines, int fd)
{
	for (;;)
	{
		size_t old = lines->len;
		ssize_t n;

		if (!make_room(lines))
			return -1;
		n = read(fd, lines->buf + lines->len, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return 0;
		lines->len += (size_t) n;
		lines->total += (size_t) n;
		if (lines->total > lines->limit)
			return -1;
		hand_over(lines, old);
	}
}

void
lines_finish(struct lines *lines)
{
	if (lines->len > 0 && lines->total <= lines->limit)
	{
		lines->buf[lines->len] = '\0'; /* make_room() keeps more than a chunk free */
		lines->fn(lines->arg, lines->buf, lines->len);
	}
	free(lines->buf);
	lines->buf = NULL;
	lines->len = lines->size = 0;
}
