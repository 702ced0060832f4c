/*
 * The jobs that a slot holds: claimed, ended before they began, given back; and whether it may take
 * any. SPDX-License-Identifier: PostgreSQL
 *
 * A held job that has not begun is renewed with the one that runs (slot_beat). Its end needs no
 * confirmed lease first: what is written for it says only that nothing was done, and is fenced.
 */
#include <stdio.h>
#include <sys/statvfs.h>

#include "core/log.h"
#include "daemon/slot.h"

/* ---- claimed -------------------------------------------------------------------------------- */

enum pq_failure
slot_claim(struct slot *slot)
{
	slot->next = 0;
	return queue_claim(&slot->queue, slot->held, slot->config->prefetch_multiplier, &slot->n_held);
}

struct job *
slot_next(struct slot *slot)
{
	while (slot->next < slot->n_held)
	{
		struct job *job = &slot->held[slot->next++];

		if (job->job_id != 0)
			return job;
	}
	slot->n_held = slot->next = 0;
	return NULL;
}

/* ---- ended before they began ---------------------------------------------------------------- */

/* Not written: no harm, the next heartbeat brings the command again. */
static void
end_unstarted(struct slot *slot, struct job *job)
{
	bool cancel = job->commands & QUEUE_CANCEL;
	json_t *info = json_pack("{s:s}", "cause", cancel ? "cancel" : "deadline");
	char state[32] = "";
	enum pq_failure failure = PQ_LEASE_LOST;

	if (!(job->commands & QUEUE_LOST))
		failure = queue_fail(&slot->queue, job,
							 cancel ? "cancelled before it began" : "deadline before it began",
							 false, info, state);
	json_decref(info);
	slot->validate |= failure == PQ_DOWN;
	if (failure != PQ_FINE && failure != PQ_LEASE_LOST)
	{
		log_event(LOG_AT_WARNING, "cannot end job %lld: %s", job->job_id, slot->queue.pq.message);
		return;
	}
	log_event(LOG_AT_INFO, "job %lld ended before it began: %s", job->job_id,
			  failure == PQ_LEASE_LOST ? "not ours any more" : state);
	job_clear(job);
}

void
slot_settle_held(struct slot *slot)
{
	for (int i = slot->next; i < slot->n_held && pq_is_up(&slot->queue.pq); i++)
		if (slot->held[i].job_id != 0 && slot->held[i].commands != 0)
			end_unstarted(slot, &slot->held[i]);
}

void
slot_give_back(struct slot *slot)
{
	struct job *job;
	int n = 0;

	while ((job = slot_next(slot)) != NULL)
	{
		enum pq_failure failure =
			pq_is_up(&slot->queue.pq) ? queue_release(&slot->queue, job) : PQ_DOWN;

		n += failure == PQ_FINE;
		if (failure != PQ_FINE && failure != PQ_LEASE_LOST)
			log_event(LOG_AT_WARNING, "job %lld is left to its lease: %s", job->job_id,
					  slot->queue.pq.message);
		job_clear(job);
	}
	if (n > 0)
		log_event(LOG_AT_INFO, "%d jobs given back before they began", n);
}

/* ---- room ----------------------------------------------------------------------------------- */

/* A folder that cannot be looked at is not full: whoever writes there will say what is wrong. */
static bool
has_free(const char *folder, double mib)
{
	struct statvfs st;

	return folder[0] == '\0' || mib <= 0 || statvfs(folder, &st) < 0 ||
		   (double) st.f_bavail * (double) st.f_frsize >= mib * 1024 * 1024;
}

bool
slot_has_room(struct slot *slot)
{
	const char *folder = slot->config->data_dir;
	bool full = loop_now() < slot->room_at || !has_free(folder, slot->config->min_free);

	if (full && !slot->full)
		log_event(LOG_AT_ERROR, "no room below %s: no job is taken until there is", folder);
	else if (!full && slot->full)
		log_event(LOG_AT_INFO, "there is room below %s again", folder);
	slot->full = full;
	return !full;
}
