/*
 * Who gets a job for which events, cached in each backend (see subscription.h). Called by event.c.
 *
 * As with the queues (queues.c), each backend keeps a copy and drops it when an invalidation
 * message for the table arrives: publishing reads no row that others share.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "store.h"
#include "subscription.h"
#include "topic.h"

static MemoryContext cache_context = NULL;
static bool cache_valid = false;
static Subscription *subscriptions = NULL;
static int n_subscriptions = 0;
static int capacity = 0;

PG_FUNCTION_INFO_V1(astrid_subscriptions_changed);

static void
invalidate(Datum arg, Oid relid)
{
	if (cache_valid && store_is(STORE_SUBSCRIPTION, relid))
		cache_valid = false;
}

static void
add(TupleTableSlot *slot)
{
	slot_getallattrs(slot);
	if (n_subscriptions == capacity)
	{
		capacity = Max(capacity * 2, 8);
		subscriptions = subscriptions ? repalloc(subscriptions, sizeof(Subscription) * capacity)
									  : palloc(sizeof(Subscription) * capacity);
	}
	subscriptions[n_subscriptions++] = (Subscription){
		.pattern = TextDatumGetCString(slot->tts_values[SUBSCRIPTION_PATTERN]),
		.queue_id = DatumGetInt32(slot->tts_values[SUBSCRIPTION_QUEUE_ID]),
	};
}

static void
fill(void)
{
	Relation rel = table_open(store_oid(STORE_SUBSCRIPTION), AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(rel, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		MemoryContext old = MemoryContextSwitchTo(cache_context);

		add(slot);
		MemoryContextSwitchTo(old);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
}

static void
start_over(void)
{
	if (cache_context == NULL)
		cache_context =
			AllocSetContextCreate(CacheMemoryContext, "astrid subscriptions", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(cache_context);
	subscriptions = NULL;
	n_subscriptions = 0;
	capacity = 0;
}

void
subscriptions_refresh(void)
{
	static bool registered = false;

	AcceptInvalidationMessages();
	if (cache_valid)
		return;
	if (!registered)
		CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
	registered = true;
	start_over();
	/* Before the scan: a message that arrives during it must not be forgotten. */
	store_oid(STORE_SUBSCRIPTION);
	cache_valid = true;
	PG_TRY();
	{
		fill();
	}
	PG_CATCH();
	{
		cache_valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
}

const Subscription *
subscriptions_match(const char *topic, int *i)
{
	while (*i < n_subscriptions)
	{
		const Subscription *subscription = &subscriptions[(*i)++];

		if (topic_matches(topic, subscription->pattern))
			return subscription;
	}
	return NULL;
}

/* astrid._subscriptions_changed(): every backend reads astrid.subscription again after this
 * transaction's commit. */
Datum
astrid_subscriptions_changed(PG_FUNCTION_ARGS)
{
	CacheInvalidateRelcacheByRelid(store_oid(STORE_SUBSCRIPTION));
	PG_RETURN_VOID();
}
