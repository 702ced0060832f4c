/* See route.h; the endpoints are in routes.def. SPDX-License-Identifier: PostgreSQL */
#include "api/route.h"

#include <stdlib.h>
#include <string.h>

static const struct route routes[] = {
#define ROUTE(method, path, schema, change, answer) {METHOD_##method, path, schema, change, answer},
#include "api/routes.def"
#undef ROUTE
};

/* One character of a segment, escaped or not; the length of its text, 0 where it is none. */
static size_t
decode(const char *text, char *c)
{
	char hex[3] = "";

	*c = text[0];
	if (text[0] != '%')
		return 1;
	strncat(hex, text + 1, 2);
	if (strspn(hex, "0123456789abcdefABCDEF") != 2)
		return 0;
	*c = (char) strtol(hex, NULL, 16);
	return *c != '\0' ? 3 : 0;
}

/* The text up to the next slash; its length as it stands, 0 where it is empty, too long or wrong.
 */
static size_t
take_segment(const char *path, char *segment, size_t size)
{
	size_t length = strcspn(path, "/"), read = 0, n = 0;

	while (read < length)
	{
		size_t used = n + 1 < size ? decode(path + read, &segment[n++]) : 0;

		if (used == 0)
			return 0;
		read += used;
	}
	segment[n] = '\0';
	return length;
}

int
route_match(const char *pattern, const char *path, char *segment, size_t size)
{
	segment[0] = '\0';
	while (*pattern != '\0' && *path != '\0')
	{
		if (*pattern == '{')
		{
			size_t n = take_segment(path, segment, size);

			if (n == 0)
				return 0;
			path += n;
			pattern += strcspn(pattern, "}") + 1;
		}
		else if (*pattern++ != *path++)
			return 0;
	}
	return *pattern == *path;
}

const struct route *
route_find(const char *path, unsigned method, char *segment, size_t size, unsigned *allowed)
{
	*allowed = 0;
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
		if (route_match(routes[i].path, path, segment, size))
		{
			if (routes[i].method == method)
				return &routes[i];
			*allowed |= routes[i].method;
		}
	return NULL;
}
