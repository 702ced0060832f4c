/* The slot and its server: connecting, heartbeats, the ladder of waits (see slot.h).
 * SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "core/log.h"
#include "daemon/slot.h"

#define BACK_OFF_FIRST   0.1 /* s */
#define BACK_OFF_LONGEST 5.0 /* jittered to 7.5: after an outage work goes on within 10 s */

static double
jitter(double seconds)
{
	return seconds * (0.5 + (double) random() / (double) RAND_MAX);
}

/* Serve the loop for a while, or until *early (may be NULL) turns true. */
static void
pause_for(struct slot *slot, double seconds, const bool *early)
{
	slot->pause_over = false;
	loop_arm(&slot->loop, &slot->pause, seconds);
	while (!slot->pause_over && !(early != NULL && *early))
		if (loop_run(&slot->loop) < 0)
			break;
	loop_disarm(&slot->loop, &slot->pause);
}

void
slot_back_off(struct slot *slot, const bool *give_up)
{
	double seconds = BACK_OFF_FIRST;

	for (int i = 0; i < slot->failures && seconds < BACK_OFF_LONGEST; i++)
		seconds *= 2;
	if (seconds > BACK_OFF_LONGEST)
		seconds = BACK_OFF_LONGEST;
	slot->failures++;
	pause_for(slot, jitter(seconds), give_up);
}

bool
slot_connect(struct slot *slot, const bool *give_up)
{
	struct pq *pq = &slot->queue.pq;

	if (pq_connect(pq, slot->config->conninfo, slot->config->connect_timeout, give_up) != PQ_FINE)
	{
		slot->board->status = slot->attempt != NULL ? WORKER_BUSY : WORKER_ERROR;
		log_event(LOG_AT_WARNING, "cannot connect: %s", pq->message);
		return false;
	}
	log_event(LOG_AT_INFO, "connected");
	slot->beat_due = slot->validate = true;
	slot->board->status = slot->attempt != NULL ? WORKER_BUSY : WORKER_IDLE;
	slot->wake = slot->config->wake == WAKE_AUTO ? WAKE_LATCH : (enum wake_mode) slot->config->wake;
	return slot->wake != WAKE_LISTEN || queue_listen(&slot->queue) == PQ_FINE;
}

enum pq_failure
slot_beat(struct slot *slot, const struct job *job)
{
	json_t *info = slot_metrics(slot);
	bool drain;
	enum pq_failure failure = queue_heartbeat(&slot->queue, slot->held, slot->n_held, info, &drain);

	json_decref(info);
	slot->board->alive = loop_now();
	if (failure != PQ_FINE)
	{
		log_event(LOG_AT_WARNING, "heartbeat failed: %s", slot->queue.pq.message);
		/* with the connection up the next one is tried at the next interval */
		slot->beat_due = failure == PQ_DOWN;
		return failure;
	}
	slot->beat_due = slot->validate = false;
	slot->told = slot->board->status;
	slot->beaten_at = loop_now();
	if (drain)
	{
		slot->stop = slot->drained = true;
		log_event(LOG_AT_INFO, "told by the database to take no more jobs");
	}
	if (job != NULL && job->commands & QUEUE_LOST)
		return PQ_LEASE_LOST;
	return job != NULL && job->commands != 0 ? PQ_CANCELLED : PQ_FINE;
}

/* Where the library is not preloaded nothing in the server reaps and promotes: the slots do it. */
void
slot_maintain(struct slot *slot)
{
	double now = loop_now();

	if (slot->wake == WAKE_LATCH || now - slot->maintained_at < slot->config->poll_interval)
		return;
	slot->maintained_at = now;
	if (queue_maintain(&slot->queue) != PQ_FINE)
		log_event(LOG_AT_WARNING, "maintenance failed: %s", slot->queue.pq.message);
}

/* Latch: the server holds the statement until a job may be there. */
static void
wait_by_latch(struct slot *slot)
{
	enum pq_failure failure;

	slot->idle = true;
	failure = slot->stop ? PQ_CANCELLED : queue_wait(&slot->queue, slot->config->lease / 3);
	slot->idle = false;
	if (failure == PQ_FINE || failure == PQ_CANCELLED || failure == PQ_DOWN)
		return;
	if (failure == PQ_UNSUPPORTED && slot->config->wake == WAKE_AUTO)
	{
		log_event(LOG_AT_INFO, "no latch here (%s): listening instead", slot->queue.pq.message);
		slot->wake = queue_listen(&slot->queue) == PQ_FINE ? WAKE_LISTEN : WAKE_POLL;
		return; /* without a wait: what was enqueued before LISTEN is found by the next claim */
	}
	log_event(LOG_AT_WARNING, "cannot wait: %s", slot->queue.pq.message);
	slot_back_off(slot, &slot->stop);
}

/* Listen or poll: a nap, cut short by a notification, a heartbeat, a signal or the end of the
 * connection. */
void
slot_nap(struct slot *slot)
{
	struct pq *pq = &slot->queue.pq;

	slot_maintain(slot);
	slot->pause_over = false;
	loop_arm(&slot->loop, &slot->pause, jitter(slot->config->poll_interval) / 1.5);
	while (!slot->pause_over && !slot->stop && !slot->beat_due && !pq->notified && pq_is_up(pq))
		if (loop_run(&slot->loop) < 0)
			break;
	loop_disarm(&slot->loop, &slot->pause);
	pq->notified = false;
}

void
slot_wait_for_jobs(struct slot *slot)
{
	if (slot->wake == WAKE_LATCH)
		wait_by_latch(slot);
	else
		slot_nap(slot);
}
