/*
 * One claimed job from plan to commit. SPDX-License-Identifier: PostgreSQL
 *
 * Whatever happens to the connection, nothing is written for the job before a heartbeat has
 * confirmed the lease (slot->validate): a write whose answer was lost is repeated only while the
 * lease is still ours, and fenced by it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/log.h"
#include "daemon/handler.h"
#include "daemon/slot.h"

#define REPORT_S    1.0 /* progress and log lines go to the database at most this often */
#define SHOW_BUSY_S 0.5

enum ending
{
	END_COMPLETE,
	END_FAIL,
	END_RELEASE, /* back to the queue, no attempt used */
	END_SNOOZED, /* the plan put it off itself */
	END_NOTHING  /* the lease is lost: somebody else has it */
};

struct outcome
{
	enum ending ending;
	json_t *result;
	struct verdict verdict; /* of END_FAIL */
};

static void
fail_with(struct outcome *outcome, bool retryable, const char *doing, const char *message)
{
	outcome->ending = END_FAIL;
	outcome->verdict.cause = "error";
	outcome->verdict.retryable = retryable;
	snprintf(outcome->verdict.error, sizeof outcome->verdict.error, "%s%s%s", doing,
			 doing[0] != '\0' ? ": " : "", message);
	json_decref(outcome->verdict.info);
	outcome->verdict.info = json_pack("{s:s}", "cause", "error");
}

/*
 * A connection with a confirmed lease. False: the lease is lost, or is left to run out because the
 * slot must end.
 */
static bool
hold_lease(struct slot *slot, const struct job *job, struct outcome *outcome)
{
	while (!pq_is_up(&slot->queue.pq) || slot->validate || slot->beat_due)
	{
		enum pq_failure failure = PQ_DOWN;

		if (pq_is_up(&slot->queue.pq))
			failure = slot_beat(slot, job);
		else if (slot_connect(slot, &slot->fast))
			continue;
		/* cancelled: the write itself decides, it may have come first */
		if (failure == PQ_FINE || failure == PQ_CANCELLED)
			continue;
		if (failure == PQ_LEASE_LOST || slot->fast)
		{
			outcome->ending = END_NOTHING;
			return false;
		}
		slot_back_off(slot, &slot->fast);
	}
	return true;
}

/* ---- plan ----------------------------------------------------------------------------------- */

static bool
plan_job(struct slot *slot, const struct job *job, json_t **plan, struct outcome *outcome)
{
	enum pq_failure failure;

	do
	{
		if (!hold_lease(slot, job, outcome))
			return false;
		failure = queue_plan(&slot->queue, job, plan);
		slot->validate |= failure == PQ_DOWN;
	} while (failure == PQ_DOWN);
	if (failure == PQ_LEASE_LOST)
		outcome->ending = END_NOTHING;
	else if (failure != PQ_FINE)
		fail_with(outcome, failure != PQ_REFUSED, "plan", slot->queue.pq.message);
	return failure == PQ_FINE;
}

/* ---- while the runner computes -------------------------------------------------------------- */

/* Progress and log lines are for people: one that cannot be written is not worth the job. */
static void
report(struct slot *slot, const struct job *job, struct attempt *a)
{
	enum pq_failure failure = PQ_FINE;

	if (a->log_dropped > 0)
	{
		json_array_append_new(
			a->log, json_pack("{s:s, s:s}", "level", "warning", "message",
							  "more lines were printed than the log takes; some are left out"));
		a->log_dropped = 0;
	}
	if (json_array_size(a->log) > 0)
	{
		json_t *lines = a->log;

		a->log = json_array(); /* more may come in while these are sent */
		failure = queue_log(&slot->queue, job, lines);
		json_decref(lines);
	}
	if (failure == PQ_FINE && a->progressed)
	{
		a->progressed = false;
		failure = queue_progress(&slot->queue, job, a->fraction, a->step, a->message);
	}
	if (failure == PQ_LEASE_LOST)
		attempt_stop(a, STOP_LOST);
	else if (failure != PQ_FINE)
		log_event(LOG_AT_DEBUG, "cannot report progress: %s", slot->queue.pq.message);
}

static void
beat_for(struct slot *slot, const struct job *job, struct attempt *a)
{
	enum pq_failure failure = slot_beat(slot, job);

	if (failure == PQ_LEASE_LOST)
		attempt_stop(a, STOP_LOST);
	else if (failure == PQ_CANCELLED)
		attempt_stop(a, job->commands & QUEUE_CANCEL ? STOP_CANCEL : STOP_DEADLINE);
	else if (failure == PQ_FINE)
		slot_maintain(slot);
	slot_settle_held(slot);
}

