/*
 * Answers: /health, /metrics, and the routes of routes.def, each one SQL statement whose json text
 * is passed through. Errors are application/problem+json (RFC 9457). SPDX-License-Identifier:
 * PostgreSQL
 */
#include "api/http.h"

#include <stdio.h>
#include <string.h>

#include "api/metrics.h"
#include "api/query.h"
#include "api/text.h"

#define JSON        "application/json"
#define PROBLEM     "application/problem+json"
#define SEGMENT_MAX 128

static const struct
{
	const char *path, *statement;
} routes[] = {
#define ROUTE(path, statement) {path, statement},
#include "api/routes.def"
#undef ROUTE
};

static enum MHD_Result
send_body(struct MHD_Connection *c, unsigned status, const char *type, struct text *body)
{
	struct MHD_Response *r;
	enum MHD_Result queued;

	if (body->failed)
	{
		text_free(body);
		return MHD_NO; /* closes the connection: there is no memory for an answer either */
	}
	r = MHD_create_response_from_buffer(body->used, body->data, MHD_RESPMEM_MUST_COPY);
	text_free(body);
	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	if (status == 405)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	if (status == 503)
		MHD_add_response_header(r, "Retry-After", "2");
	queued = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return queued;
}

static enum MHD_Result
send_problem(struct MHD_Connection *c, unsigned status, const char *title, const char *sqlstate)
{
	struct text body = {0};

	text_printf(&body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u", title, status);
	if (sqlstate[0] != '\0')
		text_printf(&body, ",\"sqlstate\":\"%s\"", sqlstate);
	text_printf(&body, "}\n");
	return send_body(c, status, PROBLEM, &body);
}

/* A failed query: its text goes to our log, never to the client. */
static enum MHD_Result
send_failure(struct MHD_Connection *c, const PGresult *r)
{
	struct query_failure f = query_failure(r);

	fprintf(stderr, "level=error msg=\"query failed\" status=%u sqlstate=%s detail=\"%.200s\"\n",
			f.http_status, f.sqlstate, PQresultErrorMessage(r));
	return send_problem(c, f.http_status, f.title, f.sqlstate);
}

static enum MHD_Result
send_route(struct MHD_Connection *c, const char *statement, const char *segment)
{
	PGresult *r = query_run(statement, segment[0] != '\0' ? segment : NULL);
	struct text body = {0};
	enum MHD_Result sent;

	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		sent = send_failure(c, r);
	else if (PQntuples(r) == 0)
		sent = send_problem(c, 404, "no such worker type", "");
	else
	{
		text_add(&body, PQgetvalue(r, 0, 0), (size_t) PQgetlength(r, 0, 0));
		text_add(&body, "\n", 1);
		sent = send_body(c, 200, JSON, &body);
	}
	PQclear(r);
	return sent;
}

/* pass: the database answers and has the extension; fail: 503. */
static enum MHD_Result
send_health(struct MHD_Connection *c)
{
	PGresult *r = query_run("SELECT extversion FROM pg_extension WHERE extname = 'astrid'", NULL);
	const char *database = PQresultStatus(r) == PGRES_TUPLES_OK ? "pass" : "fail";
	const char *extension = strcmp(database, "pass") == 0 && PQntuples(r) == 1 ? "pass" : "fail";
	struct text body = {0};

	text_printf(&body,
				"{\"status\":\"%s\",\"version\":\"" ASTRID_VERSION "\","
				"\"checks\":{\"database\":\"%s\",\"extension\":\"%s\"}}\n",
				extension, database, extension);
	PQclear(r);
	return send_body(c, strcmp(extension, "pass") == 0 ? 200 : 503, JSON, &body);
}

static enum MHD_Result
send_metrics(struct MHD_Connection *c)
{
	struct text body = {0};

	metrics_collect(&body);
	return send_body(c, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

int
http_match(const char *pattern, const char *path, char *segment, size_t size)
{
	segment[0] = '\0';
	while (*pattern != '\0' && *path != '\0')
	{
		if (*pattern == '{')
		{
			size_t n = strcspn(path, "/");

			if (n == 0 || n >= size)
				return 0;
			memcpy(segment, path, n);
			segment[n] = '\0';
			path += n;
			pattern += strcspn(pattern, "}") + 1;
		}
		else if (*pattern++ != *path++)
			return 0;
	}
	return *pattern == *path;
}

enum MHD_Result
http_answer(void *cls, struct MHD_Connection *c, const char *url, const char *method,
			const char *version, const char *upload_data, size_t *upload_data_size, void **state)
{
	static int seen; /* its address marks a request whose headers have been read */
	char segment[SEGMENT_MAX];

	(void) cls, (void) version, (void) upload_data;
	if (*state == NULL)
	{
		*state = &seen;
		return MHD_YES;
	}
	if (*upload_data_size > 0) /* a body on a GET: read and dropped */
	{
		*upload_data_size = 0;
		return MHD_YES;
	}
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return send_problem(c, 405, "this gateway only reads", "");
	if (strcmp(url, "/health") == 0)
		return send_health(c);
	if (strcmp(url, "/metrics") == 0)
		return send_metrics(c);
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
		if (http_match(routes[i].path, url, segment, sizeof segment))
			return send_route(c, routes[i].statement, segment);
	return send_problem(c, 404, "no such resource", "");
}
