/*
 * Patterns: compiling and matching them with PostgreSQL's engine. Called by schema_keywords.c,
 * schema_scalar.c, schema_container.c, schema_format.c.
 *
 * Without back references and capturing groups the engine runs as an automaton: the time is linear
 * in the text, whatever the pattern, but for looking forward or back.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "schema_pattern.h"

#define SHORT_TEXT 256

static void
free_regex(void *regex)
{
	pg_regfree(regex);
}

static const char *
explain(int code, const regex_t *regex)
{
	char *text = palloc(128);

	pg_regerror(code, regex, text, 128);
	return psprintf("is no regular expression: %s", text);
}

SchemaPattern *
pattern_compile(const char *text, int length, int *cost, const char **why)
{
	SchemaPattern *pattern = palloc0(sizeof(SchemaPattern));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));
	PatternText translated;
	int code;

	if (!pattern_translate(text, length, &translated, why))
		return NULL;
	*cost -= translated.cost;
	*why = "is too much together with the other patterns";
	if (*cost < 0)
		return NULL;
	/* The collation C: \d, \w and \b are about ASCII, as in ECMA-262. */
	code = pg_regcomp(&pattern->regex, translated.chars, translated.n, REG_ADVANCED | REG_NOSUB,
					  C_COLLATION_OID);
	CHECK_FOR_INTERRUPTS();
	if (code != REG_OKAY)
	{
		*why = explain(code, &pattern->regex);
		return NULL;
	}
	callback->func = free_regex;
	callback->arg = &pattern->regex;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	pattern->text = pnstrdup(text, length);
	pattern->n_looks = translated.n_looks;
	pattern->look_depth = translated.look_depth;
	pfree(translated.chars);
	return pattern;
}

bool
pattern_is_valid(const char *text, int length)
{
	PatternText translated;
	const char *why;
	bool valid = pattern_translate(text, length, &translated, &why);

	if (translated.chars != NULL)
		pfree(translated.chars);
	return valid;
}

bool
pattern_matches(const SchemaPattern *pattern, const char *text, int length)
{
	pg_wchar on_stack[SHORT_TEXT + 1];
	pg_wchar *wide = on_stack;
	int n;
	int code;

	if (length > SHORT_TEXT)
		wide = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(pg_wchar) * ((Size) length + 1));
	n = pg_mb2wchar_with_len(text, wide, length);
	code = pg_regexec((regex_t *) &pattern->regex, wide, n, 0, NULL, 0, NULL, 0);
	CHECK_FOR_INTERRUPTS();
	if (wide != on_stack)
		pfree(wide);
	if (code != REG_OKAY && code != REG_NOMATCH)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_REGULAR_EXPRESSION), errmsg("matching a pattern failed"),
			 errdetail("The pattern \"%s\" %s.", pattern->text, explain(code, &pattern->regex))));
	return code == REG_OKAY;
}
