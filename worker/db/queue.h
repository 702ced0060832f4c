/*
 * The queue as a slot sees it: one function per SQL function of the contract.
 * SPDX-License-Identifier: PostgreSQL
 *
 * Each call is one statement and one transaction, repeated a few times while it fails for a
 * transient reason. The text of the last failure is in queue->pq.message.
 */
#ifndef DB_QUEUE_H
#define DB_QUEUE_H

#include <stdbool.h>
#include <jansson.h>

#include "db/pq.h"

struct queue_client
{
	struct pq pq;
	const char *worker;    /* worker_id */
	double lease, timeout; /* s: of a claimed job; of a statement */
	char queues[4096];     /* as a text[] literal */
	const bool *give_up;   /* ends waits between repeats; may be NULL */
};

struct job
{
	long long job_id, lease_id;
	char queue[256];
	char *payload; /* the document as text: an exec program shall get it unchanged */
	int attempt, max_attempts;
	double timeout;    /* s; 0: none */
	unsigned commands; /* of the last heartbeat, a set of enum queue_command */
};

#define QUEUE_MAX_JOBS 100 /* in one claim and one heartbeat */

enum queue_command /* what a heartbeat may bring; a set of bits */
{
	QUEUE_CANCEL = 1,  /* the job was cancelled */
	QUEUE_LOST = 2,    /* the lease is gone */
	QUEUE_DRAIN = 4,   /* the worker shall take no more jobs */
	QUEUE_DEADLINE = 8 /* the time by which the job had to be done is over */
};

/* A text[] literal of the words; -1 with the error set where it does not fit. */
int queue_array(char *text, size_t size, char *const *words);

/* Up to max jobs; *n is 0 when there is nothing to do. job_clear() each at its end. */
enum pq_failure queue_claim(struct queue_client *queue, struct job *jobs, int max, int *n);
void job_clear(struct job *job); /* its job_id is 0 then */

/*
 * Renew the leases of n jobs, cleared ones apart; none: only the worker is alive. Sets the commands
 * of each job; *drain: of the worker.
 */
enum pq_failure queue_heartbeat(struct queue_client *queue, struct job *jobs, int n,
								const json_t *info, bool *drain);

enum pq_failure queue_complete(struct queue_client *queue, const struct job *job,
							   const json_t *result);
/* *state: the job's new state, in a buffer of 32 bytes. */
enum pq_failure queue_fail(struct queue_client *queue, const struct job *job, const char *error,
						   bool retryable, const json_t *info, char *state);
/* Give the job back without using up an attempt. */
enum pq_failure queue_release(struct queue_client *queue, const struct job *job);
enum pq_failure queue_progress(struct queue_client *queue, const struct job *job, double fraction,
							   const char *step, const char *message);
/* lines: [{"level", "message", "fields"}, ...] */
enum pq_failure queue_log(struct queue_client *queue, const struct job *job, const json_t *lines);

/* What to run for a job of the handler sky; *plan is a new reference. */
enum pq_failure queue_plan(struct queue_client *queue, const struct job *job, json_t **plan);
enum pq_failure queue_commit(struct queue_client *queue, const struct job *job,
							 const json_t *results);

/* Sleep until a job may be there, at most `seconds`, by the latch; PQ_UNSUPPORTED where there is
 * none. */
enum pq_failure queue_wait(struct queue_client *queue, double seconds);
enum pq_failure queue_listen(struct queue_client *queue);
/* One pass of what the background worker does where the library is preloaded. */
enum pq_failure queue_maintain(struct queue_client *queue);

/*
 * Which of the (job, lease) pairs are of attempts that ended without completing their job: keep[i]
 * turns false.
 */
enum pq_failure queue_leftovers(struct queue_client *queue, size_t n, const long long *job_ids,
								const long long *lease_ids, bool *keep);

#endif
