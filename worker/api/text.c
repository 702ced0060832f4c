/* See text.h. SPDX-License-Identifier: PostgreSQL */
#include "api/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
reserve(struct text *t, size_t more)
{
	size_t size = t->size > 0 ? t->size : 1024;
	char *data;

	if (t->failed)
		return false;
	while (size - t->used <= more)
		size *= 2;
	if (size == t->size)
		return true;
	data = realloc(t->data, size);
	t->failed = data == NULL;
	if (t->failed)
		return false;
	t->data = data;
	t->size = size;
	return true;
}

void
text_add(struct text *t, const char *s, size_t n)
{
	if (!reserve(t, n))
		return;
	memcpy(t->data + t->used, s, n);
	t->used += n;
	t->data[t->used] = '\0';
}

void
text_printf(struct text *t, const char *fmt, ...)
{
	char line[1024];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	if (n < 0 || (size_t) n >= sizeof line)
		t->failed = true;
	else
		text_add(t, line, (size_t) n);
}

void
text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){0};
}
