/*
 * Walking jsonb without copying it, and where in a document one is. SPDX-License-Identifier:
 * PostgreSQL
 */
#ifndef ASTRID_SCHEMA_VALUE_H
#define ASTRID_SCHEMA_VALUE_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

typedef enum PlaceKind
{
	PLACE_KEY,
	PLACE_INDEX,
	PLACE_DOCUMENT /* the key is the address of a document, not a step in one */
} PlaceKind;

/* One step of a JSON Pointer; a null Place is the whole document. */
typedef struct Place
{
	const struct Place *up;
	PlaceKind kind;
	const char *key;
	int length;
	int index;
} Place;

extern void place_append(StringInfo out, const Place *place);
extern char *place_text(const Place *place);

/* The pairs of an object or the items of an array, in the order they are stored. */
typedef struct JsonWalk
{
	JsonbContainer *container;
	char *base;
	int n;
	int next;
	uint32 key_offset;
	uint32 value_offset;
} JsonWalk;

extern void value_walk(JsonWalk *walk, const JsonbValue *container);

/* False at the end. The key is set for objects only, and may be null then. */
extern bool value_next(JsonWalk *walk, JsonbValue *key, JsonbValue *value);

/* The document's value: a scalar is unwrapped. */
extern void value_root(Jsonb *document, JsonbValue *value);

static inline bool
value_is_object(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}

static inline bool
value_is_array(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data);
}

static inline int
value_size(const JsonbValue *container)
{
	return JsonContainerSize(container->val.binary.data);
}

/* The order in which jsonb stores keys: by length, then by bytes. */
static inline int
value_compare_strings(const JsonbValue *a, const JsonbValue *b)
{
	int length = a->val.string.len;

	if (length != b->val.string.len)
		return length < b->val.string.len ? -1 : 1;
	return memcmp(a->val.string.val, b->val.string.val, length);
}

/* An order of all values in which 0 means equal as JSON Schema has it: 1 equals 1.0. */
extern int value_compare(const void *a, const void *b);

/* False where the object has no such key. */
extern bool value_member(const JsonbValue *object, const char *key, int length, JsonbValue *value);

extern bool value_is_integer(Numeric number);

/* As JSON, of which no more than some 100 characters are kept. */
extern char *value_text(const JsonbValue *value);

/* The string, clipped and quoted. */
extern char *value_quote(const char *text, int length);

#endif
