/* A text that grows: bodies of answers. A failed allocation is remembered and makes text_take
 * return NULL. SPDX-License-Identifier: PostgreSQL */
#ifndef API_TEXT_H
#define API_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text
{
	char *data;
	size_t used, size;
	bool failed;
};

void text_add(struct text *t, const char *s, size_t n);
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text *t);

#endif
