/*
 * Checking a value against a schema. Called by schema_sql.c, schema_queue.c.
 *
 * A value is first asked only whether it matches, which ends at the first failure and allocates
 * nothing. Where it does not, a second pass collects everything that is wrong.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "schema_check.h"
#include "sqlstate.h"

void
check_pay(Check *check, int64 steps)
{
	CHECK_FOR_INTERRUPTS();
	check->steps -= steps;
	if (check->steps < 0)
		ereport(ERROR, (errcode(astrid_sqlstate(ASTRID_SCHEMA_VIOLATION)),
						errmsg("checking a value against its schema takes too long"),
						errdetail("More than %d steps were needed.", SCHEMA_MAX_STEPS),
						errhint("Make the value smaller or the schema simpler.")));
}

bool
check_fail(Check *check, const SchemaNode *node, const Place *place, const char *keyword,
		   const char *format, ...)
{
	SchemaErrors *errors = check->errors;
	SchemaError *error;
	StringInfoData message;
	va_list arguments;

	if (errors == NULL || errors->full)
		return false;
	initStringInfo(&message);
	va_start(arguments, format);
	appendStringInfoVA(&message, format, arguments);
	va_end(arguments);
	appendStringInfoString(&message, " (schema: ");
	place_append(&message, node->place);
	appendStringInfo(&message, "/%s)", keyword);
	error = &errors->items[errors->n++];
	error->path = place_text(place);
	error->keyword = keyword;
	error->message = message.data;
	errors->bytes += strlen(error->path) + message.len;
	errors->full = errors->n == SCHEMA_MAX_ERRORS || errors->bytes > SCHEMA_MAX_ERROR_BYTES;
	return false;
}

bool
check_quietly(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	SchemaErrors *errors = check->errors;
	bool ok;

	check->errors = NULL;
	ok = check_node(check, node, value, place);
	check->errors = errors;
	return ok;
}

static SchemaType
type_of(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return TYPE_NULL;
		case jbvBool:
			return TYPE_BOOLEAN;
		case jbvNumeric:
			return TYPE_NUMBER;
		case jbvString:
			return TYPE_STRING;
		default:
			return value_is_array(value) ? TYPE_ARRAY : TYPE_OBJECT;
	}
}

static const char *
type_names(int types)
{
	static const char *const names[] = {"null",   "boolean", "integer", "number",
										"string", "array",   "object"};
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < lengthof(names); i++)
		if (types & (1 << i))
			appendStringInfo(&out, "%s%s", out.len ? " or " : "", names[i]);
	return out.data;
}

static bool
check_type(Check *check, const SchemaNode *node, const JsonbValue *value, SchemaType type,
		   const Place *place)
{
	if (node->types & type)
		return true;
	if (type == TYPE_NUMBER && (node->types & TYPE_INTEGER) && value_is_integer(value->val.numeric))
		return true;
	if (check->errors == NULL)
		return false;
	return check_fail(check, node, place, "type", "must be %s, not %s", type_names(node->types),
					  type_names(type));
}

/* enum and const */
static bool
check_values(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	bool ok = true;

	if (value->type == jbvBinary)
		check_pay(check, value->val.binary.len / 16);
	if (node->enumeration != NULL && bsearch(value, node->enumeration->items, node->enumeration->n,
											 sizeof(JsonbValue), value_compare) == NULL)
		ok = check->errors != NULL && check_fail(check, node, place, "enum", "must be one of %s",
												 value_text(&node->enumeration->source));
	if (node->constant != NULL && !check_ends(check, ok) &&
		value_compare(value, node->constant) != 0)
		ok = check->errors != NULL &&
			 check_fail(check, node, place, "const", "must be %s", value_text(node->constant));
	return ok;
}

static bool
check_all_of(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	bool ok = true;

	for (int i = 0; i < node->all_of.n && !check_ends(check, ok); i++)
		ok &= check_node(check, node->all_of.items[i], value, place);
	return ok;
}

