/* See pq.h. SPDX-License-Identifier: PostgreSQL */
#include "db/pq.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"

static const char *const statements[] = {
#define STATEMENT(name, sql) [SQL_##name] = sql,
#include "db/statements.def"
#undef STATEMENT
};

/* By the longest prefix of the SQLSTATE; the first entry that matches decides. */
static const struct
{
	const char *prefix;
	enum pq_failure failure;
} failures[] = {
	{"QJ001", PQ_LEASE_LOST},
	{"QJ009", PQ_REFUSED},
	{"QJ010", PQ_REFUSED},
	{"QJ007", PQ_UNSUPPORTED}, /* the library is not preloaded */
	{"42883", PQ_UNSUPPORTED}, /* no such function */
	{"3F000", PQ_UNSUPPORTED}, /* no such schema: the extension is not there (yet) */
	{"0A", PQ_UNSUPPORTED},
	{"57014", PQ_CANCELLED},
	{"57P", PQ_DOWN}, /* shutting down, crashed, starting up, database dropped */
	{"08", PQ_DOWN},
	{"40", PQ_TRANSIENT}, /* serialization failure, deadlock */
	{"55P03", PQ_TRANSIENT},
	{"53", PQ_TRANSIENT}, /* out of memory, disk or connections */
	{"", PQ_ERROR},
};

static void
on_socket(void *arg, short revents)
{
	struct pq *pq = arg;
	PGnotify *notify;

	(void) revents;
	pq->readable = true;
	if (PQstatus(pq->conn) != CONNECTION_OK)
		return;
	/* a connection that ended is noticed by whoever uses it next; here the socket must just not
	 * stay readable */
	if (!PQconsumeInput(pq->conn))
		loop_unwatch(pq->loop, PQsocket(pq->conn));
	while ((notify = PQnotifies(pq->conn)) != NULL)
	{
		pq->notified = true;
		PQfreemem(notify);
	}
}

static void
on_deadline(void *arg)
{
	((struct pq *) arg)->expired = true;
}

void
pq_init(struct pq *pq, struct loop *loop)
{
	memset(pq, 0, sizeof *pq);
	pq->loop = loop;
	pq->deadline.fn = on_deadline;
	pq->deadline.arg = pq;
}

bool
pq_is_up(const struct pq *pq)
{
	return pq->conn != NULL && PQstatus(pq->conn) == CONNECTION_OK;
}

void
pq_close(struct pq *pq)
{
	loop_disarm(pq->loop, &pq->deadline);
	if (pq->conn == NULL)
		return;
	if (PQsocket(pq->conn) >= 0)
		loop_unwatch(pq->loop, PQsocket(pq->conn));
	PQfinish(pq->conn);
	pq->conn = NULL;
}

/* The first line: what follows is detail, and may quote the statement. */
static void
note(struct pq *pq, const char *sqlstate, const char *message)
{
	size_t len = strcspn(message, "\n");

	snprintf(pq->sqlstate, sizeof pq->sqlstate, "%s", sqlstate);
	snprintf(pq->message, sizeof pq->message, "%.*s", (int) len, message);
}

static enum pq_failure
down(struct pq *pq, const char *message)
{
	note(pq, "08006", message);
	pq_close(pq);
	return PQ_DOWN;
}

/* Run the loop until the socket had events or the deadline came. */
static void
wait_socket(struct pq *pq, short events)
{
	pq->readable = false;
	loop_watch(pq->loop, PQsocket(pq->conn), events, on_socket, pq);
	while (!pq->readable && !pq->expired)
		if (loop_run(pq->loop) < 0)
			pq->expired = true;
}

static void
begin(struct pq *pq, double timeout)
{
	pq->expired = false;
	loop_arm(pq->loop, &pq->deadline, timeout);
}

/* What the server says beside answers, among it the farewell of a shutdown, belongs into the log.
 */
static void
on_notice(void *arg, const char *message)
{
	(void) arg;
	log_event(LOG_AT_DEBUG, "server: %.*s", (int) strcspn(message, "\n"), message);
}

/* ---- connecting ----------------------------------------------------------------------------- */

static PGconn *
start_connection(const char *conninfo)
{
	/* what stands in conninfo wins: it is expanded after these */
	const char *const keywords[] = {
		"fallback_application_name", "client_encoding", "keepalives_idle",
		"tcp_user_timeout",          "dbname",          NULL};
	const char *const values[] = {"astrid-worker", "UTF8", "30", "30000", conninfo, NULL};

	return PQconnectStartParams(keywords, values, 1);
}

