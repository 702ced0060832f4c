/*
 * The settings of the queues, cached in each backend. Called at the start of enqueue and claim.
 *
 * Enqueue and claim must neither lock nor read a row that all jobs of a queue share. So each
 * backend keeps a copy of astrid.queue and drops it when an invalidation message for that table
 * arrives; every function that writes the table calls astrid._queues_changed(). The message is sent
 * before the writer's COMMIT returns and read when the next statement opens its tables: what is
 * committed is obeyed by every statement that starts later.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "args.h"
#include "queues.h"
#include "schema_queue.h"
#include "sqlstate.h"
#include "store.h"

/* Columns of astrid.queue, in the table's order. */
enum
{
	QUEUE_ID,
	QUEUE_NAME,
	QUEUE_WORKER_TYPE,
	QUEUE_PRIORITY,
	QUEUE_MAX_ATTEMPTS,
	QUEUE_TIMEOUT,
	QUEUE_CONCURRENCY,
	QUEUE_ENABLED,
	QUEUE_RATE_LIMIT,
	QUEUE_RATE_INTERVAL,
	QUEUE_GROUP_CONCURRENCY,
	QUEUE_GROUP_RATE_LIMIT,
	QUEUE_GROUP_RATE_INTERVAL,
	QUEUE_ORDERED,
	QUEUE_AGEING,
	QUEUE_FAIR,
	QUEUE_PRODUCER_RATE_LIMIT,
	QUEUE_PRODUCER_RATE_INTERVAL,
	QUEUE_PRODUCER_RATE_PER,
	QUEUE_MAX_PAYLOAD_SIZE,
	QUEUE_JOB_EVENTS,
	QUEUE_PAYLOAD_SCHEMA,
	QUEUE_RESULT_SCHEMA,
	QUEUE_ACCEPTING
};

typedef struct QueueOfId
{
	int32 id; /* hash key */
	Queue *queue;
} QueueOfId;

static MemoryContext cache_context = NULL;
static HTAB *by_name = NULL;
static HTAB *by_id = NULL;
static bool cache_valid = false;

PG_FUNCTION_INFO_V1(astrid_queues_changed);

static void
cache_invalidate(Datum arg, Oid relid)
{
	if (cache_valid && store_is(STORE_QUEUE, relid))
		cache_valid = false;
}

static HTAB *
create_hash(const char *name, Size keysize, Size entrysize, int flags)
{
	HASHCTL ctl = {.keysize = keysize, .entrysize = entrysize, .hcxt = cache_context};

	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_CONTEXT | flags);
}

/* 0 where the column is null. */
static int32
get_int(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? 0 : DatumGetInt32(slot->tts_values[column]);
}

static bool
get_bool(TupleTableSlot *slot, int column)
{
	return DatumGetBool(slot->tts_values[column]);
}

/* Microseconds; a month counts 30 days. */
static int64
get_interval(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? 0
									: interval_length(DatumGetIntervalP(slot->tts_values[column]));
}

static QueueSchema *
get_schema(TupleTableSlot *slot, int column, const char *name)
{
	if (slot->tts_isnull[column])
		return NULL;
	return queue_schema_make(DatumGetJsonbPCopy(slot->tts_values[column]), name);
}

static void
get_limits(Queue *queue, TupleTableSlot *slot)
{
	queue->concurrency = get_int(slot, QUEUE_CONCURRENCY);
	queue->rate_limit = get_int(slot, QUEUE_RATE_LIMIT);
	queue->rate_interval = get_interval(slot, QUEUE_RATE_INTERVAL);
	queue->group_concurrency = get_int(slot, QUEUE_GROUP_CONCURRENCY);
	queue->group_rate_limit = get_int(slot, QUEUE_GROUP_RATE_LIMIT);
	queue->group_rate_interval = get_interval(slot, QUEUE_GROUP_RATE_INTERVAL);
	queue->ordered = get_bool(slot, QUEUE_ORDERED);
	queue->producer_rate_limit = get_int(slot, QUEUE_PRODUCER_RATE_LIMIT);
	queue->producer_rate_interval = get_interval(slot, QUEUE_PRODUCER_RATE_INTERVAL);
	queue->producer_is_group =
		strcmp(TextDatumGetCString(slot->tts_values[QUEUE_PRODUCER_RATE_PER]), "group") == 0;
}

