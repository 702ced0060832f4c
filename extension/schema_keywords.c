/*
 * What each keyword of draft 7 puts into a node. Called by schema_compile.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "schema_compile.h"

#define MEMBER(type) ((type *) ((char *) node + keyword->offset))

static void
parse_type_name(Compiler *compiler, SchemaNode *node, const JsonbValue *value, const Place *place)
{
	static const struct
	{
		const char *name;
		SchemaType type;
	} types[] = {{"null", TYPE_NULL},     {"boolean", TYPE_BOOLEAN}, {"integer", TYPE_INTEGER},
				 {"number", TYPE_NUMBER}, {"string", TYPE_STRING},   {"array", TYPE_ARRAY},
				 {"object", TYPE_OBJECT}};

	for (int i = 0; value->type == jbvString && i < lengthof(types); i++)
		if (strlen(types[i].name) == value->val.string.len &&
			memcmp(types[i].name, value->val.string.val, value->val.string.len) == 0)
		{
			node->types |= types[i].type;
			return;
		}
	compile_refuse(
		compiler, place,
		"a type is one of null, boolean, integer, number, string, array and object, as a string");
}

static void
parse_type(Compiler *compiler, SchemaNode *node, const Keyword *keyword, const JsonbValue *value,
		   const Place *place)
{
	JsonWalk walk;
	JsonbValue item;

	if (!value_is_array(value))
	{
		parse_type_name(compiler, node, value, place);
		return;
	}
	if (value_size(value) == 0)
		compile_refuse(compiler, place, "must not be empty");
	value_walk(&walk, value);
	while (value_next(&walk, NULL, &item))
		parse_type_name(compiler, node, &item, compile_index(place, walk.next - 1));
}

JsonbValue *
keyword_copy_items(const JsonbValue *array)
{
	JsonbValue *items = palloc(sizeof(JsonbValue) * (value_size(array) + 1));
	JsonWalk walk;

	value_walk(&walk, array);
	for (int i = 0; value_next(&walk, NULL, &items[i]); i++)
		continue;
	return items;
}

static void
parse_enum(Compiler *compiler, SchemaNode *node, const Keyword *keyword, const JsonbValue *value,
		   const Place *place)
{
	SchemaValues *values = palloc0(sizeof(SchemaValues));

	if (!value_is_array(value))
		compile_refuse(compiler, place, "must be an array");
	values->source = *value;
	values->n = value_size(value);
	values->items = keyword_copy_items(value);
	qsort(values->items, values->n, sizeof(JsonbValue), value_compare);
	node->enumeration = values;
}

static void
parse_const(Compiler *compiler, SchemaNode *node, const Keyword *keyword, const JsonbValue *value,
			const Place *place)
{
	node->constant = palloc(sizeof(JsonbValue));
	*node->constant = *value;
}

static void
parse_number(Compiler *compiler, SchemaNode *node, const Keyword *keyword, const JsonbValue *value,
			 const Place *place)
{
	if (value->type != jbvNumeric)
		compile_refuse(compiler, place, "must be a number");
	*MEMBER(Numeric) = value->val.numeric;
}

static int
sign_of(Numeric number)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(number),
											 DirectFunctionCall1(int4_numeric, Int32GetDatum(0))));
}

static void
parse_multiple_of(Compiler *compiler, SchemaNode *node, const Keyword *keyword,
				  const JsonbValue *value, const Place *place)
{
	parse_number(compiler, node, keyword, value, place);
	if (sign_of(node->multiple_of) <= 0)
		compile_refuse(compiler, place, "must be greater than 0");
	if (VARSIZE(node->multiple_of) > SCHEMA_MAX_NUMBER_BYTES)
		compile_refuse(compiler, place, "has too many digits");
	node->far = DatumGetNumeric(
		DirectFunctionCall2(numeric_mul, NumericGetDatum(node->multiple_of),
							DirectFunctionCall3(numeric_in, CStringGetDatum("1e300"),
												ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
}

/* A count; one that no value can reach becomes the highest int. */
static void
parse_count(Compiler *compiler, SchemaNode *node, const Keyword *keyword, const JsonbValue *value,
			const Place *place)
{
	bool too_big = false;
	int count;

	if (value->type != jbvNumeric || !value_is_integer(value->val.numeric) ||
		sign_of(value->val.numeric) < 0)
		compile_refuse(compiler, place, "must be an integer that is not negative");
	count = numeric_int4_opt_error(value->val.numeric, &too_big);
	*MEMBER(int) = too_big ? PG_INT32_MAX : count;
}

static void
parse_boolean(Compiler *compiler, SchemaNode *node, const Keyword *keyword, const JsonbValue *value,
			  const Place *place)
{
	if (value->type != jbvBool)
		compile_refuse(compiler, place, "must be true or false");
	*MEMBER(bool) = value->val.boolean;
}

SchemaPattern *
keyword_pattern(Compiler *compiler, const JsonbValue *value, const Place *place)
{
	const char *why;
	SchemaPattern *pattern;

	if (value->type != jbvString)
		compile_refuse(compiler, place, "must be a string");
	pattern = pattern_compile(value->val.string.val, value->val.string.len, &compiler->pattern_cost,
							  &why);
	if (pattern == NULL)
		compile_refuse(compiler, place, "the pattern %s", why);
	return pattern;
}