static bool
check_any_of(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	for (int i = 0; i < node->any_of.n; i++)
		if (check_quietly(check, node->any_of.items[i], value, place))
			return true;
	return node->any_of.n == 0 ||
		   check_fail(check, node, place, "anyOf", "must match one of %d schemas, matches none",
					  node->any_of.n);
}

static bool
check_one_of(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	int n = 0;

	for (int i = 0; i < node->one_of.n; i++)
		n += check_quietly(check, node->one_of.items[i], value, place);
	return node->one_of.n == 0 || n == 1 ||
		   check_fail(check, node, place, "oneOf",
					  "must match exactly one of %d schemas, matches %d", node->one_of.n, n);
}

static bool
check_condition(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	const SchemaNode *next;

	if (node->condition == NULL || (node->consequence == NULL && node->alternative == NULL))
		return true;
	next =
		check_quietly(check, node->condition, value, place) ? node->consequence : node->alternative;
	return next == NULL || check_node(check, next, value, place);
}

static bool
check_logic(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	bool ok = check_all_of(check, node, value, place);

	if (!check_ends(check, ok))
		ok &= check_any_of(check, node, value, place);
	if (!check_ends(check, ok))
		ok &= check_one_of(check, node, value, place);
	if (!check_ends(check, ok))
		ok &= check_condition(check, node, value, place);
	if (!check_ends(check, ok) && node->none_of != NULL &&
		check_quietly(check, node->none_of, value, place))
		ok = check_fail(check, node, place, "not", "must not match this schema");
	return ok;
}

static bool
check_keywords(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	SchemaType type = type_of(value);
	bool ok = node->types == 0 || check_type(check, node, value, type, place);

	if (!check_ends(check, ok) && (node->groups & GROUP_ANY))
		ok &= check_values(check, node, value, place);
	if (check_ends(check, ok))
		return false;
	if (type == TYPE_NUMBER && (node->groups & GROUP_NUMBER))
		ok &= check_number(check, node, value, place);
	else if (type == TYPE_STRING && (node->groups & GROUP_STRING))
		ok &= check_string(check, node, value, place);
	else if (type == TYPE_ARRAY && (node->groups & GROUP_ARRAY))
		ok &= check_array(check, node, value, place);
	else if (type == TYPE_OBJECT && (node->groups & GROUP_OBJECT))
		ok &= check_object(check, node, value, place);
	if (!check_ends(check, ok) && (node->groups & GROUP_LOGIC))
		ok &= check_logic(check, node, value, place);
	return ok;
}

bool
check_node(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	bool ok;

	check_pay(check, 1);
	while (node->ref != NULL)
		node = node->ref;
	if (node->kind == NODE_TRUE)
		return true;
	if (node->kind == NODE_FALSE)
		return check_fail(check, node, place, "false", "nothing is allowed here");
	if (check->depth >= SCHEMA_MAX_DEPTH)
		ereport(ERROR,
				(errcode(astrid_sqlstate(ASTRID_SCHEMA_VIOLATION)),
				 errmsg("a value is nested too deeply to check it against its schema"),
				 errdetail("More than %d subschemas apply within one another.", SCHEMA_MAX_DEPTH)));
	check_stack_depth();
	check->depth++;
	ok = check_keywords(check, node, value, place);
	check->depth--;
	return ok;
}

static bool
run(const Schema *schema, Jsonb *document, SchemaErrors *errors)
{
	Check check = {.errors = errors, .steps = SCHEMA_MAX_STEPS};
	JsonbValue value;

	value_root(document, &value);
	return check_node(&check, schema->root, &value, NULL);
}

bool
schema_accepts(const Schema *schema, Jsonb *value)
{
	return run(schema, value, NULL);
}

void
schema_explain(const Schema *schema, Jsonb *value, SchemaErrors *errors)
{
	run(schema, value, errors);
}
