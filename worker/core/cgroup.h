/*
 * A cgroup (version 2) for each runner, below the worker's own one, where the worker may make some:
 * with systemd's Delegate=, as root, in a container that hands one over. SPDX-License-Identifier:
 * PostgreSQL
 *
 * The limits of a cgroup hold for a runner and all that it starts, together; and all of it can be
 * ended, whatever process groups it made.
 */
#ifndef CORE_CGROUP_H
#define CORE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CGROUP_PATH 1024

struct cgroups
{
	char path[CGROUP_PATH]; /* folder in which runners get theirs; empty: none */
	char leaf[CGROUP_PATH]; /* where this process went, so that path may have children; or empty */
	pid_t owner;            /* names of what is made carry it: several workers may share path */
	bool cpu;               /* else memory alone */
};

/* May this process make some? -1 with the error set, and nothing changed. */
int cgroup_open(struct cgroups *cgroups);
/* Go back to where this process was, and remove what is empty. */
void cgroup_close(struct cgroups *cgroups);

/* One for a runner of the slot; 0: no limit. -1 with the error set, and *path empty. */
int cgroup_make(const struct cgroups *cgroups, int slot, double memory_mib, int cpu_percent,
				char path[CGROUP_PATH]);
/* The calling process enters it; -1 with the error set. */
int cgroup_enter(const char *path);
/* Processes that the kernel killed in it for its memory limit. */
long cgroup_oom_kills(const char *path);
/* End all that is in it, and remove it. What is not gone at once is left to cgroup_sweep(). */
void cgroup_remove(const char *path);
/* Remove all of a slot that has no runner now. */
void cgroup_sweep(const struct cgroups *cgroups, int slot);

/*
 * The folder of the process's own cgroup, from the texts of /proc/self/cgroup and
 * /proc/self/mountinfo; false where version 2 is not mounted, or not where it can be seen.
 */
bool cgroup_locate(const char *cgroup, const char *mountinfo, char path[CGROUP_PATH]);
/* Is the word among those of the text, as in cgroup.controllers? */
bool cgroup_has_word(const char *text, const char *word);
/* The value of a key, as in memory.events; 0 where it is not there. */
long cgroup_value(const char *text, const char *key);

#endif
