/*
 * Unique keys of a batch that are all new. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_UNIQUE_NEW_H
#define ASTRID_UNIQUE_NEW_H

#include "replace.h"

/*
 * Takes the keys for these jobs, all or none, for so many microseconds at least. False where it is
 * not worth while, or where one of the keys is taken, is just being taken, or is there twice.
 */
extern bool unique_hold_new(KeyedJob **jobs, int n, int32 queue_id, int64 window, TimestampTz now);

#endif
