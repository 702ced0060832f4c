/*
 * The formats of strings. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_SCHEMA_FORMAT_H
#define ASTRID_SCHEMA_FORMAT_H

typedef struct SchemaFormat
{
	const char *name;
	bool (*accepts)(const char *text, int length);
} SchemaFormat;

/* Null where astrid does not know it: then it is an annotation. */
extern const SchemaFormat *format_find(const char *name, int length);

/* In schema_format_net.c. */
extern bool format_email(const char *text, int length);
extern bool format_hostname(const char *text, int length);
extern bool format_idn_email(const char *text, int length);
extern bool format_ipv4(const char *text, int length);
extern bool format_ipv6(const char *text, int length);
extern bool format_iri(const char *text, int length);
extern bool format_iri_reference(const char *text, int length);
extern bool format_uri(const char *text, int length);
extern bool format_uri_reference(const char *text, int length);

#endif
