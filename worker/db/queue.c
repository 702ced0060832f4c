/* See queue.h. SPDX-License-Identifier: PostgreSQL */
#include "db/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define TRANSIENT_REPEATS 8
#define NUMBER_SIZE       32

/* ---- text for parameters -------------------------------------------------------------------- */

static const char *
number(char buf[NUMBER_SIZE], long long value)
{
	snprintf(buf, NUMBER_SIZE, "%lld", value);
	return buf;
}

static const char *
interval(char buf[NUMBER_SIZE], double seconds)
{
	snprintf(buf, NUMBER_SIZE, "%.3f s", seconds);
	return buf;
}

int
queue_array(char *text, size_t size, char *const *words)
{
	size_t n = 0;

	text[n++] = '{';
	for (size_t i = 0; words[i] != NULL; i++)
	{
		/* each character may need a backslash; quotes, comma, brace and NUL come on top */
		if (n + 2 * strlen(words[i]) + 5 > size)
			return err_raise(ASTRID_E_USAGE, "the names of the queues are too long");
		if (i > 0)
			text[n++] = ',';
		text[n++] = '"';
		for (const char *p = words[i]; *p != '\0'; p++)
		{
			if (*p == '"' || *p == '\\')
				text[n++] = '\\';
			text[n++] = *p;
		}
		text[n++] = '"';
	}
	memcpy(text + n, "}", 2);
	return 0;
}

static char *
id_array(size_t n, const long long *ids)
{
	char *text = malloc(n * NUMBER_SIZE + 3);
	size_t len = 1;

	if (text == NULL)
		return NULL;
	text[0] = '{';
	for (size_t i = 0; i < n; i++)
		len += (size_t) sprintf(text + len, "%s%lld", i > 0 ? "," : "", ids[i]);
	memcpy(text + len, "}", 2);
	return text;
}

/* ---- one statement, repeated while that may help -------------------------------------------- */

static void
pause_done(void *arg)
{
	*(bool *) arg = true;
}

/* 50 ms doubling, each between half and whole by chance, so that two that collided do not meet
 * again. */
static void
pause_before_repeat(struct queue_client *queue, int repeat)
{
	bool done = false;
	struct loop_timer timer = {pause_done, &done, 0};

	loop_arm(queue->pq.loop, &timer,
			 0.05 * (double) (1 << repeat) * (0.5 + 0.5 * (double) random() / (double) RAND_MAX));
	while (!done && !(queue->give_up != NULL && *queue->give_up))
		if (loop_run(queue->pq.loop) < 0)
			break;
	loop_disarm(queue->pq.loop, &timer);
}

static enum pq_failure
run(struct queue_client *queue, enum pq_statement statement, int n, const char *const *values,
	PGresult **result)
{
	enum pq_failure failure;

	for (int repeat = 0;; repeat++)
	{
		failure = pq_exec(&queue->pq, statement, n, values, queue->timeout, result);
		if (failure != PQ_TRANSIENT || repeat == TRANSIENT_REPEATS)
			return failure;
		pause_before_repeat(queue, repeat);
	}
}

static enum pq_failure
run_quietly(struct queue_client *queue, enum pq_statement statement, int n,
			const char *const *values)
{
	PGresult *result;
	enum pq_failure failure = run(queue, statement, n, values, &result);

	PQclear(result);
	return failure;
}

/* The statement's one value, NULL where it is null; to be used before *result is cleared. */
static const char *
only_value(const PGresult *result)
{
	return PQntuples(result) == 1 && !PQgetisnull(result, 0, 0) ? PQgetvalue(result, 0, 0) : NULL;
}

/* A server that answers with what is no JSON or no number is not ours. */
static enum pq_failure
bad_answer(struct queue_client *queue, const char *what)
{
	snprintf(queue->pq.message, sizeof queue->pq.message,
			 "the server's answer to %s cannot be read", what);
	return PQ_ERROR;
}

/* The text of a document as a parameter; NULL (SQL null) for NULL. Free it. */
static char *
json_text(const json_t *document)
{
	return document != NULL
			   ? json_dumps(document, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17))
			   : NULL;
}

/* ---- claim, heartbeat ----------------------------------------------------------------------- */

void
job_clear(struct job *job)
{
	free(job->payload);
	memset(job, 0, sizeof *job);
}

