/*
 * Regular expressions as ECMA-262 writes them. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_SCHEMA_PATTERN_H
#define ASTRID_SCHEMA_PATTERN_H

#include "regex/regex.h"

typedef struct SchemaPattern
{
	regex_t regex;
	char *text;     /* as written */
	int n_looks;    /* groups that look forward or back: they take time that is not linear */
	int look_depth; /* within one another */
} SchemaPattern;

/*
 * Compiles a pattern in the current memory context, with which it ends. Returns null and says why
 * where it cannot. *cost is what was left of the characters it may have, repetitions written out,
 * and becomes what then is left.
 */
extern SchemaPattern *pattern_compile(const char *text, int length, int *cost, const char **why);

/* Whether it is written as a pattern that astrid takes; much cheaper than compiling one. */
extern bool pattern_is_valid(const char *text, int length);

extern bool pattern_matches(const SchemaPattern *pattern, const char *text, int length);

/* For schema_pattern.c: an expression of ECMA-262 rewritten as one of PostgreSQL's. */
typedef struct PatternText
{
	pg_wchar *chars; /* palloc'd */
	int n;
	int64 cost; /* characters with the repetitions written out */
	int n_looks;
	int look_depth;
} PatternText;

extern bool pattern_translate(const char *text, int length, PatternText *out, const char **why);

#endif
