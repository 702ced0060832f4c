/*
 * An expression of ECMA-262 rewritten as one of PostgreSQL's advanced ones. Called by
 * schema_pattern.c.
 *
 * The two dialects agree on most of what people write; where they differ the meaning is
 * ECMA-262's: \s and . are written out, \d, \w and \b are ASCII by the collation C, an empty
 * bracket matches nothing, what is no quantifier is itself, embedded options and comments do not
 * exist. All groups are made non-capturing: nothing refers to them, and then the engine needs no
 * backtracking.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "schema.h"
#include "schema_ecma.h"

#define MAX_REPEATS 255 /* the engine's own limit */

/* One member of a bracket; false with *is_class where it was a class. */
static bool
take_member(Translation *t, pg_wchar *c, bool *is_class)
{
	*is_class = false;
	*c = t->in[t->at++];
	if (*c != '\\')
		return true;
	if (ecma_take_class(t, true))
	{
		*is_class = true;
		return true;
	}
	if (ecma_peek(t, 0) == 'b')
	{
		t->at++;
		*c = '\b';
		return true;
	}
	return ecma_read_escape(t, c);
}

static bool
take_members(Translation *t)
{
	while (t->at < t->n && ecma_peek(t, 0) != ']')
	{
		pg_wchar first;
		pg_wchar last;
		bool is_class;

		if (!take_member(t, &first, &is_class))
			return false;
		if (is_class)
			continue;
		if (ecma_peek(t, 0) != '-' || ecma_peek(t, 1) == ']' || t->at + 1 >= t->n)
		{
			ecma_emit_literal(t, first);
			continue;
		}
		t->at++;
		if (!take_member(t, &last, &is_class))
			return false;
		if (is_class)
			return ecma_refuse(t, "has a range that ends with a class");
		if (last < first)
			return ecma_refuse(t, "has a range that ends before it begins");
		ecma_emit_range(t, first, last);
	}
	if (t->at >= t->n)
		return ecma_refuse(t, "has a [ without its ]");
	t->at++;
	return true;
}

static bool
take_bracket(Translation *t)
{
	bool negated = ecma_peek(t, 0) == '^';

	t->at += negated;
	if (ecma_peek(t, 0) == ']')
	{
		t->at++;
		ecma_emit_text(t, negated ? "." : "(?!)");
		return true;
	}
	ecma_emit_text(t, negated ? "[^" : "[");
	if (!take_members(t))
		return false;
	ecma_emit(t, ']');
	return true;
}

static bool
skip_name(Translation *t)
{
	while (t->at < t->n && ecma_peek(t, 0) != '>')
		t->at++;
	return t->at++ < t->n || ecma_refuse(t, "has a (?< without its >");
}

static bool
open_group(Translation *t)
{
	static const char *const looks[] = {"?=", "?!", "?<=", "?<!"};

	if (t->depth == ECMA_MAX_GROUPS)
		return ecma_refuse(t, "has too many groups in one another");
	t->looks[t->depth] = false;
	t->outer[t->depth++] = t->out->cost;
	t->atom = 0;
	ecma_emit(t, '(');
	for (int i = 0; i < lengthof(looks); i++)
	{
		int length = strlen(looks[i]);

		if (ecma_peek(t, 0) == '?' && ecma_peek(t, 1) == looks[i][1] &&
			(length == 2 || ecma_peek(t, 2) == looks[i][2]))
		{
			t->at += length;
			t->looks[t->depth - 1] = true;
			t->out->n_looks++;
			t->look_depth++;
			t->out->look_depth = Max(t->out->look_depth, t->look_depth);
			ecma_emit_text(t, looks[i]);
			return true;
		}
	}
	ecma_emit_text(t, "?:");
	if (ecma_peek(t, 0) != '?')
		return true;
	t->at += 2;
	if (ecma_peek(t, -1) == ':')
		return true;
	if (ecma_peek(t, -1) == '<')
		return skip_name(t);
	return ecma_refuse(t, "has a group that begins with (? and is none of ECMA-262's");
}

static bool
close_group(Translation *t)
{
	if (t->depth == 0)
		return ecma_refuse(t, "has a ) without its (");
	t->depth--;
	t->look_depth -= t->looks[t->depth];
	t->atom = t->out->cost - t->outer[t->depth] + 1;
	ecma_emit(t, ')');
	return true;
}

