/*
 * The number by which a unique key, or a group, of a queue is found: numbers compare faster than
 * texts. Two keys may have the same one: who finds a row by it compares the key too.
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_KEYHASH_H
#define ASTRID_KEYHASH_H

extern int64 key_hash(int32 queue_id, Datum key);

#endif
