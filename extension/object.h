/*
 * Building a JSON object. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_OBJECT_H
#define ASTRID_OBJECT_H

#include "utils/jsonb.h"
#include "utils/timestamp.h"

typedef struct Object
{
	JsonbParseState *state;
} Object;

/* Names and values are not copied: they must live until object_end(). */
extern void object_begin(Object *object);
extern void object_string(Object *object, const char *name, const char *value);

/* A text, or 0 for null. */
extern void object_text(Object *object, const char *name, Datum value);
extern void object_int8(Object *object, const char *name, int64 value);
extern void object_time(Object *object, const char *name, TimestampTz value);

/* A jsonb, or 0 for null. */
extern void object_json(Object *object, const char *name, Datum value);
extern Datum object_end(Object *object);

#endif
