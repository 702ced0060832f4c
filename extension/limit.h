/*
 * Limits of queues: how many jobs run at a time, how many start in an interval.
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_LIMIT_H
#define ASTRID_LIMIT_H

#include "queues.h"
#include "walk.h"

/* One of the limits of a queue, for one claim. */
typedef struct QueueLimitPart
{
	bool on;
	FloorView view;
	int units;      /* taken and not used yet */
	bool exhausted; /* no more tokens are to be had */
} QueueLimitPart;

typedef enum LimitKind
{
	LIMIT_RATE, /* first: no other token is taken in vain while it is used up */
	LIMIT_CONCURRENCY,
	LIMIT_KINDS
} LimitKind;

typedef struct QueueLimit
{
	const Queue *queue;
	QueueLimitPart parts[LIMIT_KINDS];
	int used; /* units, of each part */
} QueueLimit;

/* Before the claim takes its snapshot. */
extern void limit_look(QueueLimit *limit, const Queue *queue);

/*
 * How many jobs may be started now, up to so many. Takes tokens where there are not enough at hand;
 * other claims do not get these until this transaction ends.
 */
extern int limit_room(QueueLimit *limit, int wanted, Snapshot snapshot);

/* A job was started. */
extern void limit_use(QueueLimit *limit);

/* Lays back what was not used, and spends what was. */
extern void limit_close(QueueLimit *limit, TimestampTz now);

/* Jobs of the queue have ended: their units of its concurrency are free again. */
extern void limit_return(const Queue *queue, int jobs);

#endif
