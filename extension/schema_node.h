/*
 * A compiled schema: what the compiler (schema_compile.c, schema_keywords.c, schema_ref.c) builds
 * and the validator (schema_validate.c, schema_scalar.c, schema_container.c) walks.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_SCHEMA_NODE_H
#define ASTRID_SCHEMA_NODE_H

#include "schema.h"
#include "schema_format.h"
#include "schema_pattern.h"
#include "schema_value.h"

/* The types of JSON Schema. An integer is a number as well. */
typedef enum SchemaType
{
	TYPE_NULL = 1 << 0,
	TYPE_BOOLEAN = 1 << 1,
	TYPE_INTEGER = 1 << 2,
	TYPE_NUMBER = 1 << 3,
	TYPE_STRING = 1 << 4,
	TYPE_ARRAY = 1 << 5,
	TYPE_OBJECT = 1 << 6
} SchemaType;

/* Which checks a node has, so that a value passes the others by. */
typedef enum SchemaGroup
{
	GROUP_ANY = 1 << 0,
	GROUP_NUMBER = 1 << 1,
	GROUP_STRING = 1 << 2,
	GROUP_ARRAY = 1 << 3,
	GROUP_OBJECT = 1 << 4,
	GROUP_LOGIC = 1 << 5
} SchemaGroup;

typedef enum SchemaKind
{
	NODE_KEYWORDS, /* an object */
	NODE_TRUE,
	NODE_FALSE
} SchemaKind;

typedef struct SchemaNode SchemaNode;

typedef struct SchemaList
{
	SchemaNode **items;
	int n;
} SchemaList;

/* The values of enum, sorted by value_compare(). */
typedef struct SchemaValues
{
	JsonbValue source; /* as written */
	JsonbValue *items;
	int n;
} SchemaValues;

/* A name in properties or in required. Sorted as jsonb sorts keys, so that one walk meets both. */
typedef struct SchemaProperty
{
	JsonbValue name;
	SchemaNode *node; /* null: only required */
	bool required;
} SchemaProperty;

typedef struct SchemaPatternProperty
{
	SchemaPattern *pattern;
	SchemaNode *node;
} SchemaPatternProperty;

typedef struct SchemaDependency
{
	JsonbValue name;
	SchemaNode *node; /* null: names */
	JsonbValue *names;
	int n_names;
} SchemaDependency;

struct SchemaNode
{
	const Place *place; /* in the schema */
	const char *base;   /* what a $ref is relative to */
	SchemaNode *ref;    /* instead of everything below */
	SchemaKind kind;
	uint8 groups;
	uint8 types; /* 0: any */
	int height;  /* see schema_ref.c */

	/* any */
	SchemaValues *enumeration;
	JsonbValue *constant;

	/* numbers; null: no limit */
	Numeric minimum;
	Numeric maximum;
	Numeric exclusive_minimum;
	Numeric exclusive_maximum;
	Numeric multiple_of;
	Numeric far; /* from here on dividing by it takes long */

	/* strings; a maximum is PG_INT32_MAX where there is none */
	int min_length;
	int max_length;
	SchemaPattern *pattern;
	const SchemaFormat *format;

	/* arrays */
	int min_items;
	int max_items;
	bool unique_items;
	SchemaNode *items;  /* for all items */
	SchemaList tuple;   /* or one for each of the first items, */
	SchemaNode *beyond; /* additionalItems for the others */
	SchemaNode *contains;

	/* objects */
	int min_properties;
	int max_properties;
	SchemaProperty *properties;
	int n_properties;
	SchemaPatternProperty *patterns;
	int n_patterns;
	SchemaNode *additional;
	SchemaNode *names;
	SchemaDependency *dependencies;
	int n_dependencies;

	/* logic */
	SchemaList all_of;
	SchemaList any_of;
	SchemaList one_of;
	SchemaNode *none_of; /* not */
	SchemaNode *condition;
	SchemaNode *consequence;
	SchemaNode *alternative;
};

struct Schema
{
	MemoryContext context;
	SchemaNode *root;
};

#endif
