/*
 * Building a JSON object (see object.h). Called by event.c, trigger.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "object.h"

void
object_begin(Object *object)
{
	object->state = NULL;
	(void) pushJsonbValue(&object->state, WJB_BEGIN_OBJECT, NULL);
}

static void
push_string(Object *object, JsonbIteratorToken token, const char *string, int length)
{
	JsonbValue value = {.type = jbvString};

	value.val.string.val = unconstify(char *, string);
	value.val.string.len = length;
	(void) pushJsonbValue(&object->state, token, &value);
}

static void
push_name(Object *object, const char *name)
{
	push_string(object, WJB_KEY, name, strlen(name));
}

static void
push_null(Object *object)
{
	JsonbValue value = {.type = jbvNull};

	(void) pushJsonbValue(&object->state, WJB_VALUE, &value);
}

void
object_string(Object *object, const char *name, const char *value)
{
	push_name(object, name);
	push_string(object, WJB_VALUE, value, strlen(value));
}

void
object_text(Object *object, const char *name, Datum value)
{
	push_name(object, name);
	if (value == (Datum) 0)
		push_null(object);
	else
	{
		text *string = DatumGetTextPP(value);

		push_string(object, WJB_VALUE, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
	}
}

void
object_int8(Object *object, const char *name, int64 value)
{
	JsonbValue number = {.type = jbvNumeric};

	number.val.numeric = int64_to_numeric(value);
	push_name(object, name);
	(void) pushJsonbValue(&object->state, WJB_VALUE, &number);
}

/* As to_jsonb() writes it. */
void
object_time(Object *object, const char *name, TimestampTz value)
{
	object_string(object, name,
				  JsonEncodeDateTime(NULL, TimestampTzGetDatum(value), TIMESTAMPTZOID, NULL));
}

void
object_json(Object *object, const char *name, Datum value)
{
	JsonbValue whole;

	push_name(object, name);
	if (value == (Datum) 0)
	{
		push_null(object);
		return;
	}
	JsonbToJsonbValue(DatumGetJsonbP(value), &whole);
	(void) pushJsonbValue(&object->state, WJB_VALUE, &whole);
}

Datum
object_end(Object *object)
{
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&object->state, WJB_END_OBJECT, NULL)));
}
