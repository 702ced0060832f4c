/*
 * Arguments of the SQL functions: no function is STRICT, so each says which of its arguments must
 * not be null. Called by enqueue.c, claim.c and complete.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "args.h"
#include "sqlstate.h"

void
arg_refuse(const char *name, const char *detail)
{
	ereport(ERROR, (errcode(astrid_sqlstate(ASTRID_INVALID_ARGUMENT)),
					errmsg("invalid argument \"%s\"", name), errdetail("%s", detail)));
}

void
arg_require(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		arg_refuse(name, "It must not be null.");
}

ArgArray
arg_array(FunctionCallInfo fcinfo, int number, Oid element_type)
{
	ArgArray result = {.is_null = PG_ARGISNULL(number)};
	int16 length;
	bool by_value;
	char align;

	if (result.is_null)
		return result;
	get_typlenbyvalalign(element_type, &length, &by_value, &align);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(number), element_type, length, by_value, align,
					  &result.values, &result.nulls, &result.n);
	return result;
}

ArgArray
arg_array_without_nulls(FunctionCallInfo fcinfo, int number, const char *name, Oid element_type)
{
	ArgArray result;

	arg_require(fcinfo, number, name);
	result = arg_array(fcinfo, number, element_type);
	for (int i = 0; i < result.n; i++)
		if (result.nulls[i])
			arg_refuse(name, "Its elements must not be null.");
	return result;
}

int64
interval_length(const Interval *value)
{
	double days = (double) value->month * DAYS_PER_MONTH + value->day;
	double length = days * USECS_PER_DAY + value->time;

	/* No wait of the queue is longer than the calendar. */
	return (int64) Max(Min(length, (double) (PG_INT64_MAX / 4)), (double) (PG_INT64_MIN / 4));
}

void
arg_require_positive(const Interval *value, const char *name)
{
	if (interval_length(value) <= 0)
		arg_refuse(name, "It must be longer than zero.");
}
