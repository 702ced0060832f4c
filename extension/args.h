/*
 * Arguments of the SQL functions. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_ARGS_H
#define ASTRID_ARGS_H

#include "fmgr.h"
#include "utils/array.h"

/* An SQL array taken apart. A null array has n 0 and is_null true. */
typedef struct ArgArray
{
	Datum *values;
	bool *nulls;
	int n;
	bool is_null;
} ArgArray;

/* Raises QJ006, naming the argument, where it is null. */
extern void arg_require(FunctionCallInfo fcinfo, int number, const char *name);

/* Raises QJ006 with this detail about the argument. */
extern void arg_refuse(const char *name, const char *detail) pg_attribute_noreturn();

extern ArgArray arg_array(FunctionCallInfo fcinfo, int number, Oid element_type);

/* As arg_array(), but null elements are refused. */
extern ArgArray arg_array_without_nulls(FunctionCallInfo fcinfo, int number, const char *name,
										Oid element_type);

/* Microseconds; a month counts 30 days. */
extern int64 interval_length(const Interval *value);

/* Raises QJ006, naming the argument, unless it is longer than zero; a month counts 30 days. */
extern void arg_require_positive(const Interval *value, const char *name);

#endif
