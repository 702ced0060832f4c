/*
 * SQL functions that C calls for what is rarely used. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_HELPERS_H
#define ASTRID_HELPERS_H

#include "utils/rel.h"

/* astrid._go_on: the unique key that a blocked job waited for is its own now; false where it is not
 * waiting any more. */
extern bool helper_go_on(int64 job_id);

/* astrid._check_retry: raises QJ006, saying what is wrong with a retry policy. */
extern void helper_check_retry(Datum policy);

/* astrid._bury_late: a row that was taken from astrid.ready is past its deadline. */
extern void helper_bury_late(Relation ready, Datum row);

/* astrid._finished_state: completed or cancelled; null where no job of this number has finished. */
extern const char *helper_finished_state(int64 job_id);

#endif
