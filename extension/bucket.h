/*
 * Token buckets of groups and producers. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_BUCKET_H
#define ASTRID_BUCKET_H

#include "queues.h"

typedef struct BucketRate
{
	int32 limit;    /* the bucket's size, */
	int64 interval; /* and the microseconds in which it fills */
} BucketRate;

/*
 * Takes so many tokens from the bucket of that name, which is full at first; returns when they are
 * there, which may be now. With reserve, takes them also where that lies ahead. The caller holds
 * a gate that all have to pass who use the bucket.
 */
extern TimestampTz bucket_take(int32 queue_id, const char *name, BucketRate rate, int tokens,
							   bool reserve, TimestampTz now);

/* Producers share locks: each is hashed into one of these. Held locks are entries of the lock
 * table.
 */
#define PRODUCER_STRIPES 1024

/* The number of the lock of the producer of these jobs; group is a text or 0. */
extern uint32 bucket_producer_stripe(const Queue *queue, Datum group);

/* Raises QJ011 where the producer has no tokens left. A call that asks for several takes them by
 * their stripes. */
extern void bucket_check_producer(const Queue *queue, Datum group, int jobs, TimestampTz now);

#endif
