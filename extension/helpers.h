/*
 * SQL functions that C calls for what is rarely used. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_HELPERS_H
#define ASTRID_HELPERS_H

/* astrid._hold_key: the job that holds the key now, which is job_id where the key was free. */
extern int64 helper_hold_key(int32 queue_id, Datum key, int64 job_id);

/* astrid._release_key */
extern void helper_release_key(int32 queue_id, Datum key, int64 job_id);

/* astrid._finished_state: completed or cancelled; null where no job of this number has finished. */
extern const char *helper_finished_state(int64 job_id);

#endif