/* The runner computes on without a server; the lease is looked at again once there is one. */
static void
follow(struct slot *slot, const struct job *job, struct attempt *a)
{
	double reported = 0, now;

	while (!a->ended)
	{
		now = loop_now();
		slot->board->alive = now;
		if (!pq_is_up(&slot->queue.pq))
		{
			if (!slot_connect(slot, &a->ended))
				slot_back_off(slot, &a->ended);
		}
		else if (slot->beat_due || slot->validate)
			beat_for(slot, job, a);
		else if ((a->progressed || json_array_size(a->log) > 0) && now - reported >= REPORT_S)
		{
			report(slot, job, a);
			reported = now;
		}
		else if (a->progressed || json_array_size(a->log) > 0)
		{
			loop_arm(&slot->loop, &slot->pause, reported + REPORT_S - now);
			loop_run(&slot->loop);
		}
		else
			loop_run(&slot->loop);
	}
	loop_disarm(&slot->loop, &slot->pause);
	if (pq_is_up(&slot->queue.pq) && !slot->validate && a->stop != STOP_LOST)
		report(slot, job, a);
}

static void
log_stages(const json_t *results)
{
	const json_t *step;
	size_t i;

	json_array_foreach (results, i, step)
	{
		log_context.stage = json_string_value(json_object_get(step, "stage"));
		if (log_context.stage != NULL)
			log_timed(LOG_AT_INFO, 1e-3 * (double) json_integer_value(json_object_get(step, "ms")),
					  "stage done");
	}
	log_context.stage = NULL;
}

static void
judge(struct slot *slot, struct attempt *a, struct outcome *outcome)
{
	attempt_verdict(a, &outcome->verdict);
	if (a->stop == STOP_LOST)
		outcome->ending = END_NOTHING;
	else if (a->stop == STOP_FAST)
		outcome->ending = END_RELEASE;
	else if (!outcome->verdict.ok)
		outcome->ending = END_FAIL;
	else
		outcome->result = json_incref(a->result);
	if (a->spec.needs_result)
		log_stages(outcome->result);
	if (a->error != NULL &&
		err_code_named(json_string_value(json_object_get(a->error, "code"))) == ASTRID_E_DISK_FULL)
		slot->room_at = loop_now() + slot->config->poll_interval;
}

/*
 * A job that takes a moment shall be seen in worker_status, a short one need not. A row of short
 * ones must not put off the heartbeat for those that wait behind them.
 */
static void
show_busy(struct slot *slot)
{
	double due = slot->beaten_at + slot->config->lease / 3 - loop_now();

	loop_arm(&slot->loop, &slot->heartbeat, fmax(0, fmin(SHOW_BUSY_S, due)));
}

static void
run(struct slot *slot, const struct job *job, const struct handler *handler, const json_t *request,
	struct outcome *outcome)
{
	struct attempt attempt;
	struct attempt_spec spec = {.request = request, .cgroups = slot->cgroups, .slot = slot->number};

	handler_limits(slot->config, handler, job, &spec);
	if (attempt_start(&attempt, &slot->loop, &spec) < 0)
		fail_with(outcome, true, "starting a runner", err_message());
	else
	{
		slot->attempt = &attempt;
		slot->board->runner = attempt.pid;
		if (slot->fast)
			attempt_stop(&attempt, STOP_FAST);
		show_busy(slot);
		follow(slot, job, &attempt);
		slot->board->runner = 0;
		slot->attempt = NULL;
		judge(slot, &attempt, outcome);
	}
	attempt_clear(&attempt);
}

/* ---- the end -------------------------------------------------------------------------------- */

static enum pq_failure
write_outcome(struct slot *slot, const struct job *job, const struct handler *handler,
			  struct outcome *outcome, char *state)
{
	const struct verdict *v = &outcome->verdict;

	if (outcome->ending == END_RELEASE)
		return queue_release(&slot->queue, job);
	if (outcome->ending == END_FAIL)
		return queue_fail(&slot->queue, job, v->error, v->retryable, v->info, state);
	if (handler->type == HANDLER_SKY)
		return queue_commit(&slot->queue, job, outcome->result);
	/* one step: its result is the job's, without the array around it */
	return queue_complete(&slot->queue, job,
						  handler->type == HANDLER_STAGE ? json_array_get(outcome->result, 0)
														 : outcome->result);
}

