/*
 * Checking values, for the validator's own files: schema_validate.c, schema_scalar.c,
 * schema_container.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_SCHEMA_CHECK_H
#define ASTRID_SCHEMA_CHECK_H

#include "schema_node.h"

typedef struct Check
{
	SchemaErrors *errors; /* null: only the answer is wanted, and the first failure ends it */
	int64 steps;          /* that are left */
	int depth;
} Check;

extern bool check_node(Check *check, const SchemaNode *node, const JsonbValue *value,
					   const Place *place);

/* As check_node(), but failing says nothing. */
extern bool check_quietly(Check *check, const SchemaNode *node, const JsonbValue *value,
						  const Place *place);

extern bool check_number(Check *check, const SchemaNode *node, const JsonbValue *value,
						 const Place *place);
extern bool check_string(Check *check, const SchemaNode *node, const JsonbValue *value,
						 const Place *place);
extern bool check_array(Check *check, const SchemaNode *node, const JsonbValue *value,
						const Place *place);
extern bool check_object(Check *check, const SchemaNode *node, const JsonbValue *value,
						 const Place *place);

extern bool check_pattern(Check *check, const SchemaPattern *pattern, const JsonbValue *text);

/* Pays for work; raises QJ010 when the budget is used up. */
extern void check_pay(Check *check, int64 steps);

/* Notes an error at this place unless that is not wanted; returns false. */
extern bool check_fail(Check *check, const SchemaNode *node, const Place *place,
					   const char *keyword, const char *format, ...) pg_attribute_printf(5, 6);

/* After a failure one goes on only where all of them are wanted. */
static inline bool
check_ends(const Check *check, bool ok)
{
	return !ok && (check->errors == NULL || check->errors->full);
}

#endif
