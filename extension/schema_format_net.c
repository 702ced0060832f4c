/*
 * The formats of strings that are addresses: hosts, mail, URIs. Called by schema_format.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "schema_format.h"
#include "schema_uri.h"

#define UNRESERVED "-._~"
#define SUB_DELIMS "!$&'()*+,;="
#define PCHAR      UNRESERVED SUB_DELIMS ":@"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* RFC 1123: labels of letters, digits and inner hyphens; with wide, characters beyond ASCII too. */
static bool
is_hostname(const char *text, int length, bool wide)
{
	int label = 0;

	if (length == 0 || length > 253)
		return false;
	for (int i = 0; i < length; i++)
	{
		if (text[i] == '.')
		{
			if (label == 0 || text[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!is_alnum(text[i]) && !(text[i] == '-' && label > 0) &&
			!(wide && IS_HIGHBIT_SET(text[i])))
			return false;
		if (++label > 63 && !wide)
			return false;
	}
	return label > 0 && text[length - 1] != '-';
}

bool
format_hostname(const char *text, int length)
{
	return is_hostname(text, length, false);
}

bool
format_ipv4(const char *text, int length)
{
	int parts = 0;
	int i = 0;

	for (; parts < 4; parts++)
	{
		int begin = i;
		int value = 0;

		for (; i < length && i - begin < 3 && is_digit(text[i]); i++)
			value = value * 10 + (text[i] - '0');
		if (i == begin || value > 255 || (i - begin > 1 && text[begin] == '0'))
			return false;
		if (parts < 3 && (i >= length || text[i++] != '.'))
			return false;
	}
	return i == length;
}

bool
format_ipv6(const char *text, int length)
{
	int groups = 0;
	bool gap = false;
	int i = 0;

	while (i < length)
	{
		int begin = i;

		if (!gap && length - i >= 2 && text[i] == ':' && text[i + 1] == ':')
		{
			gap = true;
			i += 2;
			continue;
		}
		if (i > 0 && text[i - 1] != ':' && text[i++] != ':')
			return false;
		begin = i;
		while (i < length && is_hex(text[i]))
			i++;
		if (i < length && text[i] == '.')
		{
			groups += 2;
			return (gap ? groups < 8 : groups == 8) && format_ipv4(text + begin, length - begin);
		}
		if (i == begin || i - begin > 4 || ++groups > 8)
			return false;
	}
	return gap ? groups < 8 : groups == 8;
}

/* RFC 5321, 4.1.2: a dot-string or a quoted string. */
static bool
is_local_part(const char *text, int length, bool wide)
{
	if (length >= 2 && text[0] == '"' && text[length - 1] == '"')
	{
		for (int i = 1; i < length - 1; i++)
			if (text[i] == '"' || (text[i] == '\\' && ++i == length - 1))
				return false;
		return true;
	}
	for (int i = 0; i < length; i++)
	{
		if (text[i] == '.' && (i == 0 || i == length - 1 || text[i - 1] == '.'))
			return false;
		if (!is_alnum(text[i]) && strchr(".!#$%&'*+-/=?^_`{|}~", text[i]) == NULL &&
			!(wide && IS_HIGHBIT_SET(text[i])))
			return false;
	}
	return length > 0;
}

static bool
is_email(const char *text, int length, bool wide)
{
	int at = length;
	const char *host;
	int n;

	while (at > 0 && text[at - 1] != '@')
		at--;
	if (at == 0 || !is_local_part(text, at - 1, wide))
		return false;
	host = text + at;
	n = length - at;
	if (n > 2 && host[0] == '[' && host[n - 1] == ']')
		return n > 7 && strncmp(host, "[IPv6:", 6) == 0 ? format_ipv6(host + 6, n - 7)
														: format_ipv4(host + 1, n - 2);
	return is_hostname(host, n, wide);
}

bool
format_email(const char *text, int length)
{
	return is_email(text, length, false);
}

bool
format_idn_email(const char *text, int length)
{
	return is_email(text, length, true);
}

/* Letters, digits, the marks given, percent escapes; with wide, characters beyond ASCII. */
static bool
is_made_of(UriPart part, const char *marks, bool wide)
{
	for (int i = 0; i < part.length; i++)
	{
		char c = part.text[i];

		if (c == '%')
		{
			if (i + 2 >= part.length || !is_hex(part.text[i + 1]) || !is_hex(part.text[i + 2]))
				return false;
			i += 2;
		}
		else if (!is_alnum(c) && strchr(marks, c) == NULL && !(wide && IS_HIGHBIT_SET(c)))
			return false;
	}
	return true;
}

/* user@host:port, where the host may be [an IPv6 address]. */
static bool
is_authority(UriPart all, bool wide)
{
	UriPart user = {all.text, all.length};
	UriPart host = all;
	int port;

	while (user.length > 0 && user.text[user.length - 1] != '@')
		user.length--;
	if (user.length > 0)
	{
		host = (UriPart){all.text + user.length, all.length - user.length};
		user.length--;
	}
	port = host.length;
	while (port > 0 && is_digit(host.text[port - 1]))
		port--;
	if (port > 0 && host.text[port - 1] == ':')
		host.length = port - 1;
	if (!is_made_of(user, UNRESERVED SUB_DELIMS ":", wide))
		return false;
	if (host.length > 2 && host.text[0] == '[' && host.text[host.length - 1] == ']')
		return format_ipv6(host.text + 1, host.length - 2);
	return is_made_of(host, UNRESERVED SUB_DELIMS, wide);
}

/* Without a scheme, the first segment of a relative path has no colon. */
static bool
is_path(const Uri *uri, bool wide)
{
	int first = 0;

	while (first < uri->path.length && uri->path.text[first] != '/')
		first++;
	if (uri->scheme.text == NULL && uri->authority.text == NULL &&
		memchr(uri->path.text, ':', first) != NULL)
		return false;
	return is_made_of(uri->path, PCHAR "/", wide);
}

static bool
is_uri(const char *text, int length, bool absolute, bool wide)
{
	Uri uri;

	uri_split(text, length, &uri);
	return (uri.scheme.text != NULL || !absolute) && is_authority(uri.authority, wide) &&
		   is_path(&uri, wide) && is_made_of(uri.query, PCHAR "/?", wide) &&
		   is_made_of(uri.fragment, PCHAR "/?", wide);
}

bool
format_uri(const char *text, int length)
{
	return is_uri(text, length, true, false);
}

bool
format_uri_reference(const char *text, int length)
{
	return is_uri(text, length, false, false);
}

bool
format_iri(const char *text, int length)
{
	return is_uri(text, length, true, true);
}

bool
format_iri_reference(const char *text, int length)
{
	return is_uri(text, length, false, true);
}
