/*
 * Checking numbers and strings. Called by schema_validate.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "schema_check.h"

/* The four limits: a number fails where comparing it with the limit gives one of two results. */
static const struct
{
	const char *keyword;
	Size offset;
	int wrong;
	bool equal_is_wrong;
	const char *text;
} limits[] = {
	{"minimum", offsetof(SchemaNode, minimum), -1, false, "at least"},
	{"maximum", offsetof(SchemaNode, maximum), 1, false, "at most"},
	{"exclusiveMinimum", offsetof(SchemaNode, exclusive_minimum), -1, true, "greater than"},
	{"exclusiveMaximum", offsetof(SchemaNode, exclusive_maximum), 1, true, "less than"},
};

static const char *
number_text(Numeric number)
{
	JsonbValue value = {.type = jbvNumeric};

	value.val.numeric = number;
	return value_text(&value);
}

static int
compare(Numeric a, Numeric b)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(a), NumericGetDatum(b)));
}

static bool
is_far(Numeric number, Numeric limit)
{
	Datum size = DirectFunctionCall1(numeric_abs, NumericGetDatum(number));

	return compare(DatumGetNumeric(size), limit) > 0;
}

static bool
is_multiple(Numeric number, Numeric divisor)
{
	Datum rest =
		DirectFunctionCall2(numeric_mod, NumericGetDatum(number), NumericGetDatum(divisor));

	return DatumGetInt32(
			   DirectFunctionCall1(numeric_int4, DirectFunctionCall1(numeric_sign, rest))) == 0;
}

bool
check_number(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	Numeric number = value->val.numeric;
	bool ok = true;

	for (int i = 0; i < lengthof(limits) && !check_ends(check, ok); i++)
	{
		Numeric limit = *(const Numeric *) ((const char *) node + limits[i].offset);
		int sign;

		if (limit == NULL)
			continue;
		sign = compare(number, limit);
		if (sign == limits[i].wrong || (sign == 0 && limits[i].equal_is_wrong))
			ok = check->errors != NULL &&
				 check_fail(check, node, place, limits[i].keyword, "must be %s %s", limits[i].text,
							number_text(limit));
	}
	if (node->multiple_of != NULL && !check_ends(check, ok))
	{
		/* a number of a few bytes may have 100000 digits */
		check_pay(check, is_far(number, node->far) ? 20000 : 1);
		if (!is_multiple(number, node->multiple_of))
			ok = check->errors != NULL &&
				 check_fail(check, node, place, "multipleOf", "must be a multiple of %s",
							number_text(node->multiple_of));
	}
	return ok;
}

/* Characters, not bytes; counted only where the bytes leave it open. */
static bool
check_length(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	int bytes = value->val.string.len;
	int length = bytes;

	if (bytes < node->min_length)
		return check_fail(check, node, place, "minLength", "must have %d characters or more",
						  node->min_length);
	if (node->min_length > 0 || bytes > node->max_length)
		length = pg_mbstrlen_with_len(value->val.string.val, bytes);
	if (length < node->min_length)
		return check_fail(check, node, place, "minLength", "must have %d characters or more",
						  node->min_length);
	if (length > node->max_length)
		return check_fail(check, node, place, "maxLength", "must have %d characters or fewer",
						  node->max_length);
	return true;
}

bool
check_pattern(Check *check, const SchemaPattern *pattern, const JsonbValue *text)
{
	int length = text->val.string.len;
	double steps = (length + 1) / 16.0;

	/* from each place the engine may look as far as the text goes, and from there again */
	for (int i = 0; i < pattern->look_depth; i++)
		steps *= length + 1;
	steps *= Max(pattern->n_looks, 1);
	check_pay(check, Min(steps, 2.0 * SCHEMA_MAX_STEPS));
	return pattern_matches(pattern, text->val.string.val, length);
}

bool
check_string(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	bool ok = check_length(check, node, value, place);

	if (node->pattern != NULL && !check_ends(check, ok) &&
		!check_pattern(check, node->pattern, value))
		ok = check_fail(check, node, place, "pattern", "must match the pattern \"%s\"",
						node->pattern->text);
	if (node->format != NULL && !check_ends(check, ok) &&
		!node->format->accepts(value->val.string.val, value->val.string.len))
		ok = check_fail(check, node, place, "format", "must be a valid %s", node->format->name);
	return ok;
}
