/*
 * The claim, shared by astrid_claim and astrid_complete_and_claim. SPDX-License-Identifier:
 * PostgreSQL
 */
#ifndef ASTRID_CLAIM_H
#define ASTRID_CLAIM_H

#include "fmgr.h"

/*
 * Claims for the arguments from number first on: queues, worker, max_jobs, lease. Puts the jobs
 * into the call's result set, which is materialized here.
 */
extern void claim_jobs(FunctionCallInfo fcinfo, int first);

#endif
