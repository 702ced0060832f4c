/*
 * Channels: who sleeps for which queue, in shared memory. Only wake.c, wait.c and maintenance know
 * them.
 *
 * A queue is known here by its key, a hash of database and name. Two queues with the same key (one
 * in 2^64) would wake each other's sleepers; two keys in the same channel only let a session look
 * in vain.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_CHANNEL_H
#define ASTRID_CHANNEL_H

#include "shmem.h"

/* The key of a queue of this database; of "any queue" for NULL. Never 0. */
extern uint64 channel_key(const char *queue_name);

/* Commits seen by the channel of this key so far. */
extern uint64 channel_generation(uint64 key);

/* Note a commit, and wake up to n sleepers of this key; returns how many. Safe in a commit
 * callback. */
extern uint32 channel_wake(uint64 key, uint32 n);

/* The same for a transaction that only looked, which others may have found in their way: nothing if
 * the last that was noted was one of those. Else sleepers who find nothing would wake each other
 * for ever. */
extern uint32 channel_wake_again(uint64 key, uint32 n);

/* Note a commit on every channel and wake every sleeper of this database. Safe in a commit
 * callback. */
extern void channel_wake_all(void);

/* Enter a sleeper under each key, or take it out of all of them. */
extern void channel_link(WakeWaiter *waiter, const uint64 *keys, int n_keys);
extern void channel_unlink(WakeWaiter *waiter);

#endif
