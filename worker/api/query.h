/* One database connection per thread of the gateway, made on first use and again after a loss.
 * SPDX-License-Identifier: PostgreSQL */
#ifndef API_QUERY_H
#define API_QUERY_H

#include <libpq-fe.h>

/* conninfo for all threads; "" leaves everything to PG* variables and the service file. Call before
 * the first query. */
void query_set_conninfo(const char *conninfo);

/* Run one statement with at most one text parameter. Never NULL; PQclear it. Not PGRES_TUPLES_OK:
 * query_failure(). */
PGresult *query_run(const char *statement, const char *param);

struct query_failure
{
	unsigned http_status;
	const char *title;
	const char *sqlstate; /* "" where the server was not reached */
};
/* What a failed result means to the client. The server's own text stays in our log. */
struct query_failure query_failure(const PGresult *result);

#endif
