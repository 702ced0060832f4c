/* Split what comes out of a pipe into lines, up to a limit in all. SPDX-License-Identifier:
 * PostgreSQL */
#ifndef DAEMON_LINES_H
#define DAEMON_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct lines
{
	char *buf;
	size_t len, size;
	size_t total, limit; /* bytes seen, bytes allowed */
	void (*fn)(void *arg, char *line, size_t len);
	void *arg;
};

void lines_init(struct lines *lines, size_t limit, void (*fn)(void *arg, char *line, size_t len),
				void *arg);

/* Read what the non-blocking descriptor has. 1: more may come, 0: it has ended, -1: over the limit
 * or out of memory. */
int lines_read(struct lines *lines, int fd);

/* Hand over a last line that has no end, and free the buffer. */
void lines_finish(struct lines *lines);

#endif
