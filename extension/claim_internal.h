/*
 * One call that claims: claim.c picks the jobs, claim_start.c writes them. SPDX-License-Identifier:
 * PostgreSQL
 */
#ifndef ASTRID_CLAIM_INTERNAL_H
#define ASTRID_CLAIM_INTERNAL_H

#include "executor/tuptable.h"
#include "nodes/execnodes.h"

#include "group.h"
#include "queues.h"
#include "store.h"
#include "walk.h"

typedef struct Claim
{
	ReturnSetInfo *result;
	Datum worker;
	TimestampTz now;
	Datum lease_until;
	int wanted; /* jobs still to take */
	WalkTable ready;
	Snapshot snapshot;
	CommandId cid;
	Store *running;  /* opened with the first job */
	Groups *groups;  /* opened with the first job of a group with limits */
	int n_groups;    /* locks of groups that it has */
	int n_put_aside; /* jobs that their groups do not allow now */
	int n_late;
	Datum *late; /* rows of jobs past their deadline, to be buried in the end */
} Claim;

/* The job, which was taken from astrid.ready, is a running one, and a row of the call's result. */
extern void claim_start(Claim *claim, const Queue *queue, TupleTableSlot *ready);

#endif
