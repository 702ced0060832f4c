/*
 * URIs (RFC 3986): taking one apart, and what a reference means at a place.
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_SCHEMA_URI_H
#define ASTRID_SCHEMA_URI_H

typedef struct UriPart
{
	const char *text; /* null: not there */
	int length;
} UriPart;

typedef struct Uri
{
	UriPart scheme;
	UriPart authority;
	UriPart path; /* may be empty, is always there */
	UriPart query;
	UriPart fragment;
} Uri;

extern void uri_split(const char *text, int length, Uri *uri);

/* What the reference means relative to the base. */
extern char *uri_resolve(const char *base, const char *reference);

#endif
