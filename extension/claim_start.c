/*
 * A job that a claim has picked becomes a running one (see claim_internal.h).
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/detoast.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "claim_internal.h"
#include "deadline.h"
#include "place.h"
#include "stats.h"
#include "tidy.h"

/* Columns of the result. */
enum
{
	OUT_JOB_ID,
	OUT_LEASE_ID,
	OUT_QUEUE_NAME,
	OUT_PAYLOAD,
	OUT_ATTEMPT,
	OUT_MAX_ATTEMPTS,
	OUT_TIMEOUT,
	OUT_LEASE_UNTIL,
	OUT_WORKER_TYPE,
	OUT_ENQUEUED_AT,
	OUT_PRIORITY,
	OUT_GROUP_KEY,
	OUT_TAGS,
	OUT_COLUMNS
};

/* A payload in line: what it pointed to leaves with the row of astrid.ready. */
static Datum
payload_in_line(Datum payload)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(payload);

	return VARATT_IS_EXTERNAL(value) ? PointerGetDatum(detoast_external_attr(value)) : payload;
}

static void
put_result(Claim *claim, const Queue *queue, TupleTableSlot *row)
{
	static const int from_job[OUT_COLUMNS] = {
		[OUT_JOB_ID] = JOB_ID,         [OUT_PAYLOAD] = JOB_PAYLOAD,
		[OUT_ATTEMPT] = JOB_ATTEMPT,   [OUT_MAX_ATTEMPTS] = JOB_MAX_ATTEMPTS,
		[OUT_TIMEOUT] = JOB_TIMEOUT,   [OUT_ENQUEUED_AT] = JOB_ENQUEUED_AT,
		[OUT_PRIORITY] = JOB_PRIORITY, [OUT_GROUP_KEY] = JOB_GROUP_KEY,
		[OUT_TAGS] = JOB_TAGS};
	Datum values[OUT_COLUMNS];
	bool nulls[OUT_COLUMNS];

	for (int i = 0; i < OUT_COLUMNS; i++)
	{
		values[i] = row->tts_values[from_job[i]];
		nulls[i] = row->tts_isnull[from_job[i]];
	}
	deadline_limit_timeout(row, claim->now, &values[OUT_TIMEOUT], &nulls[OUT_TIMEOUT]);
	values[OUT_LEASE_ID] = row->tts_values[RUNNING_LEASE_ID];
	values[OUT_LEASE_UNTIL] = row->tts_values[RUNNING_LEASE_UNTIL];
	values[OUT_QUEUE_NAME] = CStringGetTextDatum(queue->name);
	nulls[OUT_WORKER_TYPE] = queue->worker_type == NULL;
	values[OUT_WORKER_TYPE] =
		queue->worker_type ? CStringGetTextDatum(queue->worker_type) : (Datum) 0;
	tuplestore_putvalues(claim->result->setResult, claim->result->setDesc, values, nulls);
}

void
claim_start(Claim *claim, const Queue *queue, TupleTableSlot *ready)
{
	int64 lease_id = store_next(STORE_LEASE_SEQ);
	TupleTableSlot *row;

	if (claim->running == NULL)
		claim->running = store_open(STORE_RUNNING, claim->wanted);
	row = store_row(claim->running);
	store_copy_job(row, ready);
	store_set(row, JOB_ATTEMPT, Int32GetDatum(DatumGetInt32(ready->tts_values[JOB_ATTEMPT]) + 1));
	store_set(row, JOB_PAYLOAD, payload_in_line(ready->tts_values[JOB_PAYLOAD]));
	store_set(row, RUNNING_LEASE_ID, Int64GetDatum(lease_id));
	store_set(row, RUNNING_LEASE_UNTIL, claim->lease_until);
	store_set(row, RUNNING_STARTED_AT, TimestampTzGetDatum(claim->now));
	store_set(row, RUNNING_WORKER, claim->worker);
	put_result(claim, queue, row);
	store_add(claim->running);
	stats_note_claim(queue->id);
	tidy_note_lease(lease_id);
	place_note_claim(queue, DatumGetInt64(ready->tts_values[JOB_POSITION]));
}
