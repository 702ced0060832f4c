/*
 * Jobs that must be done by a time. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_DEADLINE_H
#define ASTRID_DEADLINE_H

#include "utils/timestamp.h"

#include "args.h"
#include "store.h"

static inline bool
deadline_passed(TupleTableSlot *job, TimestampTz now)
{
	return !job->tts_isnull[JOB_DEADLINE] &&
		   DatumGetTimestampTz(job->tts_values[JOB_DEADLINE]) <= now;
}

/* No attempt runs past the deadline: the timeout becomes the least of itself and what is left. */
static inline void
deadline_limit_timeout(TupleTableSlot *job, TimestampTz now, Datum *timeout, bool *is_null)
{
	Interval *left;

	if (job->tts_isnull[JOB_DEADLINE])
		return;
	left = palloc0(sizeof(Interval));
	left->time = DatumGetTimestampTz(job->tts_values[JOB_DEADLINE]) - now;
	if (!*is_null && interval_length(DatumGetIntervalP(*timeout)) < left->time)
		return;
	*timeout = IntervalPGetDatum(left);
	*is_null = false;
}

#endif
