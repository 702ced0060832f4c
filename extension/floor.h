/*
 * The claim floor: below which position a queue's lane holds no ready job. A claim starts its
 * walk there and so skips the index entries of jobs that are long gone, which an old snapshot keeps
 * from being removed.
 *
 * All of it is a hint in shared memory: without it (not preloaded, after a crash, slot taken by
 * another queue, astrid.claim_floor off) a claim walks from the start and finds the same jobs.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_FLOOR_H
#define ASTRID_FLOOR_H

#include "shmem.h"

/* Tables that claims walk. Each has floors of its own. */
typedef enum FloorDomain
{
	FLOOR_READY,
	FLOOR_CONCURRENCY, /* lane 0 of astrid.token */
	FLOOR_RATE,        /* lanes 1 and 2 */
	FLOOR_DEBT         /* lane 3 */
} FloorDomain;

/* What a claim knows of one queue. Read before its snapshot is taken. */
typedef struct FloorView
{
	uint64 key;
	SharedFloor *floor; /* NULL: nothing is known, and nothing will be noted */
	uint64 n_news;
	TimestampTz looked_at;
	bool probe; /* this claim looks below the floors, for what was missed */
	int n;
	FloorMark marks[FLOOR_LANES]; /* by lane */
} FloorView;

extern void floor_look(FloorDomain domain, const char *queue_name, FloorView *view);

/* It was a claim that has looked. */
extern void floor_note_claim(const FloorView *view);

/* When a claim last looked for ready jobs of the queue; 0: not known, or never. */
extern TimestampTz floor_last_claim(const char *queue_name);

/*
 * The claim has seen that no job which it leaves behind is below this position: if its transaction
 * commits, the floor rises to it.
 */
extern void floor_note_rise(const FloorView *view, int32 lane, int64 position);

/* The walk of a probe is over. */
extern void floor_end_probe(const FloorView *view);

/* A job was found below the floor, at the position of this mark; no commit had told of it. */
extern void floor_correct(const FloorView *view, const FloorMark *mark);

/*
 * This transaction adds rows to the lane of the queue (jobs that become ready, tokens), none below
 * this position: when it commits, the floor sinks to it.
 */
extern void floor_note_rows(FloorDomain domain, const char *queue_name, int32 lane, int64 position);

/* The same for any lane. */
extern void floor_note_any(FloorDomain domain, const char *queue_name, int64 position);

/* From the transaction callbacks of wake.c; the first before anybody is woken. */
extern void floor_at_commit(void);
extern void floor_at_end(void);
extern void floor_at_subabort(void);

#endif
