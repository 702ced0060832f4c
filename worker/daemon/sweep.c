/*
 * See sweep.h. A file carries the job and the lease that wrote it; only what a completed attempt
 * wrote is referenced. So a file goes when the database knows its job, and knows that this lease
 * neither runs nor completed it. What it does not know (history is a ring) stays: a file too many
 * is no loss. SPDX-License-Identifier: PostgreSQL
 */
#include "daemon/sweep.h"

#include <errno.h>
#include <fts.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"
#include "core/log.h"
#include "db/queue.h"

#define BATCH 500

struct batch
{
	size_t n, removed;
	char *paths[BATCH];
	long long job_ids[BATCH], lease_ids[BATCH];
};

static bool stopped;

static void
on_signal(void *arg, int signo)
{
	(void) arg;
	stopped |= signo != SIGCHLD;
}

bool
sweep_ids(const char *name, long long *job_id, long long *lease_id)
{
	bool found = false;

	for (const char *p = name; (p = strstr(p, "-j")) != NULL; p++)
	{
		long long job, lease;
		int len = 0;

		/* the last one: what stands before it is the plan's own name */
		if (sscanf(p, "-j%lld-l%lld%n", &job, &lease, &len) == 2 && job > 0 && lease > 0 &&
			(p[len] == '.' || p[len] == '\0'))
		{
			*job_id = job;
			*lease_id = lease;
			found = true;
		}
	}
	return found;
}

static enum pq_failure
finish_batch(struct queue_client *queue, struct batch *batch)
{
	bool keep[BATCH];
	enum pq_failure failure = PQ_FINE;

	if (batch->n > 0)
		failure = queue_leftovers(queue, batch->n, batch->job_ids, batch->lease_ids, keep);
	for (size_t i = 0; i < batch->n; i++)
	{
		if (failure == PQ_FINE && !keep[i])
		{
			if (unlink(batch->paths[i]) == 0)
				batch->removed++;
			else if (errno != ENOENT)
				log_event(LOG_AT_WARNING, "cannot remove %s: %s", batch->paths[i], strerror(errno));
		}
		free(batch->paths[i]);
	}
	batch->n = 0;
	return failure;
}

static enum pq_failure
sweep_folder(struct queue_client *queue, const struct config *config, struct batch *batch)
{
	char *const folders[] = {config->data_dir, NULL};
	FTS *tree = fts_open(folders, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	time_t limit = time(NULL) - (time_t) config->sweep_age;
	enum pq_failure failure = PQ_FINE;
	FTSENT *entry;

	while (tree != NULL && !stopped && failure == PQ_FINE && (entry = fts_read(tree)) != NULL)
	{
		if (entry->fts_info != FTS_F || entry->fts_statp->st_mtime > limit ||
			!sweep_ids(entry->fts_name, &batch->job_ids[batch->n], &batch->lease_ids[batch->n]))
			continue;
		batch->paths[batch->n] = strdup(entry->fts_path);
		if (batch->paths[batch->n] != NULL)
			batch->n++;
		if (batch->n == BATCH)
			failure = finish_batch(queue, batch);
	}
	if (tree != NULL)
		fts_close(tree);
	return failure == PQ_FINE ? finish_batch(queue, batch) : failure;
}

int
sweep_main(const struct config *config)
{
	static struct batch batch;
	struct loop loop;
	struct queue_client queue = {.timeout = config->statement_timeout, .give_up = &stopped};
	enum pq_failure failure;
	double begin = loop_now();
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	if (loop_open(&loop, &signals, on_signal, NULL) < 0)
		return EXIT_FAILURE;
	pq_init(&queue.pq, &loop);
	failure = pq_connect(&queue.pq, config->conninfo, config->connect_timeout, &stopped);
	if (failure == PQ_FINE)
		failure = sweep_folder(&queue, config, &batch);
	if (failure != PQ_FINE)
		log_event(LOG_AT_INFO, "no sweep this time: %s", queue.pq.message);
	else if (batch.removed > 0)
		log_timed(LOG_AT_INFO, loop_now() - begin, "swept %zu files of lost attempts",
				  batch.removed);
	pq_close(&queue.pq);
	loop_close(&loop);
	return failure == PQ_FINE ? EXIT_SUCCESS : EXIT_FAILURE;
}
