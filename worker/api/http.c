/*
 * Answers: /health, /metrics, and the routes of routes.def, whose json text is passed through.
 * SPDX-License-Identifier: PostgreSQL
 *
 * What is wrong with a request is found before its body comes, and told after it was read to its
 * end, or before where the client asks first (Expect: 100-continue).
 */
#include "api/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/answer.h"
#include "api/metrics.h"
#include "api/query.h"
#include "api/route.h"
#include "api/write.h"
#include "core/log.h"

#define JSON     "application/json"
#define BODY_MAX 16384

typedef enum MHD_Result page(struct MHD_Connection *);

struct request
{
	page *page;
	const struct route *route; /* where it is no page */
	char segment[SEGMENT_MAX];
	const char *token_name;
	struct text body;
	struct problem problem;
};

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
	return answer_body(c, strcmp(extension, "pass") == 0 ? 200 : 503, JSON, &body);
}

static enum MHD_Result
send_metrics(struct MHD_Connection *c)
{
	struct text body = {0};

	metrics_collect(&body);
	return answer_body(c, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

static page *
find_page(const char *url)
{
	return strcmp(url, "/health") == 0    ? send_health
		   : strcmp(url, "/metrics") == 0 ? send_metrics
										  : NULL;
}

/* The endpoint, or 404 or 405. */
static void
find_endpoint(struct request *req, const char *url, const char *method)
{
	unsigned allowed = METHOD_GET;
	bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	unsigned wanted = reads ? METHOD_GET : strcmp(method, "POST") == 0 ? METHOD_POST : 0;

	req->page = find_page(url);
	if (req->page == NULL)
		req->route = route_find(url, wanted, req->segment, sizeof req->segment, &allowed);
	if (req->route != NULL || (req->page != NULL && reads))
		return;
	req->problem.allowed = allowed;
	if (allowed == 0)
		problem_set(&req->problem, 404, "no such resource", "%s", "");
	else
		problem_set(&req->problem, 405, "the resource does not take this method", "%s", "");
}

static const char *
header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static void
admit_writer(struct request *req, const struct tokens *tokens, struct MHD_Connection *c)
{
	const char *authorization = header(c, "Authorization");
	size_t length;

	if (tokens == NULL)
	{
		problem_set(&req->problem, 403, "this gateway only reads", "It has no --token-file.");
		return;
	}
	req->token_name = tokens_check(tokens, authorization);
	if (req->token_name != NULL)
		return;
	req->problem.bad_token = token_of_header(authorization, &length) != NULL;
	problem_set(&req->problem, 401, req->problem.bad_token ? "unknown token" : "a token is needed",
				"Send it in the header Authorization: Bearer TOKEN.");
}

static bool
says_json(const char *type)
{
	size_t n = strlen(JSON);

	return type != NULL && strncasecmp(type, JSON, n) == 0 &&
		   (type[n] == '\0' || strchr("; ", type[n]) != NULL);
}

static void
examine_body(struct request *req, struct MHD_Connection *c)
{
	const char *length = header(c, "Content-Length");
	unsigned long long announced = length != NULL ? strtoull(length, NULL, 10) : 0;

	if (announced > BODY_MAX)
		problem_set(&req->problem, 413, "the body is too large", "At most %d bytes.", BODY_MAX);
	else if ((announced > 0 || header(c, "Transfer-Encoding") != NULL) &&
			 !says_json(header(c, "Content-Type")))
		problem_set(&req->problem, 415, "the body must be " JSON, "%s", "");
}

static struct request *
begin_request(struct MHD_Connection *c, const char *url, const char *method,
			  const struct tokens *tokens)
{
	struct request *req = calloc(1, sizeof *req);

	if (req == NULL)
		return NULL;
	find_endpoint(req, url, method);
	if (req->problem.status == 0 && req->route != NULL && req->route->method == METHOD_POST)
	{
		admit_writer(req, tokens, c);
		if (req->problem.status == 0)
			examine_body(req, c);
	}
	return req;
}

/* A body where none is wanted is read and dropped. */
static void
take_body(struct request *req, const char *data, size_t size)
{
	if (req->problem.status != 0 || req->token_name == NULL)
		return;
	if (req->body.used + size > BODY_MAX)
		problem_set(&req->problem, 413, "the body is too large", "At most %d bytes.", BODY_MAX);
	else
		text_add(&req->body, data, size);
}

static void
read_route(struct request *req, struct text *out)
{
	PGresult *r = query_run(req->route->answer, req->segment[0] != '\0' ? req->segment : NULL);

	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		problem_of_query(&req->problem, r);
	else if (PQntuples(r) == 0)
		problem_set(&req->problem, 404, "no such worker type", "%s", "");
	else
		text_add(out, PQgetvalue(r, 0, 0), (size_t) PQgetlength(r, 0, 0));
	PQclear(r);
}

static void
do_route(struct request *req, struct text *out)
{
	struct write w = {req->route, req->segment, req->token_name, &req->body};

	if (req->route->method == METHOD_POST)
		write_do(&w, out, &req->problem);
	else
		read_route(req, out);
}

static enum MHD_Result
answer(struct request *req, struct MHD_Connection *c, const char *url, const char *method)
{
	struct text out = {0};
	unsigned status;

	if (req->problem.status == 0 && req->page != NULL)
		return req->page(c);
	if (req->problem.status == 0)
		do_route(req, &out);
	status = req->problem.status != 0 ? req->problem.status : 200;
	if (strcmp(method, "POST") == 0)
		log_event(status < 400 ? LOG_AT_INFO : LOG_AT_WARNING, "POST %.200s by %s: %u", url,
				  req->token_name != NULL ? req->token_name : "nobody", status);
	if (status == 200)
	{
		text_add(&out, "\n", 1);
		return answer_body(c, 200, JSON, &out);
	}
	text_free(&out);
	return answer_problem(c, &req->problem);
}

enum MHD_Result
http_answer(void *cls, struct MHD_Connection *c, const char *url, const char *method,
			const char *version, const char *upload_data, size_t *upload_data_size, void **state)
{
	struct request *req = *state;

	(void) version;
	if (req == NULL)
	{
		*state = req = begin_request(c, url, method, cls);
		if (req == NULL)
			return MHD_NO;
		if (req->problem.status == 0 || header(c, "Expect") == NULL)
			return MHD_YES;
	}
	else if (*upload_data_size > 0)
	{
		take_body(req, upload_data, *upload_data_size);
		*upload_data_size = 0;
		return MHD_YES;
	}
	return answer(req, c, url, method);
}

void
http_completed(void *cls, struct MHD_Connection *c, void **state,
			   enum MHD_RequestTerminationCode why)
{
	struct request *req = *state;

	(void) cls, (void) c, (void) why;
	if (req == NULL)
		return;
	text_free(&req->body);
	text_free(&req->problem.errors);
	free(req);
	*state = NULL;
}

size_t
http_unescape(void *cls, struct MHD_Connection *c, char *text)
{
	(void) cls, (void) c;
	return strlen(text);
}
