/*
 * The clock of the queue, and the ring slots that follow from it.
 *
 * Everything that compares times asks clock_now(), in C or as astrid.clock() in SQL: now() would be
 * the start of the transaction, and a claim in a pipeline would miss the job that woke it. Tests
 * set astrid.test_clock instead of sleeping; only a superuser may.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "guc.h"

PG_FUNCTION_INFO_V1(astrid_clock);
PG_FUNCTION_INFO_V1(astrid_ring_slot);

TimestampTz
clock_now(void)
{
	if (guc_test_clock == NULL || guc_test_clock[0] == '\0')
		return GetCurrentTimestamp();
	return DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(guc_test_clock),
												   ObjectIdGetDatum(InvalidOid),
												   Int32GetDatum(-1)));
}

int16
ring_slot(TimestampTz at)
{
	int64 day = at / USECS_PER_DAY;

	if (at % USECS_PER_DAY < 0)
		day--;
	return (int16) ((day % RING_SLOTS + RING_SLOTS) % RING_SLOTS);
}

/* astrid.clock() -> timestamptz */
Datum
astrid_clock(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(clock_now());
}

/* astrid._ring_slot(timestamptz) -> smallint */
Datum
astrid_ring_slot(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT16(ring_slot(PG_GETARG_TIMESTAMPTZ(0)));
}
