/*
 * JSON Schema, draft 7: a schema is compiled once and then checks any number of values. Called by
 * queues.c, enqueue.c, complete.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_SCHEMA_H
#define ASTRID_SCHEMA_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

/* What a schema may be: whoever sets one cannot make setting or checking it expensive. */
#define SCHEMA_MAX_BYTES          262144 /* of the schema as jsonb */
#define SCHEMA_MAX_NODES          10000  /* subschemas */
#define SCHEMA_MAX_NESTING        100    /* subschemas within subschemas */
#define SCHEMA_MAX_PATTERN_LENGTH 1000   /* characters of one pattern */
#define SCHEMA_MAX_PATTERN_COST   10000  /* characters after repetitions are written out */
#define SCHEMA_MAX_PATTERNS_COST  100000 /* all patterns of one schema */
#define SCHEMA_MAX_NUMBER_BYTES   64     /* of a number that values are divided by */

/* What one check may take. */
#define SCHEMA_MAX_STEPS       10000000
#define SCHEMA_MAX_DEPTH       1000  /* subschemas applied within one another */
#define SCHEMA_MAX_ERRORS      100   /* reported; then the check ends */
#define SCHEMA_MAX_ERROR_BYTES 65536 /* of their texts */

typedef struct Schema Schema;

/* One thing that is wrong with a value. */
typedef struct SchemaError
{
	char *path; /* JSON Pointer (RFC 6901) into the value */
	const char *keyword;
	char *message; /* ends with the JSON Pointer into the schema */
} SchemaError;

typedef struct SchemaErrors
{
	int n;
	int bytes;
	bool full; /* there may be more */
	SchemaError items[SCHEMA_MAX_ERRORS];
} SchemaErrors;

/*
 * Compiles a schema; it lives in a memory context of its own below parent. Raises QJ006, naming the
 * argument and the place in the schema, where it is no schema.
 */
extern Schema *schema_compile(Jsonb *source, const char *argument, MemoryContext parent);

extern void schema_free(Schema *schema);

/* Whether the value matches. Raises QJ010 where that takes too many steps. */
extern bool schema_accepts(const Schema *schema, Jsonb *value);

/* Adds everything that is wrong with the value. */
extern void schema_explain(const Schema *schema, Jsonb *value, SchemaErrors *errors);

#endif
