/*
 * Two database connections per thread of the gateway, one that only reads and one that writes, made
 * on first use and again after a loss. SPDX-License-Identifier: PostgreSQL
 */
#ifndef API_QUERY_H
#define API_QUERY_H

#include <libpq-fe.h>

enum query_session
{
	QUERY_READ,
	QUERY_WRITE
};

/* conninfo for all threads; "" leaves everything to PG* variables and the service file. Call before
 * the first query. */
void query_set_conninfo(enum query_session session, const char *conninfo);

/* Read: run one statement with at most one text parameter. Never NULL; PQclear it. Not
 * PGRES_TUPLES_OK: query_failure(). */
PGresult *query_run(const char *statement, const char *param);

/* Write: begin a transaction for the token of this name, run statements with $1 text and $2 jsonb,
 * end it. Results as above; PGRES_COMMAND_OK where there are no rows. Once it has begun nothing is
 * tried again: whether a lost connection has committed is not known. */
PGresult *query_begin(const char *token_name);
PGresult *query_write(const char *statement, const char *text, const char *json);
PGresult *query_commit(void);
void query_rollback(void);

struct query_failure
{
	unsigned http_status;
	const char *title;
	const char *sqlstate; /* "" where the server was not reached */
};
/* What a failed result means to the client. The server's own text stays in our log. */
struct query_failure query_failure(const PGresult *result);

#endif
