/*
 * The wake-up calls for the functions that are SQL: promotion, retry, redrive, resume.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "floor.h"
#include "wake.h"

PG_FUNCTION_INFO_V1(astrid_sql_wake);
PG_FUNCTION_INFO_V1(astrid_sql_wake_at);

/* astrid._wake(queue_name, n, first_position) */
Datum
astrid_sql_wake(PG_FUNCTION_ARGS)
{
	const char *queue_name;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_VOID();
	queue_name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	wake_queue_jobs(queue_name, (uint32) Max(PG_GETARG_INT32(1), 1));
	/* That of 0.1.0, until the update, has two arguments. */
	if (PG_NARGS() > 2 && !PG_ARGISNULL(2))
		floor_note_any(FLOOR_READY, queue_name, PG_GETARG_INT64(2));
	PG_RETURN_VOID();
}

/* astrid._wake_at(due) */
Datum
astrid_sql_wake_at(PG_FUNCTION_ARGS)
{
	wake_maintenance_at(PG_GETARG_TIMESTAMPTZ(0));
	PG_RETURN_VOID();
}
