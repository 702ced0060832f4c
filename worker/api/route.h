/* Which endpoint a request means: the lines of routes.def. SPDX-License-Identifier: PostgreSQL */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include <stddef.h>

#define SEGMENT_MAX 128

enum method /* a set of these is what a path allows */
{
	METHOD_GET = 1, /* and HEAD */
	METHOD_POST = 2
};

struct route
{
	enum method method;
	const char *path;
	const char *schema; /* what the body of a POST must match, else NULL */
	const char *change; /* done first; NULL: the answer does it */
	const char *answer;
};

/* Does path, as it stands in the request, fit pattern ("/workers/{x}/metrics")? The text of {x}
 * goes to segment (size bytes) with its percent escapes undone: it may have any character but NUL.
 */
int route_match(const char *pattern, const char *path, char *segment, size_t size);

/* The line of routes.def for a request; NULL with the methods that the path allows, 0 for a path
 * that is not there. */
const struct route *route_find(const char *path, unsigned method, char *segment, size_t size,
							   unsigned *allowed);

#endif
