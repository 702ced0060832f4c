/*
 * The compiler of schemas, for its own files: schema_compile.c, schema_keywords.c, schema_ref.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_SCHEMA_COMPILE_H
#define ASTRID_SCHEMA_COMPILE_H

#include "nodes/pg_list.h"
#include "utils/hsearch.h"

#include "schema_node.h"

/* A subschema that can be referred to by its URI. */
typedef struct Resource
{
	char *uri;
	JsonbValue value;
	SchemaNode *node;
} Resource;

/* A $ref still to be resolved. */
typedef struct Reference
{
	SchemaNode *node;
	char *uri; /* absolute, as far as the schema says what it is itself */
	const char *text;
} Reference;

typedef struct Compiler
{
	const char *argument; /* named in errors */
	HTAB *by_address;     /* subschemas by the place of their object in memory */
	List *nodes;          /* of SchemaNode: all of them */
	List *resources;      /* of Resource */
	List *references;     /* of Reference; grows while they are resolved */
	int depth;
	int pattern_cost; /* what is left for patterns */
} Compiler;

/* A name and what reads its value. */
typedef struct Keyword
{
	const char *name;
	void (*parse)(Compiler *compiler, SchemaNode *node, const struct Keyword *keyword,
				  const JsonbValue *value, const Place *place);
	uint8 group; /* set in the node */
	Size offset; /* of the member it sets */
} Keyword;

extern SchemaNode *compile_node(Compiler *compiler, const JsonbValue *value, const Place *place,
								const char *base);

/* The node compiled from the object, if there is one yet. */
extern SchemaNode *compile_known(Compiler *compiler, const JsonbValue *value);

extern Place *compile_key(const Place *up, const char *key, int length);
extern Place *compile_index(const Place *up, int index);

/* Raises QJ006 with the place in the schema. */
extern void compile_refuse(const Compiler *compiler, const Place *place, const char *format, ...)
	pg_attribute_printf(3, 4) pg_attribute_noreturn();

/* schema_keywords.c */
extern const Keyword *keyword_find(const JsonbValue *name);

/* The items of an array, copied. */
extern JsonbValue *keyword_copy_items(const JsonbValue *array);
extern SchemaPattern *keyword_pattern(Compiler *compiler, const JsonbValue *value,
									  const Place *place);

/* schema_keywords_object.c: as Keyword.parse */
extern void keyword_definitions(Compiler *compiler, SchemaNode *node, const Keyword *keyword,
								const JsonbValue *value, const Place *place);
extern void keyword_properties(Compiler *compiler, SchemaNode *node, const Keyword *keyword,
							   const JsonbValue *value, const Place *place);
extern void keyword_required(Compiler *compiler, SchemaNode *node, const Keyword *keyword,
							 const JsonbValue *value, const Place *place);
extern void keyword_pattern_properties(Compiler *compiler, SchemaNode *node, const Keyword *keyword,
									   const JsonbValue *value, const Place *place);
extern void keyword_dependencies(Compiler *compiler, SchemaNode *node, const Keyword *keyword,
								 const JsonbValue *value, const Place *place);

/* schema_ref.c */
extern const char *ref_note_id(Compiler *compiler, SchemaNode *node, const JsonbValue *value,
							   const JsonbValue *id, const Place *place);
extern void ref_note(Compiler *compiler, SchemaNode *node, const JsonbValue *reference,
					 const Place *place);
extern void ref_resolve_all(Compiler *compiler);
extern void ref_check_cycles(Compiler *compiler);

/* schema_meta.c: the schema of schemas. */
extern const char schema_meta_uri[];
extern const char schema_meta_text[];

#endif
