/* See header.h. Called by the reader, meta.c and wcs.c. SPDX-License-Identifier: PostgreSQL */
#include "image/header.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
note_add(struct frame_notes *notes, const char *fmt, ...)
{
	char text[sizeof notes->text[0]];
	va_list args;

	if (notes == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	for (int i = 0; i < notes->n; i++)
		if (strcmp(notes->text[i], text) == 0)
			return;
	if (notes->n < FRAME_MAX_NOTES)
		memcpy(notes->text[notes->n++], text, sizeof text);
}

static const char *
next_card(const char *card)
{
	return memchr(card, '\0', CARD) == NULL ? card + CARD : card + strlen(card);
}

/* The value field of a card that carries `keyword`, NULL where it is another's. */
static const char *
value_of(const char *card, const char *keyword)
{
	size_t len = strlen(keyword);
	const char *p = card;

	if (strncmp(card, "HIERARCH ", 9) == 0 && strncmp(keyword, "HIERARCH ", 9) != 0)
		p += 9;
	else if (len <= 8 && (strncmp(card, keyword, len) != 0 || card[8] != '='))
		return NULL;
	if (strncmp(p, keyword, len) != 0)
		return NULL;
	for (p += len; *p == ' ' && p < card + CARD; p++)
		;
	return *p == '=' ? p + 1 : NULL;
}

const char *
header_card(const char *cards, const char *keyword)
{
	for (const char *card = cards; card != NULL && *card != '\0'; card = next_card(card))
		if (value_of(card, keyword) != NULL)
			return card;
	return NULL;
}

/* The value as text: quotes undone, comment cut off, blanks at both ends removed. */
static bool
value_text(const char *value, const char *end, char *text, size_t size)
{
	size_t n = 0;
	bool quoted;

	while (value < end && *value == ' ')
		value++;
	quoted = value < end && *value == '\'';
	for (value += quoted; value < end && n + 1 < size; value++)
	{
		if (quoted && *value == '\'' && (value + 1 == end || *++value != '\''))
			break;
		if (!quoted && *value == '/')
			break;
		/* header text reaches JSON and logs: what is not ASCII has no agreed meaning there */
		text[n++] = isprint((unsigned char) *value) ? *value : '?';
	}
	while (n > 0 && text[n - 1] == ' ')
		n--;
	text[n] = '\0';
	for (n = strspn(text, " "); n > 0; n = 0)
		memmove(text, text + n, strlen(text + n) + 1);
	return text[0] != '\0';
}

static bool
card_text(const char *card, char *text, size_t size)
{
	const char *end = next_card(card), *eq = memchr(card, '=', (size_t) (end - card));

	return eq != NULL && value_text(eq + 1, end, text, size);
}

bool
card_string(const char *card, char *value, size_t size)
{
	return card_text(card, value, size);
}

bool
card_number(const char *card, double *value, bool *repaired)
{
	char text[CARD + 1], *end, *comma;
	const char *eq = memchr(card, '=', (size_t) (next_card(card) - card));

	*repaired = false;
	if (!card_text(card, text, sizeof text))
		return false;
	if (eq != NULL && eq[1 + strspn(eq + 1, " ")] == '\'')
		*repaired = true;
	comma = strchr(text, ',');
	if (comma != NULL && strchr(text, '.') == NULL)
	{
		*comma = '.';
		*repaired = true;
	}
	for (char *p = text; *p != '\0'; p++)
		if (*p == 'D' || *p == 'd')
			*p = 'E';
	*value = strtod(text, &end);
	while (*end == ' ')
		end++;
	return end != text && *end == '\0' && isfinite(*value);
}

bool
header_string(const char *cards, const char *keyword, char *value, size_t size)
{
	const char *card = header_card(cards, keyword);

	return card != NULL && card_string(card, value, size);
}

bool
header_number(const char *cards, const char *keyword, double *value, struct frame_notes *notes)
{
	const char *card = header_card(cards, keyword);
	bool repaired;
	double v;

	if (card == NULL)
		return false;
	if (!card_number(card, &v, &repaired))
	{
		note_add(notes, "%s is not a number", keyword);
		return false;
	}
	if (repaired)
		note_add(notes, "%s is not written as a FITS number; read as %g", keyword, v);
	*value = v;
	return true;
}

bool
header_logical(const char *cards, const char *keyword, bool *value)
{
	char text[CARD + 1];

	if (!header_string(cards, keyword, text, sizeof text))
		return false;
	*value = text[0] == 'T';
	return text[1] == '\0' && (text[0] == 'T' || text[0] == 'F');
}

bool
text_sexagesimal(const char *text, double *value)
{
	double part[3] = {0}, sign;
	int n = 0;

	text += strspn(text, " ");
	sign = *text == '-' ? -1 : 1;
	text += *text == '-' || *text == '+';
	while (n < 3)
	{
		char *end;

		part[n] = strtod(text, &end);
		if (end == text || !isfinite(part[n]) || part[n] < 0)
			return false;
		n++;
		text = end + strspn(end, " ");
		if (*text == '\0')
			break;
		text += *text == ':';
	}
	*value = sign * (part[0] + part[1] / 60 + part[2] / 3600);
	return *text == '\0' && (n == 1 || part[1] < 60) && part[2] < 60;
}