static void
read_job(struct job *job, const PGresult *r, int row)
{
	memset(job, 0, sizeof *job);
	job->job_id = atoll(PQgetvalue(r, row, 0));
	job->lease_id = atoll(PQgetvalue(r, row, 1));
	snprintf(job->queue, sizeof job->queue, "%s", PQgetvalue(r, row, 2));
	job->payload = strdup(PQgetisnull(r, row, 3) ? "null" : PQgetvalue(r, row, 3));
	job->attempt = atoi(PQgetvalue(r, row, 4));
	job->max_attempts = atoi(PQgetvalue(r, row, 5));
	job->timeout = atof(PQgetvalue(r, row, 6)); /* null is "" and so 0 */
}

enum pq_failure
queue_claim(struct queue_client *queue, struct job *jobs, int max, int *n)
{
	char lease[NUMBER_SIZE], most[NUMBER_SIZE];
	const char *const values[] = {queue->queues, queue->worker, interval(lease, queue->lease),
								  number(most, max)};
	PGresult *r;
	enum pq_failure failure = run(queue, SQL_CLAIM, 4, values, &r);

	*n = 0;
	while (failure == PQ_FINE && *n < max && *n < PQntuples(r))
	{
		read_job(&jobs[*n], r, *n);
		++*n;
	}
	PQclear(r);
	return failure;
}

static unsigned
command_bit(const char *command)
{
	static const struct
	{
		const char *name;
		unsigned bit;
	} known[] = {{"cancel", QUEUE_CANCEL},
				 {"lost", QUEUE_LOST},
				 {"drain", QUEUE_DRAIN},
				 {"deadline", QUEUE_DEADLINE}};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strcmp(known[i].name, command) == 0)
			return known[i].bit;
	return 0;
}

static void
take_commands(const PGresult *r, struct job *jobs, int n, bool *drain)
{
	for (int i = 0; i < n; i++)
		jobs[i].commands = 0;
	for (int row = 0; row < PQntuples(r); row++)
	{
		long long job_id = atoll(PQgetvalue(r, row, 0)); /* null, for the worker, is "" and so 0 */
		unsigned bit = command_bit(PQgetvalue(r, row, 1));

		*drain |= bit == QUEUE_DRAIN;
		for (int i = 0; i < n; i++)
			if (jobs[i].job_id == job_id && job_id != 0)
				jobs[i].commands |= bit;
	}
}

enum pq_failure
queue_heartbeat(struct queue_client *queue, struct job *jobs, int n, const json_t *info,
				bool *drain)
{
	long long job_ids[QUEUE_MAX_JOBS], lease_ids[QUEUE_MAX_JOBS];
	size_t held = 0;
	char *ids, *leases, *info_text = json_text(info), lease[NUMBER_SIZE];
	PGresult *r = NULL;
	enum pq_failure failure = PQ_ERROR;

	for (int i = 0; i < n; i++)
		if (jobs[i].job_id != 0)
		{
			job_ids[held] = jobs[i].job_id;
			lease_ids[held++] = jobs[i].lease_id;
		}
	ids = id_array(held, job_ids);
	leases = id_array(held, lease_ids);
	if (ids != NULL && leases != NULL)
	{
		const char *const values[] = {queue->worker, ids, leases, interval(lease, queue->lease),
									  info_text};

		failure = run(queue, SQL_HEARTBEAT, 5, values, &r);
	}
	*drain = false;
	if (failure == PQ_FINE)
		take_commands(r, jobs, n, drain);
	PQclear(r);
	free(ids);
	free(leases);
	free(info_text);
	return failure;
}

/* ---- the end of a job ----------------------------------------------------------------------- */

enum pq_failure
queue_complete(struct queue_client *queue, const struct job *job, const json_t *result)
{
	char job_id[NUMBER_SIZE], lease_id[NUMBER_SIZE], *text = json_text(result);
	const char *const values[] = {number(job_id, job->job_id), number(lease_id, job->lease_id),
								  text};
	PGresult *r;
	enum pq_failure failure = run(queue, SQL_COMPLETE, 3, values, &r);
	const char *done = failure == PQ_FINE ? only_value(r) : NULL;

	if (failure == PQ_FINE && (done == NULL || done[0] != 't'))
		failure = PQ_LEASE_LOST;
	PQclear(r);
	free(text);
	return failure;
}

enum pq_failure
queue_fail(struct queue_client *queue, const struct job *job, const char *error, bool retryable,
		   const json_t *info, char *state)
{
	char job_id[NUMBER_SIZE], lease_id[NUMBER_SIZE], *text = json_text(info);
	const char *const values[] = {number(job_id, job->job_id), number(lease_id, job->lease_id),
								  error, retryable ? "true" : "false", text};
	PGresult *r;
	enum pq_failure failure = run(queue, SQL_FAIL, 5, values, &r);
	const char *answer = failure == PQ_FINE ? only_value(r) : NULL;

	snprintf(state, 32, "%s", answer != NULL ? answer : "");
	PQclear(r);
	free(text);
	return failure;
}

