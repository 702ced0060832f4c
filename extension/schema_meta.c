/*
 * The schema of draft 7's schemas, by JSON Schema itself, for schemas that refer to it. Called by
 * schema_ref.c.
 *
 * Annotations are left out: they check nothing.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "schema_compile.h"

const char schema_meta_uri[] = "http://json-schema.org/draft-07/schema";

#define SCHEMA             "{\"$ref\": \"#\"}"
#define COUNT              "{\"$ref\": \"#/definitions/nonNegativeInteger\"}"
#define STRING             "{\"type\": \"string\"}"
#define NUMBER             "{\"type\": \"number\"}"
#define BOOLEAN            "{\"type\": \"boolean\"}"
#define ANY                "true"
#define LIST               "{\"$ref\": \"#/definitions/schemaArray\"}"
#define NAMES              "{\"$ref\": \"#/definitions/stringArray\"}"
#define MAP                "{\"type\": \"object\", \"additionalProperties\": " SCHEMA "}"
#define EITHER(a, b)       "{\"anyOf\": [" a ", " b "]}"
#define KEY(name, content) "\"" name "\": " content

const char
	schema_meta_text[] =
		"{\"$id\": \"http://json-schema.org/draft-07/schema#\", \"type\": [\"object\", "
		"\"boolean\"],"
		" \"definitions\": {"
		"  \"schemaArray\": {\"type\": \"array\", \"minItems\": 1, \"items\": " SCHEMA "},"
		"  \"stringArray\": {\"type\": \"array\", \"uniqueItems\": true, \"items\": " STRING "},"
		"  \"nonNegativeInteger\": {\"type\": \"integer\", \"minimum\": 0},"
		"  \"simpleTypes\": {\"enum\": [\"array\", \"boolean\", \"integer\", \"null\", "
		"\"number\","
		"                               \"object\", \"string\"]}},"
		" \"properties\": {" KEY(
			"$id", "{\"type\": \"string\", \"format\": "
				   "\"uri-reference\"}") "," KEY("$schema", "{\"type\": \"string\", \"format\": "
															"\"uri\"}") "," KEY("$ref",
																				"{\"type\": "
																				"\"string\", "
																				"\"format\": "
																				"\"uri-"
																				"reference\"}") "," KEY("$comment",
																										STRING) "," KEY("title", STRING) "," KEY("description", STRING) "," KEY("default", ANY) "," KEY("readOnly", BOOLEAN) "," KEY("examples", "{\"type\": \"array\"}") "," KEY("multipleOf", "{\"type\": \"number\", \"exclusiveMinimum\": 0}") "," KEY("maximum", NUMBER) "," KEY("exclusiveMaximum",
																																																																																													  NUMBER) "," KEY("minimum",
																																																																																																	  NUMBER) "," KEY("exclusiveMinimum",
																																																																																																					  NUMBER) "," KEY("maxLength",
																																																																																																									  COUNT) "," KEY("minLength",
																																																																																																													 COUNT) "," KEY("pattern",
																																																																																																																	"{\"type\": \"string\", \"format\": \"regex\"}") "," KEY("additionalItems",
																																																																																																																															 SCHEMA) "," KEY("items",
																																																																																																																																			 EITHER(
																																																																																																																																				 SCHEMA,
																																																																																																																																				 LIST)) "," KEY("maxItems",
																																																																																																																																								COUNT) "," KEY("minItems",
																																																																																																																																											   COUNT) "," KEY("uniqueItems", BOOLEAN) "," KEY("contains",
																																																																																																																																																							  SCHEMA) "," KEY("maxProperties",
																																																																																																																																																											  COUNT) "," KEY("minProperties",
																																																																																																																																																															 COUNT) "," KEY("required", NAMES) "," KEY("additionalProperties", SCHEMA) "," KEY("definitions", MAP) "," KEY("properties",
																																																																																																																																																																																										   MAP) "," KEY("patternProperties", "{\"type\": \"object\", \"additionalProperties\": " SCHEMA
																																																																																																																																																																																																			 ","
																																																																																																																																																																																																			 " \"propertyNames\": {\"format\": \"regex\"}}") "," KEY("dependencies", "{\"type\": \"object\", \"additionalProperties\": " EITHER(SCHEMA, NAMES) "}") "," KEY("propertyNames",
																																																																																																																																																																																																																																											SCHEMA) "," KEY("const", ANY) "," KEY("enum",
																																																																																																																																																																																																																																																				  "{\"type\": \"array\"}") "," KEY("type", EITHER("{\"$ref\": \"#/definitions/simpleTypes\"}", "{\"type\": \"array\", \"minItems\": 1, \"uniqueItems\": true,"
																																																																																																																																																																																																																																																																											   " \"items\": {\"$ref\": \"#/definitions/simpleTypes\"}}")) "," KEY("format", STRING) "," KEY("contentMediaType",
																																																																																																																																																																																																																																																																																																			STRING) "," KEY("contentEncoding", STRING) "," KEY("if", SCHEMA) "," KEY("then", SCHEMA) "," KEY("else", SCHEMA) "," KEY("allOf", LIST) "," KEY("anyOf", LIST) "," KEY("oneOf",
																																																																																																																																																																																																																																																																																																																																												   LIST) "," KEY("not",
																																																																																																																																																																																																																																																																																																																																																 SCHEMA) "}}";