static void
cache_add(TupleTableSlot *slot)
{
	char name[QUEUE_NAME_SIZE] = "";
	Queue *queue;
	QueueOfId *of_id;

	slot_getallattrs(slot);
	text_to_cstring_buffer(DatumGetTextPP(slot->tts_values[QUEUE_NAME]), name, sizeof(name));
	queue = hash_search(by_name, name, HASH_ENTER, NULL);
	queue->id = DatumGetInt32(slot->tts_values[QUEUE_ID]);
	queue->priority = get_int(slot, QUEUE_PRIORITY);
	queue->max_attempts = get_int(slot, QUEUE_MAX_ATTEMPTS);
	queue->enabled = get_bool(slot, QUEUE_ENABLED);
	queue->has_timeout = !slot->tts_isnull[QUEUE_TIMEOUT];
	if (queue->has_timeout)
		queue->timeout = *DatumGetIntervalP(slot->tts_values[QUEUE_TIMEOUT]);
	queue->worker_type = slot->tts_isnull[QUEUE_WORKER_TYPE]
							 ? NULL
							 : TextDatumGetCString(slot->tts_values[QUEUE_WORKER_TYPE]);
	get_limits(queue, slot);
	queue->ageing = get_interval(slot, QUEUE_AGEING);
	queue->fair = get_bool(slot, QUEUE_FAIR);
	queue->max_payload_size = get_int(slot, QUEUE_MAX_PAYLOAD_SIZE);
	queue->job_events = get_bool(slot, QUEUE_JOB_EVENTS);
	queue->payload_schema = get_schema(slot, QUEUE_PAYLOAD_SCHEMA, "payload_schema");
	queue->result_schema = get_schema(slot, QUEUE_RESULT_SCHEMA, "result_schema");
	queue->accepting = get_bool(slot, QUEUE_ACCEPTING);
	of_id = hash_search(by_id, &queue->id, HASH_ENTER, NULL);
	of_id->queue = queue;
}

static void
cache_fill(void)
{
	Relation rel = table_open(store_oid(STORE_QUEUE), AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(rel, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		/* What the entries point to lives as long as they do. */
		MemoryContext old = MemoryContextSwitchTo(cache_context);

		cache_add(slot);
		MemoryContextSwitchTo(old);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
}

void
queues_refresh(void)
{
	static bool registered = false;

	AcceptInvalidationMessages();
	if (cache_valid)
		return;
	if (!registered)
		CacheRegisterRelcacheCallback(cache_invalidate, (Datum) 0);
	registered = true;
	if (cache_context != NULL)
		MemoryContextDelete(cache_context);
	cache_context =
		AllocSetContextCreate(CacheMemoryContext, "astrid queues", ALLOCSET_SMALL_SIZES);
	by_name = create_hash("astrid queues by name", QUEUE_NAME_SIZE, sizeof(Queue), HASH_STRINGS);
	by_id = create_hash("astrid queues by id", sizeof(int32), sizeof(QueueOfId), HASH_BLOBS);
	/* Before the scan: a message that arrives during it must not be forgotten. */
	store_oid(STORE_QUEUE);
	cache_valid = true;
	PG_TRY();
	{
		cache_fill();
	}
	PG_CATCH();
	{
		cache_valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
}

const Queue *
queue_by_name(const char *name)
{
	char key[QUEUE_NAME_SIZE] = "";
	const Queue *queue = NULL;

	if (strlen(name) < QUEUE_NAME_SIZE)
	{
		strcpy(key, name);
		queue = hash_search(by_name, key, HASH_FIND, NULL);
	}
	if (queue == NULL)
		ereport(
			ERROR,
			(errcode(astrid_sqlstate(ASTRID_QUEUE_NOT_FOUND)),
			 errmsg("queue \"%s\" does not exist", name),
			 errhint("astrid_create_queue makes one; the view astrid.queue_status lists them.")));
	return queue;
}

const Queue *
queue_by_id(int32 id)
{
	QueueOfId *of_id = hash_search(by_id, &id, HASH_FIND, NULL);

	return of_id ? of_id->queue : NULL;
}

/* astrid._queues_changed(): every backend reads astrid.queue again after this transaction's commit.
 */
Datum
astrid_queues_changed(PG_FUNCTION_ARGS)
{
	CacheInvalidateRelcacheByRelid(store_oid(STORE_QUEUE));
	PG_RETURN_VOID();
}
