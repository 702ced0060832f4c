/*
 * Windows of unique keys. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_UNIQUE_WINDOW_H
#define ASTRID_UNIQUE_WINDOW_H

#include "datatype/timestamp.h"

#include "store.h"

/* When a window of so many microseconds is over; 0: no window. */
static inline TimestampTz
window_end(int64 window, TimestampTz now)
{
	return window == 0 ? 0 : now + window;
}

/* The job has the key, or will have it next, and it stays taken until then. */
extern void window_note(int32 queue_id, Datum key, int64 job_id, TimestampTz free_at);

/* The same for one of many: into astrid.unique_window, which the caller has open. */
extern void window_add(Store *windows, int32 queue_id, Datum key, int64 job_id,
					   TimestampTz free_at);

/* The key is free, whatever windows it had. */
extern void window_forget(int32 queue_id, Datum key);

#endif
