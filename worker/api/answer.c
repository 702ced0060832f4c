/* See answer.h. SPDX-License-Identifier: PostgreSQL */
#include "api/answer.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/query.h"
#include "api/route.h"
#include "core/log.h"
#include "core/utf8.h"

#define PROBLEM "application/problem+json"

void
problem_set(struct problem *p, unsigned status, const char *title, const char *fmt, ...)
{
	va_list args;

	p->status = status;
	snprintf(p->title, sizeof p->title, "%s", title);
	va_start(args, fmt);
	vsnprintf(p->detail, sizeof p->detail, fmt, args);
	va_end(args);
	utf8_scrub(p->detail);
}

void
problem_of_query(struct problem *p, const PGresult *r)
{
	struct query_failure f = query_failure(r);
	const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);

	log_event(f.http_status >= 500 ? LOG_AT_ERROR : LOG_AT_WARNING,
			  "query failed, status %u, sqlstate %s: %.400s", f.http_status, f.sqlstate,
			  PQresultErrorMessage(r));
	if (strncmp(f.sqlstate, "QJ", 2) == 0)
		problem_set(p, f.http_status, f.title, "%s%s%s", message != NULL ? message : "",
					detail != NULL ? ": " : "", detail != NULL ? detail : "");
	else
		problem_set(p, f.http_status, f.title, "%s", "");
	snprintf(p->sqlstate, sizeof p->sqlstate, "%s", f.sqlstate);
}

static struct MHD_Response *
make_response(struct text *body, const char *type)
{
	struct MHD_Response *r = NULL;

	/* without memory for it there is no answer: the connection is closed */
	if (!body->failed)
		r = MHD_create_response_from_buffer(body->used, body->data, MHD_RESPMEM_MUST_COPY);
	text_free(body);
	if (r == NULL)
		return NULL;
	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	return r;
}

static enum MHD_Result
send_response(struct MHD_Connection *c, unsigned status, struct MHD_Response *r)
{
	enum MHD_Result queued;

	if (r == NULL)
		return MHD_NO;
	queued = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return queued;
}

enum MHD_Result
answer_body(struct MHD_Connection *c, unsigned status, const char *type, struct text *body)
{
	return send_response(c, status, make_response(body, type));
}

static void
write_problem(struct text *body, struct problem *p)
{
	json_t *problem =
		json_pack("{s:s, s:s, s:i, s:s*, s:s*, s:o*}", "type", "about:blank", "title", p->title,
				  "status", (int) p->status, "detail", p->detail[0] != '\0' ? p->detail : NULL,
				  "sqlstate", p->sqlstate[0] != '\0' ? p->sqlstate : NULL, "errors",
				  p->errors.data != NULL ? json_loads(p->errors.data, 0, NULL) : NULL);
	char *dump = json_dumps(problem, JSON_COMPACT);

	if (dump != NULL)
		text_add(body, dump, strlen(dump));
	body->failed |= dump == NULL;
	text_add(body, "\n", 1);
	free(dump);
	json_decref(problem);
	text_free(&p->errors);
}

enum MHD_Result
answer_problem(struct MHD_Connection *c, struct problem *p)
{
	static const char *const allow[] = {"", "GET, HEAD", "POST", "GET, HEAD, POST"};
	struct text body = {0};
	struct MHD_Response *r;

	write_problem(&body, p);
	r = make_response(&body, PROBLEM);
	if (r != NULL && p->status == 401)
		MHD_add_response_header(r, "WWW-Authenticate",
								p->bad_token ? "Bearer realm=\"astrid\", error=\"invalid_token\""
											 : "Bearer realm=\"astrid\"");
	if (r != NULL && p->status == 405)
		MHD_add_response_header(r, "Allow", allow[p->allowed]);
	if (r != NULL && p->status == 503)
		MHD_add_response_header(r, "Retry-After", "2");
	return send_response(c, p->status, r);
}
