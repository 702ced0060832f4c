/* See utf8.h. SPDX-License-Identifier: PostgreSQL */
#include "core/utf8.h"

/* The forms of RFC 3629, section 4: first byte, second byte, further bytes 80..BF. */
static const struct
{
	unsigned char first_min, first_max, second_min, second_max;
	size_t length;
} forms[] = {{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
			 {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
			 {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};

size_t
utf8_length(const char *text)
{
	const unsigned char *p = (const unsigned char *) text;

	if (p[0] < 0x80)
		return p[0] != '\0';
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
	{
		size_t n = 2;

		if (p[0] < forms[i].first_min || p[0] > forms[i].first_max || p[1] < forms[i].second_min ||
			p[1] > forms[i].second_max)
			continue;
		while (n < forms[i].length && (p[n] & 0xc0) == 0x80)
			n++;
		return n == forms[i].length ? n : 0;
	}
	return 0;
}

void
utf8_scrub(char *text)
{
	while (*text != '\0')
	{
		size_t n = utf8_length(text);

		if (n == 0)
			*text = '?';
		text += n > 0 ? n : 1;
	}
}
