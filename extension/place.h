/*
 * Where a job stands in its queue: its lane and its position. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_PLACE_H
#define ASTRID_PLACE_H

#include "queues.h"

/* The lane of ready jobs of this priority; of two, the one before is for jobs that come back from
 * their group's queue. */
extern int32 place_lane(const Queue *queue, int32 priority);
#define PLACE_LANE_RETURNED(lane) ((lane) -1)

/* The position for a number newly drawn from job_seq; group is a text, 0 where there is none. */
extern int64 place_position(const Queue *queue, int32 priority, Datum group, int64 number,
							TimestampTz now);

/* A job at this position was claimed. */
extern void place_note_claim(const Queue *queue, int64 position);

#endif
