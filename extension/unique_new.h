/*
 * Unique keys of a batch that are all new. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_UNIQUE_NEW_H
#define ASTRID_UNIQUE_NEW_H

#include "replace.h"

/*
 * Takes the keys, in their order, for the first ones of these jobs, each of which has another key;
 * for so many microseconds at least. Returns for how many: 0 where it is not worth while, or where
 * one of the keys is taken or is just being taken.
 */
extern int unique_hold_new(KeyedJob **jobs, int n, int32 queue_id, int64 window, TimestampTz now);

#endif
