/*
 * The formats of strings that have to do with time and with JSON itself, and the table of all.
 * Called by schema_keywords.c and schema_scalar.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "schema_format.h"
#include "schema_pattern.h"

/* Text from at on. */
typedef struct Reader
{
	const char *at;
	const char *end;
} Reader;

static Reader
reader(const char *text, int length)
{
	return (Reader){text, text + length};
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly n digits with a value between min and max. */
static bool
read_digits(Reader *r, int n, int min, int max, int *value)
{
	*value = 0;
	if (r->end - r->at < n)
		return false;
	for (const char *end = r->at + n; r->at < end; r->at++)
	{
		if (!is_digit(*r->at))
			return false;
		*value = *value * 10 + (*r->at - '0');
	}
	return *value >= min && *value <= max;
}

/* One character out of a set. */
static bool
read_char(Reader *r, const char *set, char *c)
{
	if (r->at >= r->end || *r->at == '\0' || strchr(set, *r->at) == NULL)
		return false;
	*c = *r->at++;
	return true;
}

static int
days_of_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* RFC 3339, full-date. */
static bool
read_date(Reader *r)
{
	int year;
	int month;
	int day;
	char c;

	return read_digits(r, 4, 0, 9999, &year) && read_char(r, "-", &c) &&
		   read_digits(r, 2, 1, 12, &month) && read_char(r, "-", &c) &&
		   read_digits(r, 2, 1, days_of_month(year, month), &day);
}

/* RFC 3339, time-offset, in minutes. */
static bool
read_offset(Reader *r, int *minutes)
{
	int hour;
	int minute;
	char sign;

	*minutes = 0;
	if (read_char(r, "zZ", &sign))
		return true;
	if (!read_char(r, "+-", &sign) || !read_digits(r, 2, 0, 23, &hour) ||
		!read_char(r, ":", &(char){0}) || !read_digits(r, 2, 0, 59, &minute))
		return false;
	*minutes = (sign == '-' ? -1 : 1) * (hour * 60 + minute);
	return true;
}

/* RFC 3339, full-time. Second 60 is the last one of a day of UTC only. */
static bool
read_time(Reader *r)
{
	int hour;
	int minute;
	int second;
	int offset;
	char c;

	if (!read_digits(r, 2, 0, 23, &hour) || !read_char(r, ":", &c) ||
		!read_digits(r, 2, 0, 59, &minute) || !read_char(r, ":", &c) ||
		!read_digits(r, 2, 0, 60, &second))
		return false;
	if (read_char(r, ".", &c))
	{
		if (r->at >= r->end || !is_digit(*r->at))
			return false;
		while (r->at < r->end && is_digit(*r->at))
			r->at++;
	}
	if (!read_offset(r, &offset))
		return false;
	return second < 60 || (hour * 60 + minute - offset + 2 * 1440) % 1440 == 1439;
}

static bool
format_date(const char *text, int length)
{
	Reader r = reader(text, length);

	return read_date(&r) && r.at == r.end;
}

static bool
format_time(const char *text, int length)
{
	Reader r = reader(text, length);

	return read_time(&r) && r.at == r.end;
}

static bool
format_date_time(const char *text, int length)
{
	Reader r = reader(text, length);
	char c;

	return read_date(&r) && read_char(&r, "tT", &c) && read_time(&r) && r.at == r.end;
}

/* RFC 6901: each ~ is the first half of ~0 or ~1. */
static bool
format_json_pointer(const char *text, int length)
{
	if (length > 0 && text[0] != '/')
		return false;
	for (int i = 0; i < length; i++)
		if (text[i] == '~' && (i + 1 == length || (text[i + 1] != '0' && text[i + 1] != '1')))
			return false;
	return true;
}

/* How many levels up, without leading zeros, then a pointer or #. */
static bool
format_relative_json_pointer(const char *text, int length)
{
	int digits = 0;

	while (digits < length && is_digit(text[digits]))
		digits++;
	if (digits == 0 || (digits > 1 && text[0] == '0'))
		return false;
	if (length == digits + 1 && text[digits] == '#')
		return true;
	return format_json_pointer(text + digits, length - digits);
}

static bool
format_uuid(const char *text, int length)
{
	static const char shape[] = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";

	if (length != (int) sizeof(shape) - 1)
		return false;
	for (int i = 0; i < length; i++)
		if (shape[i] == '-' ? text[i] != '-' : strchr("0123456789abcdefABCDEF", text[i]) == NULL)
			return false;
	return true;
}

static const SchemaFormat formats[] = {
	{"date", format_date},
	{"date-time", format_date_time},
	{"email", format_email},
	{"hostname", format_hostname},
	{"idn-email", format_idn_email},
	{"ipv4", format_ipv4},
	{"ipv6", format_ipv6},
	{"iri", format_iri},
	{"iri-reference", format_iri_reference},
	{"json-pointer", format_json_pointer},
	{"regex", pattern_is_valid},
	{"relative-json-pointer", format_relative_json_pointer},
	{"time", format_time},
	{"uri", format_uri},
	{"uri-reference", format_uri_reference},
	{"uuid", format_uuid},
};

const SchemaFormat *
format_find(const char *name, int length)
{
	for (int i = 0; i < lengthof(formats); i++)
		if (strlen(formats[i].name) == length && memcmp(formats[i].name, name, length) == 0)
			return &formats[i];
	return NULL;
}
