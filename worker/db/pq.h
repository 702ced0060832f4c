/*
 * One libpq connection, never blocking: each wait runs the event loop, with a deadline.
 * SPDX-License-Identifier: PostgreSQL
 *
 * Only one wait is under way at a time; callbacks of the loop must not call pq_connect or pq_exec.
 */
#ifndef DB_PQ_H
#define DB_PQ_H

#include <stdbool.h>
#include <libpq-fe.h>

#include "core/loop.h"

enum pq_statement
{
#define STATEMENT(name, sql) SQL_##name,
#include "db/statements.def"
#undef STATEMENT
};

enum pq_failure /* what the caller can do about it */
{
	PQ_FINE,
	PQ_DOWN, /* no connection (any more): reconnect; what was sent may or may not have happened */
	PQ_TRANSIENT,   /* nothing happened; the same again may work */
	PQ_LEASE_LOST,  /* the job is somebody else's */
	PQ_REFUSED,     /* a domain rule refuses: permanent */
	PQ_CANCELLED,   /* by pq_cancel() */
	PQ_UNSUPPORTED, /* this server cannot do that */
	PQ_ERROR        /* any other error of the statement */
};

struct pq
{
	struct loop *loop;
	PGconn *conn;
	struct loop_timer deadline;
	bool readable, expired; /* set by the loop's callbacks */
	bool notified;          /* a NOTIFY came in since the caller last cleared this */
	char sqlstate[6];
	char message[1024];
};

void pq_init(struct pq *pq, struct loop *loop);

/* Connect by conninfo (may be empty: PG variables alone). Gives up early when *give_up (may be
 * NULL) turns true. */
enum pq_failure pq_connect(struct pq *pq, const char *conninfo, double timeout,
						   const bool *give_up);
void pq_close(struct pq *pq);
bool pq_is_up(const struct pq *pq);

/* Run a statement; *result (to PQclear) is NULL unless PQ_FINE. After PQ_DOWN the connection is
 * closed. */
enum pq_failure pq_exec(struct pq *pq, enum pq_statement statement, int n,
						const char *const *values, double timeout, PGresult **result);

/* Ask the server to end the running statement; for the signal callback of an idle wait. */
void pq_cancel(struct pq *pq);

#endif
