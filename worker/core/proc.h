/*
 * Start, limit and end child processes. SPDX-License-Identifier: PostgreSQL
 *
 * A spawned program leads a process group of its own, has three descriptors, no environment, no way
 * to new privileges, its limits, and dies with its parent.
 */
#ifndef CORE_PROC_H
#define CORE_PROC_H

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>

struct proc_limits /* 0: no limit */
{
	double memory_mib, file_mib;
	double cpu_s;    /* processor time of each process */
	int cpu_percent; /* of one core, rounded up to whole processors that it may run on */
	int open_files;
};

struct proc_spec
{
	char *const *argv; /* argv[0] is an absolute path */
	int in, out, err;  /* become descriptors 0, 1, 2 */
	struct proc_limits limits;
	int first_cpu;      /* where to begin when it may run on some processors only */
	const char *cgroup; /* folder of the one that it enters; NULL: none */
	bool isolate;       /* a user and network namespace of its own, where the system permits */
};

/* The process id, or -1 with the error set. A program that cannot be started exits with
 * PROC_NOT_STARTED. */
#define PROC_NOT_STARTED 127
pid_t proc_spawn(const struct proc_spec *spec);

/* n of the allowed processors, from the first-th group of n on, in a ring; all where there are no
 * more. */
void proc_pick_cpus(const cpu_set_t *allowed, int n, int first, cpu_set_t *picked);

/* Ask for SIGKILL when the parent ends; ends at once where it has ended already. */
void proc_die_with(pid_t parent);

/* All of the group that `leader` leads. A group that is gone is no error. */
void proc_kill_group(pid_t leader, int signo);

/* Resident memory (MiB) and processor time (s) of a live process; zeroes where it is gone. */
void proc_usage(pid_t pid, double *memory_mib, double *cpu_s);

/* What an argument to a child needs: a descriptor whose whole content is `size` bytes of data, read
 * from the start. */
int proc_memory_file(const void *data, size_t size);

#endif