/* Digits from t->at + *ahead on; -1 where there are none. */
static int
read_number(const Translation *t, int *ahead)
{
	int value = -1;

	for (; ecma_peek(t, *ahead) >= '0' && ecma_peek(t, *ahead) <= '9'; ++*ahead)
		value = Min(Max(value, 0) * 10 + (int) (ecma_peek(t, *ahead) - '0'), 1000000);
	return value;
}

/* {n}, {n,} or {n,m} at t->at, behind the brace; false where the brace is only a brace. */
static bool
take_bounds(Translation *t)
{
	int ahead = 0;
	int min = read_number(t, &ahead);
	int max = min;

	if (min < 0)
		return false;
	if (ecma_peek(t, ahead) == ',')
	{
		ahead++;
		max = Max(read_number(t, &ahead), min);
	}
	if (ecma_peek(t, ahead) != '}')
		return false;
	if (t->atom == 0)
		return ecma_refuse(t, "has a quantifier with nothing to repeat");
	if (max > MAX_REPEATS)
		return ecma_refuse(t,
						   "repeats something more than 255 times; for long texts use maxLength");
	ecma_emit(t, '{');
	for (int i = 0; i <= ahead; i++)
		ecma_emit(t, t->in[t->at + i]);
	t->at += ahead + 1;
	t->out->cost += t->atom * Max(max - 1, 0);
	return true;
}

/* A quantifier whose first character is c, and the ? that makes it lazy. */
static bool
take_quantifier(Translation *t, pg_wchar c)
{
	if (c == '{')
	{
		if (!take_bounds(t))
			return false;
	}
	else if (t->atom == 0)
		return ecma_refuse(t, "has a quantifier with nothing to repeat");
	else
		ecma_emit(t, c);
	if (ecma_peek(t, 0) == '?')
		ecma_emit(t, t->in[t->at++]);
	t->atom = 0;
	/* at once, before costs of nested repetitions multiply beyond what an int64 holds */
	return t->out->cost <= SCHEMA_MAX_PATTERN_COST ||
		   ecma_refuse(t, "is too big with its repetitions written out");
}

static bool
take_escape(Translation *t)
{
	pg_wchar c = ecma_peek(t, 0);

	if (c == 'b' || c == 'B')
	{
		ecma_emit_text(t, c == 'b' ? "\\y" : "\\Y");
		t->at++;
		t->atom = 0;
		return true;
	}
	if (ecma_take_class(t, false))
		return true;
	if (!ecma_read_escape(t, &c))
		return false;
	ecma_emit_literal(t, c);
	return true;
}

static bool
take_next(Translation *t)
{
	pg_wchar c = t->in[t->at++];

	switch (c)
	{
		case '*':
		case '+':
		case '?':
		case '{':
			if (take_quantifier(t, c))
				return true;
			break;
		case '(':
			return open_group(t);
		case ')':
			return close_group(t);
		case '^':
		case '$':
		case '|':
			ecma_emit(t, c);
			t->atom = 0;
			return true;
		default:
			break;
	}
	if (t->why != NULL)
		return false;
	t->atom = 1;
	t->out->cost++;
	if (c == '\\')
		return take_escape(t);
	if (c == '[')
		return take_bracket(t);
	if (c == '.')
	{
		ecma_emit_text(t, "[^");
		ecma_emit_line_ends(t);
		ecma_emit(t, ']');
	}
	else
		ecma_emit_literal(t, c);
	return true;
}

bool
pattern_translate(const char *text, int length, PatternText *out, const char **why)
{
	pg_wchar *wide;
	Translation t = {.out = out};

	*out = (PatternText){0};
	*why = "is longer than 1000 characters";
	if (pg_mbstrlen_with_len(text, length) > SCHEMA_MAX_PATTERN_LENGTH)
		return false;
	wide = palloc(sizeof(pg_wchar) * (length + 1));
	t.in = wide;
	t.n = pg_mb2wchar_with_len(text, wide, length);
	/* the longest that one character becomes is \S in a bracket */
	out->chars = palloc(sizeof(pg_wchar) * (t.n * 48 + 1));
	while (t.why == NULL && t.at < t.n)
		take_next(&t);
	if (t.depth > 0)
		ecma_refuse(&t, "has a ( without its )");
	pfree(wide);
	*why = t.why;
	return t.why == NULL;
}