enum pq_failure
pq_connect(struct pq *pq, const char *conninfo, double timeout, const bool *give_up)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	pq_close(pq);
	pq->conn = start_connection(conninfo);
	if (pq->conn == NULL || PQstatus(pq->conn) == CONNECTION_BAD)
		return down(pq, pq->conn != NULL ? PQerrorMessage(pq->conn) : "out of memory");
	begin(pq, timeout);
	while (status != PGRES_POLLING_OK)
	{
		int fd = PQsocket(pq->conn);

		if (status == PGRES_POLLING_FAILED)
			return down(pq, PQerrorMessage(pq->conn));
		wait_socket(pq, status == PGRES_POLLING_READING ? POLLIN : POLLOUT);
		if (pq->expired || (give_up != NULL && *give_up))
			return down(pq, "timeout while connecting");
		/* libpq may close this descriptor and open another for the next address */
		loop_unwatch(pq->loop, fd);
		status = PQconnectPoll(pq->conn);
	}
	loop_disarm(pq->loop, &pq->deadline);
	PQsetNoticeProcessor(pq->conn, on_notice, NULL);
	if (PQsetnonblocking(pq->conn, 1) < 0)
		return down(pq, PQerrorMessage(pq->conn));
	loop_watch(pq->loop, PQsocket(pq->conn), POLLIN, on_socket, pq);
	return PQ_FINE;
}

/* ---- statements ----------------------------------------------------------------------------- */

/* Detail and hint too: they say what to do, and the attempt's error is all that people see. */
static void
describe(const PGresult *result, char *text, size_t size)
{
	static const int fields[] = {PG_DIAG_MESSAGE_PRIMARY, PG_DIAG_MESSAGE_DETAIL,
								 PG_DIAG_MESSAGE_HINT};
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof fields / sizeof fields[0] && used < size; i++)
	{
		const char *part = PQresultErrorField(result, fields[i]);

		if (part != NULL && part[0] != '\0')
			used +=
				(size_t) snprintf(text + used, size - used, "%s%s", used > 0 ? " / " : "", part);
	}
}

static enum pq_failure
classify(struct pq *pq, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	char text[sizeof pq->message];
	size_t i = 0;

	if (state == NULL) /* made by libpq itself: the connection broke */
		return down(pq, PQresultErrorMessage(result));
	describe(result, text, sizeof text);
	note(pq, state, text);
	while (strncmp(state, failures[i].prefix, strlen(failures[i].prefix)) != 0)
		i++;
	return failures[i].failure;
}

static enum pq_failure
flush(struct pq *pq)
{
	int left;

	while ((left = PQflush(pq->conn)) > 0)
	{
		/* readable too: the server may be blocked on sending to us */
		wait_socket(pq, POLLIN | POLLOUT);
		if (pq->expired)
			return down(pq, "timeout while sending a statement");
	}
	return left == 0 ? PQ_FINE : down(pq, PQerrorMessage(pq->conn));
}

/* The last result of the statement (CALL and SELECT have one); NULL: the connection is down. */
static PGresult *
collect(struct pq *pq)
{
	PGresult *last = NULL, *next;

	for (;;)
	{
		while (PQisBusy(pq->conn))
		{
			wait_socket(pq, POLLIN);
			if (pq->expired || PQstatus(pq->conn) != CONNECTION_OK)
			{
				PQclear(last);
				down(pq, pq->expired ? "timeout of a statement" : PQerrorMessage(pq->conn));
				return NULL;
			}
		}
		next = PQgetResult(pq->conn);
		if (next == NULL)
			return last;
		PQclear(last);
		last = next;
	}
}

enum pq_failure
pq_exec(struct pq *pq, enum pq_statement statement, int n, const char *const *values,
		double timeout, PGresult **result)
{
	enum pq_failure failure;
	PGresult *answer;

	*result = NULL;
	if (!pq_is_up(pq))
		return down(pq, pq->conn != NULL ? PQerrorMessage(pq->conn) : "not connected");
	begin(pq, timeout);
	if (!PQsendQueryParams(pq->conn, statements[statement], n, NULL, values, NULL, NULL, 0))
		return down(pq, PQerrorMessage(pq->conn));
	failure = flush(pq);
	answer = failure == PQ_FINE ? collect(pq) : NULL;
	if (answer == NULL)
		return PQ_DOWN;
	loop_disarm(pq->loop, &pq->deadline);
	/* idle again: only what the server says on its own is of interest */
	if (PQstatus(pq->conn) == CONNECTION_OK)
		loop_watch(pq->loop, PQsocket(pq->conn), POLLIN, on_socket, pq);
	if (PQresultStatus(answer) == PGRES_TUPLES_OK || PQresultStatus(answer) == PGRES_COMMAND_OK)
	{
		*result = answer;
		return PQ_FINE;
	}
	failure = classify(pq, answer);
	PQclear(answer);
	if (failure == PQ_DOWN)
		pq_close(pq);
	return failure;
}

void
pq_cancel(struct pq *pq)
{
	PGcancel *cancel = pq->conn != NULL ? PQgetCancel(pq->conn) : NULL;
	char error[256];

	if (cancel == NULL)
		return;
	/* libpq 15 can only block here; the server is on the line, and a lost cancel costs one wait
	 * slice */
	PQcancel(cancel, error, sizeof error);
	PQfreeCancel(cancel);
}
