/* See query.h. SPDX-License-Identifier: PostgreSQL */
#include "api/query.h"

#include <string.h>

static const char *conninfo = "";
static _Thread_local PGconn *conn;

/* The gateway only reads, and no page may hold the database up. */
#define SESSION_OPTIONS                                                                            \
	"-c default_transaction_read_only=on -c statement_timeout=2s -c lock_timeout=1s -c "           \
	"client_min_messages=error"

void
query_set_conninfo(const char *text)
{
	conninfo = text;
}

static void
reconnect(void)
{
	/* dbname comes last: a conninfo string in it may override what stands before, not the options
	 * after */
	const char *const keys[] = {"connect_timeout", "application_name", "dbname", "options", NULL};
	const char *const values[] = {"3", "astrid-api", conninfo, SESSION_OPTIONS, NULL};

	PQfinish(conn);
	conn = PQconnectdbParams(keys, values, 1);
}

static PGresult *
run_once(const char *statement, const char *param)
{
	const char *const values[] = {param};

	/* Unnamed statement: works behind a pooler in transaction mode too. */
	return PQexecParams(conn, statement, param != NULL, NULL, values, NULL, NULL, 0);
}

PGresult *
query_run(const char *statement, const char *param)
{
	PGresult *result;

	if (conn == NULL || PQstatus(conn) != CONNECTION_OK)
		reconnect();
	result = run_once(statement, param);
	/* A connection that died since the last request shows only now; reading twice harms nobody. */
	if (PQresultStatus(result) != PGRES_TUPLES_OK && PQstatus(conn) != CONNECTION_OK)
	{
		PQclear(result);
		reconnect();
		result = run_once(statement, param);
	}
	if (result == NULL)
		result = PQmakeEmptyPGresult(conn, PGRES_FATAL_ERROR);
	return result;
}

static const struct query_failure failures[] = {
	/* the first prefix of the SQLSTATE that fits */
	{403, "not permitted", "42501"},
	{404, "no such queue", "QJ002"},
	{404, "no such job", "QJ003"},
	{400, "invalid argument", "22"},
	{504, "the query took too long", "57014"},
	{503, "the server is shutting down", "57P"},
	{503, "too many connections", "53"},
	{503, "the database cannot be reached", "08"},
	{503, "astrid is not installed in this database", "42P01"},
	{500, "the query failed", ""},
};

struct query_failure
query_failure(const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const struct query_failure *f = failures;

	if (sqlstate == NULL)
		return (struct query_failure){503, "the database cannot be reached", ""};
	while (strncmp(sqlstate, f->sqlstate, strlen(f->sqlstate)) != 0)
		f++;
	return (struct query_failure){f->http_status, f->title, sqlstate};
}
