/*
 * Numbers of keys (see keyhash.h). Called by unique.c, group.c and, as SQL, by what reads their
 * tables.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"

#include "keyhash.h"

PG_FUNCTION_INFO_V1(astrid_key_hash);

int64
key_hash(int32 queue_id, Datum key)
{
	text *value = DatumGetTextPP(key);
	uint64 hash =
		hash_bytes_extended((unsigned char *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), 0);

	return (int64) hash_combine64(hash, (uint64) queue_id);
}

/* astrid._key_hash(queue, key) */
Datum
astrid_key_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(key_hash(PG_GETARG_INT32(0), PG_GETARG_DATUM(1)));
}
