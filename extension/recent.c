/*
 * Where this session has just put its new jobs (see recent.h). Called by batch.c, depend.c.
 *
 * Who enqueues a job that depends on another has mostly enqueued that one just before: its row is
 * then found without an index. A few are enough; nothing here is needed for a correct answer.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "recent.h"

#define RECENT_JOBS 32

static Recent jobs[RECENT_JOBS];

void
recent_note(StoreId table, TupleTableSlot *row)
{
	bool is_null;
	int64 job_id = DatumGetInt64(slot_getattr(row, JOB_ID + 1, &is_null));

	jobs[job_id % RECENT_JOBS] = (Recent){job_id, table, row->tts_tid};
}

const Recent *
recent_find(int64 job_id)
{
	const Recent *job = &jobs[(uint64) job_id % RECENT_JOBS];

	return job->job_id == job_id && job_id > 0 ? job : NULL;
}