enum pq_failure
queue_release(struct queue_client *queue, const struct job *job)
{
	char job_id[NUMBER_SIZE], lease_id[NUMBER_SIZE];
	const char *const values[] = {number(job_id, job->job_id), number(lease_id, job->lease_id)};

	return run_quietly(queue, SQL_SNOOZE, 2, values);
}

/* ---- while it runs -------------------------------------------------------------------------- */

enum pq_failure
queue_progress(struct queue_client *queue, const struct job *job, double fraction, const char *step,
			   const char *message)
{
	char job_id[NUMBER_SIZE], lease_id[NUMBER_SIZE], value[NUMBER_SIZE];
	const char *const values[] = {number(job_id, job->job_id), number(lease_id, job->lease_id),
								  value, step, message};

	snprintf(value, sizeof value, "%.6f", fraction);
	return run_quietly(queue, SQL_PROGRESS, 5, values);
}

enum pq_failure
queue_log(struct queue_client *queue, const struct job *job, const json_t *lines)
{
	char job_id[NUMBER_SIZE], lease_id[NUMBER_SIZE], *text = json_text(lines);
	const char *const values[] = {number(job_id, job->job_id), number(lease_id, job->lease_id),
								  text};
	enum pq_failure failure = run_quietly(queue, SQL_LOG, 3, values);

	free(text);
	return failure;
}

/* ---- the handler sky ------------------------------------------------------------------------ */

enum pq_failure
queue_plan(struct queue_client *queue, const struct job *job, json_t **plan)
{
	char job_id[NUMBER_SIZE], lease_id[NUMBER_SIZE];
	const char *const values[] = {number(job_id, job->job_id), number(lease_id, job->lease_id)},
					  *text;
	PGresult *r;
	enum pq_failure failure = run(queue, SQL_PLAN, 2, values, &r);

	*plan = NULL;
	if (failure == PQ_FINE)
	{
		text = only_value(r);
		*plan = text != NULL ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;
		if (*plan == NULL)
			failure = bad_answer(queue, "sky.plan");
	}
	PQclear(r);
	return failure;
}

enum pq_failure
queue_commit(struct queue_client *queue, const struct job *job, const json_t *results)
{
	char job_id[NUMBER_SIZE], lease_id[NUMBER_SIZE], *text = json_text(results);
	const char *const values[] = {number(job_id, job->job_id), number(lease_id, job->lease_id),
								  text};
	enum pq_failure failure = run_quietly(queue, SQL_COMMIT, 3, values);

	free(text);
	return failure;
}

/* ---- waiting -------------------------------------------------------------------------------- */

enum pq_failure
queue_wait(struct queue_client *queue, double seconds)
{
	char text[NUMBER_SIZE];
	const char *const values[] = {queue->queues, interval(text, seconds)};
	PGresult *r;
	enum pq_failure failure =
		pq_exec(&queue->pq, SQL_WAIT, 2, values, seconds + queue->timeout, &r);

	PQclear(r);
	return failure;
}

enum pq_failure
queue_listen(struct queue_client *queue)
{
	return run_quietly(queue, SQL_LISTEN, 0, NULL);
}

enum pq_failure
queue_maintain(struct queue_client *queue)
{
	return run_quietly(queue, SQL_MAINTAIN, 0, NULL);
}

/* ---- sweeping ------------------------------------------------------------------------------- */

enum pq_failure
queue_leftovers(struct queue_client *queue, size_t n, const long long *job_ids,
				const long long *lease_ids, bool *keep)
{
	char *jobs = id_array(n, job_ids), *leases = id_array(n, lease_ids);
	const char *const values[] = {jobs, leases};
	enum pq_failure failure = PQ_ERROR;
	PGresult *r = NULL;

	memset(keep, true, n * sizeof *keep);
	if (jobs != NULL && leases != NULL)
		failure = run(queue, SQL_LEFTOVERS, 2, values, &r);
	for (int row = 0; failure == PQ_FINE && row < PQntuples(r); row++)
		for (size_t i = 0; i < n; i++)
			if (job_ids[i] == atoll(PQgetvalue(r, row, 0)) &&
				lease_ids[i] == atoll(PQgetvalue(r, row, 1)))
				keep[i] = false;
	PQclear(r);
	free(jobs);
	free(leases);
	return failure;
}