/* The runner's own words may be what the server refuses (jsonb knows no U+0000): the cause alone is
 * never. */
static void
shorten_info(struct slot *slot, struct outcome *outcome)
{
	log_event(LOG_AT_WARNING, "what the runner said is left out: %s", slot->queue.pq.message);
	json_decref(outcome->verdict.info);
	outcome->verdict.info = json_pack("{s:s}", "cause", outcome->verdict.cause);
}

/* Write it until it is written, refused for good, or not ours any more. */
static void
deliver(struct slot *slot, const struct job *job, const struct handler *handler,
		struct outcome *outcome, char *state)
{
	while (outcome->ending < END_SNOOZED && hold_lease(slot, job, outcome))
	{
		enum pq_failure failure = write_outcome(slot, job, handler, outcome, state);

		if (failure == PQ_FINE)
			return;
		if (failure == PQ_LEASE_LOST)
			outcome->ending = END_NOTHING;
		else if (failure == PQ_DOWN)
			slot->validate = true;
		else if (outcome->ending == END_COMPLETE)
			fail_with(outcome, failure != PQ_REFUSED, "commit", slot->queue.pq.message);
		else if (outcome->ending == END_FAIL && json_object_size(outcome->verdict.info) > 1)
			shorten_info(slot, outcome);
		else
		{
			log_event(LOG_AT_ERROR, "cannot write the end of the job: %s", slot->queue.pq.message);
			return; /* the lease runs out, and the server takes the job back */
		}
	}
}

static void
tell_outcome(struct slot *slot, const struct outcome *outcome, const char *state, double seconds)
{
	switch (outcome->ending)
	{
		case END_COMPLETE:
			slot->board->processed++;
			log_timed(LOG_AT_INFO, seconds, "job completed");
			break;
		case END_FAIL:
			slot->board->failed++;
			log_timed(LOG_AT_WARNING, seconds, "job failed (%s, now %s): %s",
					  outcome->verdict.cause, state, outcome->verdict.error);
			break;
		case END_RELEASE:
			log_timed(LOG_AT_INFO, seconds, "job given back");
			break;
		case END_SNOOZED:
			log_timed(LOG_AT_INFO, seconds, "job put off by its plan");
			break;
		case END_NOTHING:
			log_timed(LOG_AT_WARNING, seconds,
					  "the job is not ours any more, or is left to its lease");
			break;
	}
}

static void
carry_out(struct slot *slot, const struct job *job, const struct handler *handler,
		  struct outcome *outcome)
{
	json_t *plan = NULL, *request;

	if (handler->type == HANDLER_SKY && !plan_job(slot, job, &plan, outcome))
		return;
	if (json_object_get(plan, "snoozed") != NULL)
		outcome->ending = END_SNOOZED;
	else if (handler->type == HANDLER_SKY && json_array_size(json_object_get(plan, "steps")) == 0)
		outcome->result = json_array();
	else if ((request = handler_request(slot->config, handler, job, plan)) == NULL)
		fail_with(outcome, false, "", err_message());
	else
	{
		run(slot, job, handler, request, outcome);
		json_decref(request);
	}
	json_decref(plan);
}

void
slot_run_job(struct slot *slot, struct job *job)
{
	struct outcome outcome = {.ending = END_COMPLETE};
	const struct handler *handler = handler_of(slot->config, job->queue);
	char state[32] = "";
	double begin = loop_now();

	slot->board->status = WORKER_BUSY;
	slot->board->job_id = job->job_id;
	slot->failures = 0;
	snprintf(slot->last_queue, sizeof slot->last_queue, "%s", job->queue);
	log_context.queue = job->queue;
	log_context.job_id = job->job_id;
	log_context.attempt = job->attempt;
	log_event(LOG_AT_DEBUG, "job claimed");
	if (handler == NULL)
		fail_with(&outcome, true, "", err_message());
	else
		carry_out(slot, job, handler, &outcome);
	deliver(slot, job, handler, &outcome, state);
	slot->busy_s += loop_now() - begin;
	tell_outcome(slot, &outcome, state, loop_now() - begin);
	json_decref(outcome.result);
	json_decref(outcome.verdict.info);
	memset(&log_context.queue, 0, sizeof log_context - offsetof(struct log_context, queue));
	slot->board->job_id = 0;
	slot->board->status = WORKER_IDLE;
}
