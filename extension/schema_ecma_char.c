/*
 * Characters, classes and escapes of ECMA-262's expressions. Called by schema_ecma.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "schema_ecma.h"

#define LAST_CHAR 0x7ffffffe

typedef struct Range
{
	pg_wchar first;
	pg_wchar last;
} Range;

/* White space and line ends, and all else. */
static const Range spaces[] = {
	{0x09, 0x0d},     {0x20, 0x20},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
	{0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};
static const Range line_ends[] = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

bool
ecma_refuse(Translation *t, const char *why)
{
	if (t->why == NULL)
		t->why = why;
	return false;
}

pg_wchar
ecma_peek(const Translation *t, int ahead)
{
	return t->at + ahead < t->n ? t->in[t->at + ahead] : 0;
}

void
ecma_emit(Translation *t, pg_wchar c)
{
	t->out->chars[t->out->n++] = c;
}

void
ecma_emit_text(Translation *t, const char *text)
{
	for (; *text; text++)
		ecma_emit(t, *text);
}

void
ecma_emit_literal(Translation *t, pg_wchar c)
{
	if (c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z'))
		ecma_emit(t, '\\');
	ecma_emit(t, c);
}

void
ecma_emit_range(Translation *t, pg_wchar first, pg_wchar last)
{
	ecma_emit_literal(t, first);
	if (last == first)
		return;
	ecma_emit(t, '-');
	ecma_emit_literal(t, last);
}

static void
emit_ranges(Translation *t, const Range *ranges, int n, bool negated)
{
	pg_wchar next = 0;

	for (int i = 0; i < n; i++)
	{
		if (!negated)
			ecma_emit_range(t, ranges[i].first, ranges[i].last);
		else
			ecma_emit_range(t, next, ranges[i].first - 1);
		next = ranges[i].last + 1;
	}
	if (negated)
		ecma_emit_range(t, next, LAST_CHAR);
}

void
ecma_emit_line_ends(Translation *t)
{
	emit_ranges(t, line_ends, lengthof(line_ends), false);
}

static int
hex_digit(pg_wchar c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* At most max hexadecimal digits from t->at on; false unless there are min. */
static bool
read_hex(Translation *t, int min, int max, pg_wchar *value)
{
	int n = 0;

	for (*value = 0; n < max && hex_digit(ecma_peek(t, 0)) >= 0; n++)
		*value = *value * 16 + hex_digit(t->in[t->at++]);
	return n >= min || ecma_refuse(t, "has an escape without its hexadecimal digits");
}

/* Code points are characters of the server in UTF8 only; ASCII is everywhere. */
static bool
check_code_point(Translation *t, pg_wchar c)
{
	if (c > 0x10ffff)
		return ecma_refuse(t, "has a character beyond U+10FFFF");
	if (c > 0x7f && GetDatabaseEncoding() != PG_UTF8)
		return ecma_refuse(t, "has a \\u beyond ASCII, which needs a database in UTF8");
	return true;
}

/* What follows \u: four digits, two times four for a surrogate pair, or {digits}. */
static bool
read_unicode(Translation *t, pg_wchar *c)
{
	pg_wchar low;

	if (ecma_peek(t, 0) == '{')
	{
		t->at++;
		if (!read_hex(t, 1, 6, c))
			return false;
		if (ecma_peek(t, 0) != '}')
			return ecma_refuse(t, "has a \\u{ without its }");
		t->at++;
		return check_code_point(t, *c);
	}
	if (!read_hex(t, 4, 4, c))
		return false;
	if (is_utf16_surrogate_first(*c) && ecma_peek(t, 0) == '\\' && ecma_peek(t, 1) == 'u')
	{
		t->at += 2;
		if (!read_hex(t, 4, 4, &low))
			return false;
		if (!is_utf16_surrogate_second(low))
			return ecma_refuse(t, "has half a surrogate pair");
		*c = surrogate_pair_to_codepoint(*c, low);
	}
	return check_code_point(t, *c);
}

bool
ecma_read_escape(Translation *t, pg_wchar *c)
{
	static const char controls[] = "t\tn\nv\vf\fr\r";
	pg_wchar letter = ecma_peek(t, 0);

	if (t->at >= t->n)
		return ecma_refuse(t, "ends with a backslash");
	t->at++;
	for (const char *p = controls; *p; p += 2)
		if (letter == (unsigned char) p[0])
		{
			*c = p[1];
			return true;
		}
	if (letter == 'x')
		return read_hex(t, 2, 2, c) && check_code_point(t, *c);
	if (letter == 'u')
		return read_unicode(t, c);
	if (letter == 'c' && (ecma_peek(t, 0) | 32) >= 'a' && (ecma_peek(t, 0) | 32) <= 'z')
	{
		*c = t->in[t->at++] & 31;
		return true;
	}
	*c = letter == '0' ? 0 : letter;
	if ((letter >= '1' && letter <= '9') || letter == 'k')
		return ecma_refuse(t, "has a back reference: matching those can take for ever");
	if (letter == 'p' || letter == 'P')
		return ecma_refuse(t, "has a Unicode property (\\p), which is not supported");
	if ((letter | 32) >= 'a' && (letter | 32) <= 'z')
		return ecma_refuse(t, "has an escape that ECMA-262 does not know");
	return true;
}

bool
ecma_take_class(Translation *t, bool bracket)
{
	pg_wchar letter = ecma_peek(t, 0);

	switch (letter)
	{
		case 'd':
		case 'D':
		case 'w':
		case 'W':
			ecma_emit(t, '\\');
			ecma_emit(t, letter);
			break;
		case 's':
		case 'S':
			if (!bracket)
				ecma_emit(t, '[');
			emit_ranges(t, spaces, lengthof(spaces), letter == 'S');
			if (!bracket)
				ecma_emit(t, ']');
			break;
		default:
			return false;
	}
	t->at++;
	return true;
}
