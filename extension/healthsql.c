/*
 * What shared memory knows of the queue's machinery, for astrid.health and astrid_why: is there a
 * launcher and a maintenance worker, when was the last pass, when was a queue last claimed from.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "database.h"
#include "floor.h"
#include "guc.h"
#include "shmem.h"

PG_FUNCTION_INFO_V1(astrid_claimed_at);
PG_FUNCTION_INFO_V1(astrid_engine);
PG_FUNCTION_INFO_V1(astrid_note_pass);

/* Columns of astrid._engine(). */
enum
{
	OUT_PRELOADED,
	OUT_MAINTENANCE,
	OUT_LAUNCHER,
	OUT_KNOWN,
	OUT_WORKER_PID,
	OUT_FAILURES,
	OUT_PASSED_AT,
	OUT_WAITERS,
	OUT_WAITER_SLOTS,
	OUT_COLUMNS
};

/* astrid._claimed_at(queue) -> timestamptz; null: not known */
Datum
astrid_claimed_at(PG_FUNCTION_ARGS)
{
	TimestampTz at = floor_last_claim(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (at == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(at);
}

/* astrid._note_pass() */
Datum
astrid_note_pass(PG_FUNCTION_ARGS)
{
	SharedDatabase *database = database_mine();

	if (database != NULL)
		pg_atomic_write_u64(&database->passed_at, (uint64) GetCurrentTimestamp());
	PG_RETURN_VOID();
}

static int
count_waiters(void)
{
	int n = 0;

	for (int i = 0; i < shared->n_waiters; i++)
		n += pg_atomic_read_u32(&shared->waiters[i].taken) != 0;
	return n;
}

static void
set(Datum *values, bool *nulls, int column, Datum value)
{
	values[column] = value;
	nulls[column] = false;
}

static void
describe_database(SharedDatabase *database, Datum *values, bool *nulls)
{
	TimestampTz passed_at = (TimestampTz) pg_atomic_read_u64(&database->passed_at);
	pid_t pid;
	int failures;

	LWLockAcquire(shared->lock, LW_SHARED);
	pid = database->pid;
	failures = database->failures;
	LWLockRelease(shared->lock);
	set(values, nulls, OUT_FAILURES, Int32GetDatum(failures));
	if (pid != 0)
		set(values, nulls, OUT_WORKER_PID, Int32GetDatum((int) pid));
	if (passed_at != 0)
		set(values, nulls, OUT_PASSED_AT, TimestampTzGetDatum(passed_at));
}

/* astrid._engine() -> record */
Datum
astrid_engine(PG_FUNCTION_ARGS)
{
	SharedDatabase *database = database_mine();
	Datum values[OUT_COLUMNS] = {0};
	bool nulls[OUT_COLUMNS];
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "astrid._engine() returns a row");
	memset(nulls, true, sizeof(nulls));
	set(values, nulls, OUT_PRELOADED, BoolGetDatum(shared != NULL));
	set(values, nulls, OUT_MAINTENANCE, BoolGetDatum(guc_maintenance));
	set(values, nulls, OUT_LAUNCHER,
		BoolGetDatum(shared != NULL && shared->launcher_latch != NULL));
	set(values, nulls, OUT_KNOWN, BoolGetDatum(database != NULL));
	if (shared != NULL)
	{
		set(values, nulls, OUT_WAITERS, Int32GetDatum(count_waiters()));
		set(values, nulls, OUT_WAITER_SLOTS, Int32GetDatum(shared->n_waiters));
	}
	if (database != NULL)
		describe_database(database, values, nulls);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
