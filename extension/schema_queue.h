/*
 * The schemas of queues: what they refuse. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_SCHEMA_QUEUE_H
#define ASTRID_SCHEMA_QUEUE_H

#include "schema.h"

/* A schema in the cache of the queues, compiled when it is first needed. */
typedef struct QueueSchema
{
	Jsonb *source;
	const char *column; /* of astrid.queue */
	Schema *compiled;   /* null: not yet */
} QueueSchema;

/* In the current memory context, which is also that of the compiled schema. */
extern QueueSchema *queue_schema_make(Jsonb *source, const char *column);

/* What is wrong with the values of one call, all in one. Starts as {0}. */
typedef struct Refusal
{
	StringInfoData lines; /* data is null: nothing is wrong */
	int n;
	bool full; /* what follows need not be looked at */
	char queue[64];
} Refusal;

/*
 * Checks a payload or a result; null counts as JSON null. Errors are added to the refusal, each
 * line beginning with what and the number, unless what is null.
 */
extern void queue_schema_check(QueueSchema *schema, const char *queue, Datum value, bool is_null,
							   const char *what, int64 number, Refusal *refusal);

/* Raises QJ010 if anything was wrong; what: payload or result. */
extern void queue_schema_refuse(const Refusal *refusal, const char *what);

#endif
