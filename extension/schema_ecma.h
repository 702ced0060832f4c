/*
 * Rewriting expressions of ECMA-262, for its own files: schema_ecma.c, schema_ecma_char.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_SCHEMA_ECMA_H
#define ASTRID_SCHEMA_ECMA_H

#include "schema_pattern.h"

#define ECMA_MAX_GROUPS 100

typedef struct Translation
{
	const pg_wchar *in;
	int n;
	int at;
	PatternText *out;
	const char *why;              /* the first thing that is wrong */
	int64 atom;                   /* cost of what a quantifier would repeat; 0: nothing to repeat */
	int64 outer[ECMA_MAX_GROUPS]; /* cost of what precedes the open groups */
	bool looks[ECMA_MAX_GROUPS];  /* which of them look forward or back */
	int depth;
	int look_depth;
} Translation;

/* Notes what is wrong; returns false. */
extern bool ecma_refuse(Translation *t, const char *why);

/* The character that many places ahead; 0 behind the end. */
extern pg_wchar ecma_peek(const Translation *t, int ahead);

extern void ecma_emit(Translation *t, pg_wchar c);
extern void ecma_emit_text(Translation *t, const char *text);

/* The character itself, whatever it means to the engine. */
extern void ecma_emit_literal(Translation *t, pg_wchar c);
extern void ecma_emit_range(Translation *t, pg_wchar first, pg_wchar last);

/* What the dot leaves out, as members of a bracket. */
extern void ecma_emit_line_ends(Translation *t);

/* An escape that stands for one character; t->at is behind the backslash. */
extern bool ecma_read_escape(Translation *t, pg_wchar *c);

/* The class escape at t->at, behind the backslash, if it is one; in a bracket its members only. */
extern bool ecma_take_class(Translation *t, bool bracket);

#endif
