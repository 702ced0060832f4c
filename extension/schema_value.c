/*
 * Walking jsonb without copying it, and where in a document one is. Called by all of schema_*.c.
 *
 * JsonbIterator allocates memory for each container; here a walk lives on the stack.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "schema_value.h"

#define MAX_TEXT 100

static void
append_escaped(StringInfo out, const char *key, int length)
{
	for (int i = 0; i < length; i++)
	{
		if (key[i] == '~')
			appendStringInfoString(out, "~0");
		else if (key[i] == '/')
			appendStringInfoString(out, "~1");
		else
			appendStringInfoCharMacro(out, key[i]);
	}
}

static void
append_step(StringInfo out, const Place *step)
{
	if (step->kind == PLACE_DOCUMENT)
		appendStringInfoString(out, step->key);
	else if (step->kind == PLACE_INDEX)
		appendStringInfo(out, "/%d", step->index);
	else
	{
		appendStringInfoChar(out, '/');
		append_escaped(out, step->key, step->length);
	}
}

void
place_append(StringInfo out, const Place *place)
{
	const Place **steps;
	int n = 0;

	for (const Place *p = place; p != NULL; p = p->up)
		n++;
	steps = palloc(sizeof(Place *) * (n + 1));
	for (const Place *p = place; p != NULL; p = p->up)
		steps[--n] = p;
	for (; place != NULL; n++)
	{
		append_step(out, steps[n]);
		if (steps[n] == place)
			break;
	}
	pfree(steps);
}

char *
place_text(const Place *place)
{
	StringInfoData out;

	initStringInfo(&out);
	place_append(&out, place);
	return out.data;
}

void
value_walk(JsonWalk *walk, const JsonbValue *value)
{
	JsonbContainer *container = value->val.binary.data;
	int n = JsonContainerSize(container);
	bool object = JsonContainerIsObject(container);

	walk->container = container;
	walk->n = n;
	walk->next = 0;
	walk->base = (char *) &container->children[object ? 2 * n : n];
	walk->key_offset = 0;
	walk->value_offset = object && n > 0 ? getJsonbOffset(container, n) : 0;
}

/* The child with this number, whose data begin at *offset; moves that to the next one's. */
static void
take(const JsonWalk *walk, int number, uint32 *offset, JsonbValue *value)
{
	JEntry entry = walk->container->children[number];
	uint32 begin = *offset;

	JBE_ADVANCE_OFFSET(*offset, entry);
	if (value == NULL)
		return;
	switch (entry & JENTRY_TYPEMASK)
	{
		case JENTRY_ISNULL:
			value->type = jbvNull;
			break;
		case JENTRY_ISSTRING:
			value->type = jbvString;
			value->val.string.val = walk->base + begin;
			value->val.string.len = *offset - begin;
			break;
		case JENTRY_ISNUMERIC:
			value->type = jbvNumeric;
			value->val.numeric = (Numeric) (walk->base + INTALIGN(begin));
			break;
		case JENTRY_ISCONTAINER:
			value->type = jbvBinary;
			value->val.binary.data = (JsonbContainer *) (walk->base + INTALIGN(begin));
			value->val.binary.len = *offset - INTALIGN(begin);
			break;
		default:
			value->type = jbvBool;
			value->val.boolean = JBE_ISBOOL_TRUE(entry);
	}
}

bool
value_next(JsonWalk *walk, JsonbValue *key, JsonbValue *value)
{
	int number = walk->next;

	if (number >= walk->n)
		return false;
	walk->next++;
	if (JsonContainerIsObject(walk->container))
	{
		take(walk, number, &walk->key_offset, key);
		number += walk->n;
	}
	take(walk, number, &walk->value_offset, value);
	return true;
}

void
value_root(Jsonb *document, JsonbValue *value)
{
	JsonWalk walk;

	value->type = jbvBinary;
	value->val.binary.data = &document->root;
	value->val.binary.len = VARSIZE(document) - VARHDRSZ;
	if (JB_ROOT_IS_SCALAR(document))
	{
		value_walk(&walk, value);
		value_next(&walk, NULL, value);
	}
}

int
value_compare(const void *left, const void *right)
{
	const JsonbValue *a = left;
	const JsonbValue *b = right;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	switch (a->type)
	{
		case jbvString:
			return value_compare_strings(a, b);
		case jbvNumeric:
			return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(a->val.numeric),
													 NumericGetDatum(b->val.numeric)));
		case jbvBool:
			return (int) a->val.boolean - (int) b->val.boolean;
		case jbvBinary:
			return compareJsonbContainers(a->val.binary.data, b->val.binary.data);
		default:
			return 0;
	}
}

bool
value_member(const JsonbValue *object, const char *key, int length, JsonbValue *value)
{
	return getKeyJsonValueFromContainer(object->val.binary.data, key, length, value) != NULL;
}

bool
value_is_integer(Numeric number)
{
	Datum datum = NumericGetDatum(number);

	/* the number of digits written after the point, then of those that are not zero */
	return DatumGetInt32(DirectFunctionCall1(numeric_scale, datum)) == 0 ||
		   DatumGetInt32(DirectFunctionCall1(numeric_min_scale, datum)) == 0;
}

static char *
clip(char *text, int length)
{
	if (length > MAX_TEXT)
		strcpy(text + pg_mbcliplen(text, length, MAX_TEXT - 3), "...");
	return text;
}

char *
value_text(const JsonbValue *value)
{
	Jsonb *document = JsonbValueToJsonb((JsonbValue *) value);
	StringInfoData out;

	initStringInfo(&out);
	JsonbToCString(&out, &document->root, VARSIZE(document));
	return clip(out.data, out.len);
}

char *
value_quote(const char *text, int length)
{
	return psprintf("\"%s\"", clip(pnstrdup(text, length), length));
}
