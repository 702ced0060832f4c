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
	bool enabled;
	bool accepting; /* false: being drained */
	bool has_timeout;
	Interval timeout;
	char *worker_type; /* null: none */

	/* limits: 0 means none, intervals are in microseconds */
	int32 concurrency;
	int32 rate_limit;
	int64 rate_interval;
	int32 group_concurrency;
	int32 group_rate_limit;
	int64 group_rate_interval;
	bool ordered;
	int32 producer_rate_limit;
	int64 producer_rate_interval;
	bool producer_is_group; /* of the producer's rate: else the session's role */

	/* order */
	int64 ageing; /* microseconds for one step of priority; 0: none */
	bool fair;

	int32 max_payload_size; /* kB; 0: astrid.max_payload_size */
	bool job_events;
	struct QueueSchema *payload_schema; /* null: none */
	struct QueueSchema *result_schema;
} Queue;

/* Do claims have to look at the groups of its jobs? */
static inline bool
queue_limits_groups(const Queue *queue)
{
	return queue->group_concurrency > 0 || queue->group_rate_limit > 0;
}

/* Brings the cache up to date. Pointers to queues are good until the next call. */
extern void queues_refresh(void);

/* Raises QJ002 where there is none. */
extern const Queue *queue_by_name(const char *name);

/* Null where it was dropped. */
extern const Queue *queue_by_id(int32 id);

#endif
