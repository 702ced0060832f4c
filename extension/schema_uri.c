/*
 * URIs (RFC 3986): taking one apart, and what a reference means at a place. Called by schema_ref.c,
 * schema_format_net.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "schema_uri.h"

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int
length_of_scheme(const char *text, int length)
{
	int n = 0;

	if (length == 0 || !is_letter(text[0]))
		return -1;
	while (n < length && (is_letter(text[n]) || (text[n] >= '0' && text[n] <= '9') ||
						  text[n] == '+' || text[n] == '-' || text[n] == '.'))
		n++;
	return n < length && text[n] == ':' ? n : -1;
}

/* The part up to the first of the characters in stop; moves *text behind it. */
static UriPart
take_until(const char **text, const char *end, const char *stop)
{
	UriPart part = {*text, 0};

	while (*text < end && (**text == '\0' || strchr(stop, **text) == NULL))
		++*text;
	part.length = *text - part.text;
	return part;
}

void
uri_split(const char *text, int length, Uri *uri)
{
	const char *end = text + length;
	int scheme = length_of_scheme(text, length);

	memset(uri, 0, sizeof(*uri));
	if (scheme >= 0)
	{
		uri->scheme = (UriPart){text, scheme};
		text += scheme + 1;
	}
	if (end - text >= 2 && text[0] == '/' && text[1] == '/')
	{
		text += 2;
		uri->authority = take_until(&text, end, "/?#");
	}
	uri->path = take_until(&text, end, "?#");
	if (text < end && *text == '?')
	{
		text++;
		uri->query = take_until(&text, end, "#");
	}
	if (text < end)
		uri->fragment = (UriPart){text + 1, end - text - 1};
}

/* RFC 3986, 5.2.4. */
static char *
remove_dots(const char *path)
{
	StringInfoData out;

	initStringInfo(&out);
	while (*path)
	{
		const char *next = strchr(path + 1, '/');
		int length = next ? next - path : strlen(path);
		bool slash = path[0] == '/';
		const char *name = path + slash;
		int n = length - slash;

		if (n <= 2 && strncmp(name, "..", n) == 0 && n > 0)
		{
			/* the last segment of .. and . ends with a slash */
			while (n == 2 && out.len > 0 && out.data[--out.len] != '/')
				continue;
			out.data[out.len] = '\0';
			if (next == NULL && slash)
				appendStringInfoChar(&out, '/');
		}
		else
			appendBinaryStringInfo(&out, path, length);
		path += length;
	}
	return out.data;
}

static void
append_part(StringInfo out, const char *before, UriPart part, const char *after)
{
	if (part.text == NULL)
		return;
	appendStringInfoString(out, before);
	appendBinaryStringInfo(out, part.text, part.length);
	appendStringInfoString(out, after);
}

/* RFC 3986, 5.2.3: the base's path up to its last slash, then the reference's. */
static char *
merge_paths(const Uri *base, const Uri *reference)
{
	int keep = base->path.length;

	if (base->path.length == 0 && base->authority.text != NULL)
		return psprintf("/%.*s", reference->path.length, reference->path.text);
	while (keep > 0 && base->path.text[keep - 1] != '/')
		keep--;
	return psprintf("%.*s%.*s", keep, base->path.text, reference->path.length,
					reference->path.text);
}

char *
uri_resolve(const char *base_text, const char *text)
{
	Uri base;
	Uri uri;
	bool own_path;
	StringInfoData out;

	uri_split(base_text, strlen(base_text), &base);
	uri_split(text, strlen(text), &uri);
	if (uri.scheme.text != NULL)
		return pstrdup(text);
	own_path = uri.authority.text != NULL || uri.path.length > 0;
	initStringInfo(&out);
	append_part(&out, "", base.scheme, ":");
	append_part(&out, "//", uri.authority.text ? uri.authority : base.authority, "");
	if (!own_path)
		append_part(&out, "", base.path, "");
	else if (uri.authority.text != NULL || uri.path.text[0] == '/')
		append_part(&out, "", uri.path, "");
	else
		appendStringInfoString(&out, remove_dots(merge_paths(&base, &uri)));
	append_part(&out, "?", own_path || uri.query.text ? uri.query : base.query, "");
	append_part(&out, "#", uri.fragment, "");
	return out.data;
}
