/*
 * Channels: who sleeps for which queue, in shared memory.
 *
 * Runs in commit callbacks, where nothing may be allocated, waited for or raised: it takes one
 * spinlock at a time, for a bounded walk, and sets latches after having released it.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"

#include "channel.h"

#define WAKE_BATCH 16 /* sleepers taken from a list under one hold of its spinlock */

uint64
channel_key(const char *queue_name)
{
	const unsigned char *name = (const unsigned char *) (queue_name ? queue_name : "");
	uint64 key = hash_bytes_extended(name, strlen((const char *) name), MyDatabaseId);

	return key ? key : 1;
}

static WakeChannel *
channel_of(uint64 key)
{
	return &shared->channels[key % WAKE_CHANNELS];
}

uint64
channel_generation(uint64 key)
{
	return pg_atomic_read_u64(&channel_of(key)->generation);
}

/* The caller holds channel->mutex. */
static void
remove_link(WakeChannel *channel, WakeLink *link)
{
	dlist_delete(&link->node);
	link->linked = false;
	pg_atomic_fetch_sub_u32(&channel->n_links, 1);
}

/* Choose up to n sleepers of this key (0: of this database) and return their latches. */
static uint32
take_sleepers(WakeChannel *channel, uint64 key, Latch **latches, uint32 n)
{
	uint32 n_taken = 0;
	dlist_mutable_iter iter;

	SpinLockAcquire(&channel->mutex);
	dlist_foreach_modify (iter, &channel->links)
	{
		WakeLink *link = dlist_container(WakeLink, node, iter.cur);
		WakeWaiter *waiter = link->waiter;

		if (n_taken == n)
			break;
		if (key ? link->key != key : waiter->database != MyDatabaseId)
			continue;
		remove_link(channel, link);
		/* Chosen already through another of its queues: this job is for somebody else. */
		if (pg_atomic_exchange_u32(&waiter->woken, 1) != 0)
			continue;
		pg_atomic_write_u64(&waiter->woken_by, link->key);
		latches[n_taken++] = waiter->latch;
	}
	SpinLockRelease(&channel->mutex);
	return n_taken;
}

static uint32
wake_channel(WakeChannel *channel, uint64 key, uint32 n)
{
	uint32 n_woken = 0;
	uint32 n_taken;

	pg_atomic_fetch_add_u64(&channel->generation, 1);
	if (pg_atomic_read_u32(&channel->n_links) == 0)
		return 0;
	do
	{
		Latch *latches[WAKE_BATCH];

		n_taken = take_sleepers(channel, key, latches, Min(n - n_woken, WAKE_BATCH));
		for (uint32 i = 0; i < n_taken; i++)
			SetLatch(latches[i]);
		n_woken += n_taken;
	} while (n_taken == WAKE_BATCH && n_woken < n);
	return n_woken;
}

uint32
channel_wake(uint64 key, uint32 n)
{
	return wake_channel(channel_of(key), key, n);
}

uint32
channel_wake_again(uint64 key, uint32 n)
{
	WakeChannel *channel = channel_of(key);
	uint64 generation = pg_atomic_read_u64(&channel->generation);

	if (generation == pg_atomic_read_u64(&channel->looked_again))
		return 0;
	pg_atomic_write_u64(&channel->looked_again, generation + 1);
	return wake_channel(channel, key, n);
}

void
channel_wake_all(void)
{
	for (int i = 0; i < WAKE_CHANNELS; i++)
		wake_channel(&shared->channels[i], 0, PG_UINT32_MAX);
}

void
channel_link(WakeWaiter *waiter, const uint64 *keys, int n_keys)
{
	for (int i = 0; i < n_keys; i++)
	{
		WakeChannel *channel = channel_of(keys[i]);
		WakeLink *link = &waiter->links[i];

		link->key = keys[i];
		link->waiter = waiter;
		link->linked = true;
		SpinLockAcquire(&channel->mutex);
		dlist_push_tail(&channel->links, &link->node);
		pg_atomic_fetch_add_u32(&channel->n_links, 1);
		SpinLockRelease(&channel->mutex);
		/* Counted at once: channel_unlink must find it even when the next one is never reached. */
		waiter->n_links = i + 1;
	}
}

void
channel_unlink(WakeWaiter *waiter)
{
	for (int i = 0; i < waiter->n_links; i++)
	{
		WakeChannel *channel = channel_of(waiter->links[i].key);

		SpinLockAcquire(&channel->mutex);
		if (waiter->links[i].linked)
			remove_link(channel, &waiter->links[i]);
		SpinLockRelease(&channel->mutex);
	}
	waiter->n_links = 0;
}
