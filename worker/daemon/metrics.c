/* What a slot tells about itself with each heartbeat; names as in astrid.worker_status.
 * SPDX-License-Identifier: PostgreSQL */
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/slot.h"

static const char *const status_names[] = {"IDLE", "BUSY", "ERROR", "STOPPED"};

static double
cpu_of(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		   1e-6 * (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Slot and runner together; the processor in % of one core since the last call. */
static double
measure(struct slot *slot)
{
	double own_mib, own_cpu, runner_mib = 0, runner_cpu = 0, now = loop_now(), cpu;

	proc_usage(getpid(), &own_mib, &own_cpu);
	if (slot->attempt != NULL && !slot->attempt->ended)
		proc_usage(slot->attempt->pid, &runner_mib, &runner_cpu);
	/* runners that have ended are among the children */
	cpu = cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN) + runner_cpu;
	if (now - slot->usage_at > 0.1)
	{
		slot->cpu_percent =
			cpu > slot->usage_cpu ? 100 * (cpu - slot->usage_cpu) / (now - slot->usage_at) : 0;
		slot->usage_at = now;
		slot->usage_cpu = cpu;
	}
	return own_mib + runner_mib;
}

/* Of all runners that have ended: totals, and the largest of them. As in the info of an attempt. */
static json_t *
runners_usage(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return json_pack("{s:f, s:f, s:f}", "user_s",
					 (double) usage.ru_utime.tv_sec + 1e-6 * (double) usage.ru_utime.tv_usec,
					 "sys_s",
					 (double) usage.ru_stime.tv_sec + 1e-6 * (double) usage.ru_stime.tv_usec,
					 "maxrss_mib", (double) usage.ru_maxrss / 1024);
}

/* What the worker may use, by the names of the settings. */
static void
add_limits(const struct config *config, json_t *info)
{
	json_object_set_new(info, "concurrency", json_integer(config->concurrency));
	json_object_set_new(info, "prefetch_multiplier", json_integer(config->prefetch_multiplier));
	json_object_set_new(info, "max_memory", json_real(config->max_memory));
	json_object_set_new(info, "max_cpu", json_integer(config->max_cpu));
}

json_t *
slot_metrics(struct slot *slot)
{
	double memory = measure(slot);
	long attempts = slot->board->processed + slot->board->failed;
	const char *type =
		slot->config->worker_type[0] != '\0' ? slot->config->worker_type : slot->last_queue;
	json_t *info = json_pack(
		"{s:s, s:s, s:s, s:i, s:s, s:f, s:f, s:i, s:i, s:f, s:f, s:I, s:o}", "worker_type", type,
		"status", status_names[slot->board->status], "host", slot->host, "pid", (int) getpid(),
		"version", ASTRID_VERSION, "memory_usage", memory, "cpu_usage", slot->cpu_percent,
		"tasks_processed", (int) slot->board->processed, "tasks_failed", (int) slot->board->failed,
		"processing_time", slot->busy_s, "average_processing_time",
		attempts > 0 ? slot->busy_s / (double) attempts : 0.0, "job_id",
		(json_int_t) slot->board->job_id, "rusage", runners_usage());

	add_limits(slot->config, info);
	return info;
}
