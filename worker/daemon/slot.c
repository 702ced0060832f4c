/* See slot.h: the process, its signals, the loop over jobs. SPDX-License-Identifier: PostgreSQL */
#include "daemon/slot.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"
#include "core/log.h"

#define NUDGE_S 0.25

/* ---- what the loop calls -------------------------------------------------------------------- */

/* End an idle wait, and again until it has ended: a cancel that comes before the statement has
 * begun is lost. */
static void
on_nudge(void *arg)
{
	struct slot *slot = arg;

	if (!slot->stop || !slot->idle)
		return;
	pq_cancel(&slot->queue.pq);
	loop_arm(&slot->loop, &slot->nudge, NUDGE_S);
}

static void
on_signal(void *arg, int signo)
{
	struct slot *slot = arg;

	if (signo == SIGCHLD)
	{
		if (slot->attempt != NULL)
			attempt_reap(slot->attempt);
		return;
	}
	slot->stop = true;
	if (signo == SIGQUIT)
	{
		slot->fast = true;
		if (slot->attempt != NULL)
			attempt_stop(slot->attempt, STOP_FAST);
	}
	on_nudge(slot);
}

static void
on_heartbeat(void *arg)
{
	struct slot *slot = arg;

	slot->beat_due = true;
	slot->board->alive = loop_now();
	/* what the last runner left was killed with it, but may have taken its time */
	if (slot->cgroups != NULL && slot->attempt == NULL)
		cgroup_sweep(slot->cgroups, slot->number);
	loop_arm(&slot->loop, &slot->heartbeat, slot->config->lease / 3);
}

static void
on_pause_over(void *arg)
{
	((struct slot *) arg)->pause_over = true;
}

/* ---- the process ---------------------------------------------------------------------------- */

static int
set_up_queue(struct slot *slot)
{
	char **words = config_words(slot->config->queues);
	int status;

	pq_init(&slot->queue.pq, &slot->loop);
	slot->queue.worker = slot->worker;
	slot->queue.lease = slot->config->lease;
	slot->queue.timeout = slot->config->statement_timeout;
	slot->queue.give_up = &slot->fast;
	if (words == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory");
	status = queue_array(slot->queue.queues, sizeof slot->queue.queues, words);
	snprintf(slot->last_queue, sizeof slot->last_queue, "%s", words[0]);
	free(words);
	return status;
}

static void
name_worker(struct slot *slot)
{
	gethostname(slot->host, sizeof slot->host - 1);
	if (slot->config->worker_name[0] != '\0')
		snprintf(slot->worker, sizeof slot->worker, "%s/%d", slot->config->worker_name,
				 slot->number);
	else
		snprintf(slot->worker, sizeof slot->worker, "%s:%d/%d", slot->host, (int) getppid(),
				 slot->number);
}

static int
set_up(struct slot *slot)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGQUIT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	signal(SIGPIPE, SIG_IGN);
	setpgid(0, 0); /* a Ctrl-C at the terminal is the supervisor's to pass on, once */
	srandom((unsigned) getpid() ^ (unsigned) (loop_now() * 1e6));
	log_context.slot = slot->number;
	name_worker(slot);
	slot->heartbeat = (struct loop_timer){on_heartbeat, slot, 0};
	slot->nudge = (struct loop_timer){on_nudge, slot, 0};
	slot->pause = (struct loop_timer){on_pause_over, slot, 0};
	if (loop_open(&slot->loop, &signals, on_signal, slot) < 0)
		return -1;
	on_heartbeat(slot);
	return set_up_queue(slot);
}

/* Once told with a heartbeat, else worker_status would show the status before until the next one.
 */
static void
rest(struct slot *slot, enum worker_status status, void (*wait)(struct slot *slot))
{
	slot->failures = 0;
	slot->board->status = status;
	if (slot->told != status)
		slot_beat(slot, NULL);
	else
		wait(slot);
}

static void
claim(struct slot *slot)
{
	enum pq_failure failure = slot_claim(slot);

	if (failure == PQ_FINE && slot->n_held == 0)
		rest(slot, WORKER_IDLE, slot_wait_for_jobs);
	else if (failure != PQ_FINE)
	{
		slot->board->status = WORKER_ERROR;
		log_event(LOG_AT_WARNING, "cannot claim: %s", slot->queue.pq.message);
		if (failure != PQ_DOWN)
			slot_back_off(slot, &slot->stop);
	}
}

static void
do_next(struct slot *slot)
{
	struct job *job;

	if (!slot_has_room(slot))
	{
		slot_give_back(slot);
		rest(slot, WORKER_ERROR, slot_nap);
	}
	else if ((job = slot_next(slot)) == NULL)
		claim(slot);
	else
	{
		slot_run_job(slot, job);
		job_clear(job);
	}
}

static void
say_goodbye(struct slot *slot)
{
	slot->board->status = WORKER_STOPPED;
	if (pq_is_up(&slot->queue.pq) && slot_beat(slot, NULL) != PQ_FINE)
		log_event(LOG_AT_INFO, "stopped without a last heartbeat: %s", slot->queue.pq.message);
	pq_close(&slot->queue.pq);
}

int
slot_main(const struct config *config, int number, struct board_slot *board,
		  const struct cgroups *cgroups)
{
	static struct slot slot; /* large, and there is one per process */

	slot.config = config;
	slot.number = number;
	slot.board = board;
	slot.cgroups = cgroups;
	if (set_up(&slot) < 0)
	{
		log_event(LOG_AT_ERROR, "%s", err_message());
		return EXIT_FAILURE;
	}
	while (!slot.stop)
	{
		board->alive = loop_now();
		if (!pq_is_up(&slot.queue.pq))
		{
			if (!slot_connect(&slot, &slot.stop))
				slot_back_off(&slot, &slot.stop);
		}
		else if (slot.beat_due)
		{
			if (slot_beat(&slot, NULL) == PQ_FINE)
				slot_settle_held(&slot);
		}
		else
			do_next(&slot);
	}
	slot_give_back(&slot);
	say_goodbye(&slot);
	loop_close(&slot.loop);
	return slot.drained ? SLOT_DRAINED : EXIT_SUCCESS;
}
