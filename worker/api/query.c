/* See query.h. SPDX-License-Identifier: PostgreSQL */
#include "api/query.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define TEXT_OID  25
#define JSONB_OID 3802

#define ALL_SESSIONS "-c search_path=pg_catalog -c client_min_messages=error "

/* No page may hold the database up, and no endpoint that reads can write. Those that write may take
 * longer: a queue of a million jobs is cleared in one transaction. */
static struct
{
	const char *conninfo;
	const char *options;
} sessions[] = {
	[QUERY_READ] = {"", ALL_SESSIONS "-c default_transaction_read_only=on "
									 "-c statement_timeout=2s -c lock_timeout=1s"},
	[QUERY_WRITE] = {"", ALL_SESSIONS "-c default_transaction_read_only=off "
									  "-c statement_timeout=60s -c lock_timeout=5s"},
};

static _Thread_local PGconn *conns[2];
static pthread_key_t at_thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
close_connections(void *value)
{
	(void) value;
	PQfinish(conns[QUERY_READ]);
	PQfinish(conns[QUERY_WRITE]);
}

static void
make_key(void)
{
	pthread_key_create(&at_thread_end, close_connections);
}

void
query_set_conninfo(enum query_session session, const char *conninfo)
{
	sessions[session].conninfo = conninfo;
}

static void
reconnect(enum query_session session)
{
	/* dbname comes before options: a conninfo string in it may override what stands before, not
	 * what comes after */
	const char *const keys[] = {"connect_timeout", "application_name", "dbname",
								"client_encoding", "options",          NULL};
	const char *const values[] = {
		"3", "astrid-api", sessions[session].conninfo, "UTF8", sessions[session].options, NULL};

	pthread_once(&once, make_key);
	pthread_setspecific(at_thread_end, conns);
	PQfinish(conns[session]);
	conns[session] = PQconnectdbParams(keys, values, 1);
}

static PGresult *
checked(enum query_session session, PGresult *result)
{
	return result != NULL ? result : PQmakeEmptyPGresult(conns[session], PGRES_FATAL_ERROR);
}

/* Unnamed statements: they work behind a pooler in transaction mode too. */
static PGresult *
run(enum query_session session, const char *statement, int n, const char *const *values)
{
	static const Oid types[] = {TEXT_OID, JSONB_OID};

	return checked(session,
				   PQexecParams(conns[session], statement, n, types, values, NULL, NULL, 0));
}

static PGresult *
begin_with(enum query_session session, const char *statement, int n, const char *const *values)
{
	PGresult *result;

	if (conns[session] == NULL || PQstatus(conns[session]) != CONNECTION_OK)
		reconnect(session);
	result = run(session, statement, n, values);
	/* A connection that died since the last request shows only now; nothing was done yet. */
	if (PQresultStatus(result) == PGRES_FATAL_ERROR && PQstatus(conns[session]) != CONNECTION_OK)
	{
		PQclear(result);
		reconnect(session);
		result = run(session, statement, n, values);
	}
	return result;
}

PGresult *
query_run(const char *statement, const char *param)
{
	return begin_with(QUERY_READ, statement, param != NULL, &param);
}

PGresult *
query_begin(const char *token_name)
{
	PGresult *result = begin_with(QUERY_WRITE, "BEGIN", 0, NULL);
	char name[64];
	const char *values[] = {name};

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		return result;
	PQclear(result);
	/* the server's log says who it was */
	snprintf(name, sizeof name, "astrid-api/%s", token_name);
	return run(QUERY_WRITE, "SELECT set_config('application_name', $1, true)", 1, values);
}

PGresult *
query_write(const char *statement, const char *text, const char *json)
{
	const char *const values[] = {text, json};

	return run(QUERY_WRITE, statement, 2, values);
}

PGresult *
query_commit(void)
{
	return run(QUERY_WRITE, "COMMIT", 0, NULL);
}

void
query_rollback(void)
{
	PQclear(run(QUERY_WRITE, "ROLLBACK", 0, NULL));
}

static const struct query_failure failures[] = {
	/* the first prefix of the SQLSTATE that fits */
	{403, "not permitted", "42501"},
	{404, "no such queue", "QJ002"},
	{404, "no such job", "QJ003"},
	{422, "invalid argument", "QJ006"},
	{409, "refused", "QJ"},
	{400, "invalid argument", "22"},
	{503, "the database takes no writes now", "25006"},
	{503, "another transaction is in the way", "40"},
	{503, "another transaction is in the way", "55P03"},
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
