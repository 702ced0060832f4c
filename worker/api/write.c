/* See write.h. SPDX-License-Identifier: PostgreSQL */
#include "api/write.h"

#include <jansson.h>
#include <string.h>

#include "api/query.h"

/* One row: what is wrong with which field, or null. */
#define VALIDATE                                                                                   \
	"SELECT json_agg(json_build_object('pointer', path, 'detail', message) ORDER BY path)"         \
	" FROM astrid.validate($1::jsonb, $2)"

/* Is it JSON at all? The database reads it again, but takes the last of two equal keys. */
static bool
is_json(const struct text *body, struct problem *problem)
{
	json_error_t error;
	json_t *value = json_loadb(body->data, body->used, JSON_REJECT_DUPLICATES, &error);

	if (value == NULL)
		problem_set(problem, 400, "the body is not JSON",
					"It must be a JSON object; line %d, column %d is wrong.", error.line,
					error.column);
	json_decref(value);
	return value != NULL;
}

/* Run one statement; its first value goes to out (may be NULL), the number of rows is returned, -1
 * with the problem. */
static int
step(const char *statement, const char *text, const char *json, struct text *out,
	 struct problem *problem)
{
	PGresult *r = query_write(statement, text, json);
	int rows = -1;

	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		problem_of_query(problem, r);
	else
	{
		rows = PQntuples(r);
		if (out != NULL && rows > 0 && !PQgetisnull(r, 0, 0))
			text_add(out, PQgetvalue(r, 0, 0), (size_t) PQgetlength(r, 0, 0));
	}
	PQclear(r);
	return rows;
}

static bool
run_steps(const struct write *w, const char *json, struct text *out, struct problem *problem)
{
	int rows = step(VALIDATE, w->route->schema, json, &problem->errors, problem);

	if (rows > 0 && problem->errors.used > 0)
	{
		problem_set(problem, 422, "the body is not what this endpoint takes", "%s", "");
		return false;
	}
	if (rows > 0 && w->route->change != NULL)
		rows = step(w->route->change, w->segment, json, NULL, problem);
	if (rows > 0)
		rows = step(w->route->answer, w->segment, json, out, problem);
	if (rows == 0)
		problem_set(problem, 404, "no queue of that worker type", "%s", "");
	return rows > 0;
}

static bool
finish(PGresult *r, ExecStatusType wanted, struct problem *problem)
{
	bool fine = PQresultStatus(r) == wanted;

	if (!fine)
		problem_of_query(problem, r);
	PQclear(r);
	return fine;
}

bool
write_do(const struct write *w, struct text *out, struct problem *problem)
{
	const char *json = w->body->used > 0 ? w->body->data : "{}";

	if (w->body->used > 0 && !is_json(w->body, problem))
		return false;
	if (!finish(query_begin(w->token_name), PGRES_TUPLES_OK, problem))
		return false;
	if (!run_steps(w, json, out, problem))
	{
		query_rollback();
		return false;
	}
	return finish(query_commit(), PGRES_COMMAND_OK, problem);
}