static void
parse_pattern(Compiler *compiler, SchemaNode *node, const Keyword *keyword, const JsonbValue *value,
			  const Place *place)
{
	node->pattern = keyword_pattern(compiler, value, place);
}

static void
parse_format(Compiler *compiler, SchemaNode *node, const Keyword *keyword, const JsonbValue *value,
			 const Place *place)
{
	if (value->type != jbvString)
		compile_refuse(compiler, place, "must be a string");
	node->format = format_find(value->val.string.val, value->val.string.len);
}

static void
parse_schema(Compiler *compiler, SchemaNode *node, const Keyword *keyword, const JsonbValue *value,
			 const Place *place)
{
	*MEMBER(SchemaNode *) = compile_node(compiler, value, place, node->base);
}

static void
parse_schemas(Compiler *compiler, SchemaNode *node, const Keyword *keyword, const JsonbValue *value,
			  const Place *place)
{
	SchemaList *list = MEMBER(SchemaList);
	JsonWalk walk;
	JsonbValue item;

	if (!value_is_array(value))
		compile_refuse(compiler, place, "must be an array of schemas");
	list->items = palloc(sizeof(SchemaNode *) * (value_size(value) + 1));
	value_walk(&walk, value);
	while (value_next(&walk, NULL, &item))
	{
		const Place *at = compile_index(place, list->n);

		list->items[list->n++] = compile_node(compiler, &item, at, node->base);
	}
}

static void
parse_some_schemas(Compiler *compiler, SchemaNode *node, const Keyword *keyword,
				   const JsonbValue *value, const Place *place)
{
	parse_schemas(compiler, node, keyword, value, place);
	if (value_size(value) == 0)
		compile_refuse(compiler, place, "must not be empty");
}

static void
parse_items(Compiler *compiler, SchemaNode *node, const Keyword *keyword, const JsonbValue *value,
			const Place *place)
{
	static const Keyword tuple = {.offset = offsetof(SchemaNode, tuple)};

	if (value_is_array(value))
		parse_schemas(compiler, node, &tuple, value, place);
	else
		parse_schema(compiler, node, keyword, value, place);
}

#define AT(member) offsetof(SchemaNode, member)

static const Keyword keywords[] = {
	{"type", parse_type, 0, 0},
	{"enum", parse_enum, GROUP_ANY, 0},
	{"const", parse_const, GROUP_ANY, 0},
	{"minimum", parse_number, GROUP_NUMBER, AT(minimum)},
	{"maximum", parse_number, GROUP_NUMBER, AT(maximum)},
	{"exclusiveMinimum", parse_number, GROUP_NUMBER, AT(exclusive_minimum)},
	{"exclusiveMaximum", parse_number, GROUP_NUMBER, AT(exclusive_maximum)},
	{"multipleOf", parse_multiple_of, GROUP_NUMBER, AT(multiple_of)},
	{"minLength", parse_count, GROUP_STRING, AT(min_length)},
	{"maxLength", parse_count, GROUP_STRING, AT(max_length)},
	{"pattern", parse_pattern, GROUP_STRING, 0},
	{"format", parse_format, GROUP_STRING, 0},
	{"minItems", parse_count, GROUP_ARRAY, AT(min_items)},
	{"maxItems", parse_count, GROUP_ARRAY, AT(max_items)},
	{"uniqueItems", parse_boolean, GROUP_ARRAY, AT(unique_items)},
	{"items", parse_items, GROUP_ARRAY, AT(items)},
	{"additionalItems", parse_schema, GROUP_ARRAY, AT(beyond)},
	{"contains", parse_schema, GROUP_ARRAY, AT(contains)},
	{"minProperties", parse_count, GROUP_OBJECT, AT(min_properties)},
	{"maxProperties", parse_count, GROUP_OBJECT, AT(max_properties)},
	{"properties", keyword_properties, GROUP_OBJECT, 0},
	{"required", keyword_required, GROUP_OBJECT, 0},
	{"patternProperties", keyword_pattern_properties, GROUP_OBJECT, 0},
	{"additionalProperties", parse_schema, GROUP_OBJECT, AT(additional)},
	{"propertyNames", parse_schema, GROUP_OBJECT, AT(names)},
	{"dependencies", keyword_dependencies, GROUP_OBJECT, 0},
	{"definitions", keyword_definitions, 0, 0},
	{"allOf", parse_some_schemas, GROUP_LOGIC, AT(all_of)},
	{"anyOf", parse_some_schemas, GROUP_LOGIC, AT(any_of)},
	{"oneOf", parse_some_schemas, GROUP_LOGIC, AT(one_of)},
	{"not", parse_schema, GROUP_LOGIC, AT(none_of)},
	{"if", parse_schema, GROUP_LOGIC, AT(condition)},
	{"then", parse_schema, GROUP_LOGIC, AT(consequence)},
	{"else", parse_schema, GROUP_LOGIC, AT(alternative)},
};

const Keyword *
keyword_find(const JsonbValue *name)
{
	for (int i = 0; i < lengthof(keywords); i++)
		if (strlen(keywords[i].name) == name->val.string.len &&
			memcmp(keywords[i].name, name->val.string.val, name->val.string.len) == 0)
			return &keywords[i];
	return NULL;
}
