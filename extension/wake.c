/*
 * Wake-up: what a transaction will wake when it commits.
 *
 * The functions of the queue call wake_queue; the transaction callbacks do the rest. After the
 * commit an error would be a PANIC: there all is ready in static memory, and only atomics,
 * spinlocks and latches are touched. PREPARE TRANSACTION forgets the list, since COMMIT PREPARED
 * runs in a session that never knew it: the workers' poll finds those jobs.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/async.h"
#include "common/int.h"
#include "utils/resowner.h"

#include "astrid/channels.h"
#include "channel.h"
#include "database.h"
#include "floor.h"
#include "guc.h"
#include "notify.h"
#include "stats.h"
#include "wake.h"
#include "wake_internal.h"

#define PENDING_MAX 32 /* queues per transaction; with more, every sleeper is woken */

typedef struct PendingWake
{
	uint64 key;
	SubTransactionId subid; /* to forget it if that subtransaction aborts */
	uint32 n_jobs;
	bool for_me;             /* also this session has not seen them */
	bool only_looked;        /* there are none, but this session was in others' way */
	char queue[NAMEDATALEN]; /* empty where the name is too long: then NOTIFY says "any" */
} PendingWake;

static PendingWake pending[PENDING_MAX];
static int n_pending;
static bool pending_overflow;
static TimestampTz pending_due = DT_NOEND;
static SharedDatabase *pending_database;

static PendingWake *
find_pending(uint64 key, SubTransactionId subid)
{
	for (int i = 0; i < n_pending; i++)
	{
		if (pending[i].key == key && pending[i].subid == subid)
			return &pending[i];
	}
	return NULL;
}

static void
add_jobs(PendingWake *entry, uint32 n)
{
	if (pg_add_u32_overflow(entry->n_jobs, n, &entry->n_jobs))
		entry->n_jobs = PG_UINT32_MAX;
}

static PendingWake *
add_pending(uint64 key, SubTransactionId subid, const char *queue_name)
{
	PendingWake *entry;

	if (n_pending == PENDING_MAX)
		return NULL;
	entry = &pending[n_pending++];
	entry->key = key;
	entry->subid = subid;
	entry->n_jobs = 0;
	entry->for_me = false;
	entry->only_looked = true;
	if (strlcpy(entry->queue, queue_name, NAMEDATALEN) >= NAMEDATALEN)
		entry->queue[0] = '\0';
	return entry;
}

static void
wake_jobs(const char *queue_name, uint32 n, bool for_me, bool only_looked)
{
	uint64 key = channel_key(queue_name);
	SubTransactionId subid = GetCurrentSubTransactionId();
	PendingWake *entry = find_pending(key, subid);

	if (n == 0)
		return;
	/* Not in the callback: this one may take a lock. */
	pending_database = database_mine();
	if (entry == NULL)
		entry = add_pending(key, subid, queue_name);
	if (entry == NULL)
	{
		pending_overflow = true;
		return;
	}
	add_jobs(entry, n);
	entry->for_me = entry->for_me || for_me;
	entry->only_looked = entry->only_looked && only_looked;
}

void
wake_queue_jobs(const char *queue_name, uint32 n)
{
	wake_jobs(queue_name, n, true, false);
}

void
wake_others(const char *queue_name, bool only_looked)
{
	wake_jobs(queue_name, 1, false, only_looked);
}

void
wake_queue(const char *queue_name)
{
	wake_queue_jobs(queue_name, 1);
}

void
wake_maintenance_at(TimestampTz due)
{
	pending_database = database_mine();
	pending_due = Min(pending_due, due);
}

static void
forget_pending(void)
{
	n_pending = 0;
	pending_overflow = false;
	pending_due = DT_NOEND;
	pending_database = NULL;
}

/* The worker sends the NOTIFY and knows the next due time; it is poked once for all that comes
 * until it looks. */
static void
tell_maintenance(SharedDatabase *database)
{
	Latch *latch = database->latch;
	bool news = pg_atomic_read_u32(&database->notify_pending) == 0;
	uint64 due = pg_atomic_read_u64(&database->due);

	for (int i = 0; i < n_pending; i++)
		notify_add(database, pending[i].key, pending[i].queue);
	if (pending_overflow)
		notify_add(database, channel_key(NULL), "");
	news = news && pg_atomic_read_u32(&database->notify_pending) != 0;
	while (pending_due < (TimestampTz) due)
	{
		if (pg_atomic_compare_exchange_u64(&database->due, &due, (uint64) pending_due))
		{
			news = true;
			break;
		}
	}
	if (news && latch != NULL)
		SetLatch(latch);
	database_is_used(database);
}

