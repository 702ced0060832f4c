/*
 * Places of groups that are taken: rows of astrid.group_slot, one per job. SPDX-License-Identifier:
 * PostgreSQL
 */
#ifndef ASTRID_SLOT_H
#define ASTRID_SLOT_H

#include "postgres.h"

/* The table, open. Who counts or adds has the lock of the group. */
typedef struct Slots Slots;

extern Slots *slots_open(int jobs_expected);

/* Writes what was gathered. */
extern void slots_close(Slots *slots);
extern void slots_flush(Slots *slots);

/* Places of the group that are taken, counted up to the limit; what this call added must have been
 * written. */
extern int slots_count(Slots *slots, int32 queue_id, Datum group, int limit);

extern void slots_add(Slots *slots, int32 queue_id, Datum group, Datum job_id);

/* The job, which has one place at most, leaves it; false where it has none. */
extern bool slots_free(Slots *slots, int32 queue_id, Datum group, int64 job_id);

#endif
