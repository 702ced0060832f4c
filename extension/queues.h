/*
 * The settings of the queues, cached in each backend. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_QUEUES_H
#define ASTRID_QUEUES_H

#include "datatype/timestamp.h"

#define QUEUE_NAME_SIZE 64

typedef struct Queue
{
	char name[QUEUE_NAME_SIZE]; /* hash key */
	int32 id;
	int32 priority;
	int32 max_attempts;
	int32 concurrency; /* 0: no limit */
	bool enabled;
	bool has_timeout;
	Interval timeout;
	char *worker_type; /* null: none */
} Queue;

/* Brings the cache up to date. Pointers to queues are good until the next call. */
extern void queues_refresh(void);

/* Raises QJ002 where there is none. */
extern const Queue *queue_by_name(const char *name);

/* Null where it was dropped. */
extern const Queue *queue_by_id(int32 id);

#endif