static uint32
wake_channel_of(uint64 key, uint32 n, const PendingWake *entry)
{
	uint32 n_woken = entry->only_looked ? channel_wake_again(key, n) : channel_wake(key, n);

	if (!entry->for_me)
		wake_note_own(key);
	return n_woken;
}

static void
wake_at_commit(void)
{
	uint64 any = channel_key(NULL);

	if (pending_overflow)
		channel_wake_all();
	for (int i = 0; !pending_overflow && i < n_pending; i++)
	{
		uint32 n_woken = wake_channel_of(pending[i].key, pending[i].n_jobs, &pending[i]);

		wake_channel_of(any, pending[i].n_jobs - n_woken, &pending[i]);
	}
	if (pending_database != NULL)
		tell_maintenance(pending_database);
}

/* Without the background worker the producer must NOTIFY itself: once, with all the queues in one
 * payload. */
static void
notify_before_commit(void)
{
	char payload[NOTIFY_PAYLOAD_MAX] = "";
	bool complete = !pending_overflow;

	if (n_pending == 0 && !pending_overflow)
		return;
	for (int i = 0; complete && i < n_pending; i++)
		complete = pending[i].queue[0] != '\0' && notify_append(payload, pending[i].queue);
	Async_Notify(ASTRID_CHANNEL_WAKE, complete ? payload : "");
}

static void
transaction_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			stats_before_commit();
			if (shared == NULL && guc_notify_without_preload)
				notify_before_commit();
			break;
		case XACT_EVENT_COMMIT:
			floor_at_commit();
			stats_at_commit();
			break;
		case XACT_EVENT_ABORT:
			floor_at_end();
			stats_at_abort();
			break;
		case XACT_EVENT_PREPARE:
			floor_at_end();
			stats_at_prepare();
			forget_pending();
			wake_forget_claims();
			break;
		case XACT_EVENT_PRE_PREPARE:
			stats_before_commit();
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			break;
	}
}

/*
 * Sleepers are woken last of all: the locks of groups are released by then, and other sessions have
 * been told of changed settings. After PREPARE nothing is left to tell.
 */
static void
release_callback(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void *arg)
{
	if (phase != RESOURCE_RELEASE_AFTER_LOCKS)
		return;
	if (!is_commit)
		wake_undone_claims(is_top_level);
	if (!is_top_level)
		return;
	if (is_commit && shared != NULL &&
		(n_pending > 0 || pending_overflow || pending_due != DT_NOEND))
		wake_at_commit();
	forget_pending();
	wake_forget_claims();
}

/* An aborted subtransaction takes its entries with it; a committed one leaves them to its parent.
 */
static void
subtransaction_callback(SubXactEvent event, SubTransactionId subid, SubTransactionId parent_subid,
						void *arg)
{
	int n = n_pending;

	if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		floor_at_subabort();
		stats_at_subabort(subid);
	}
	else
		stats_at_subcommit(subid, parent_subid);
	wake_end_subtransaction(subid, parent_subid, event == SUBXACT_EVENT_COMMIT_SUB);
	n_pending = 0;
	for (int i = 0; i < n; i++)
	{
		PendingWake entry = pending[i];
		PendingWake *same;

		if (entry.subid >= subid && event == SUBXACT_EVENT_ABORT_SUB)
			continue;
		if (entry.subid == subid)
			entry.subid = parent_subid;
		same = find_pending(entry.key, entry.subid);
		if (same != NULL)
		{
			add_jobs(same, entry.n_jobs);
			same->for_me = same->for_me || entry.for_me;
			same->only_looked = same->only_looked && entry.only_looked;
		}
		else
			pending[n_pending++] = entry;
	}
}

void
wake_init(void)
{
	RegisterXactCallback(transaction_callback, NULL);
	RegisterSubXactCallback(subtransaction_callback, NULL);
	RegisterResourceReleaseCallback(release_callback, NULL);
}
