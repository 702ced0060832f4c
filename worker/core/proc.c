/* See proc.h. SPDX-License-Identifier: PostgreSQL */
#include "core/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/cgroup.h"
#include "core/err.h"

/* Text segments and file mappings count against RLIMIT_AS, but are not what a job's memory limit is
 * about. */
#define MAPPINGS_MIB 1024

void
proc_die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(PROC_NOT_STARTED);
}

static void
limit(int resource, double value)
{
	/* past the soft limit of processor time comes SIGXCPU, which says why; at the hard one SIGKILL
	 */
	rlim_t hard = (rlim_t) value + (resource == RLIMIT_CPU ? 5 : 0);
	struct rlimit rl = {(rlim_t) value, hard};

	if (value > 0)
		setrlimit(resource, &rl);
}

static void
set_limits(const struct proc_limits *limits)
{
	const double mib = 1024 * 1024;
	struct rlimit none = {0, 0};

#ifndef __SANITIZE_ADDRESS__ /* the sanitizer's shadow memory is larger than any limit */
	limit(RLIMIT_DATA, limits->memory_mib * mib);
	limit(RLIMIT_AS, limits->memory_mib > 0 ? (limits->memory_mib + MAPPINGS_MIB) * mib : 0);
#endif
	limit(RLIMIT_CPU, limits->cpu_s);
	limit(RLIMIT_FSIZE, limits->file_mib * mib);
	limit(RLIMIT_NOFILE, limits->open_files);
	setrlimit(RLIMIT_CORE, &none);
}

void
proc_pick_cpus(const cpu_set_t *allowed, int n, int first, cpu_set_t *picked)
{
	int count = CPU_COUNT(allowed), index = 0, begin;

	*picked = *allowed;
	if (n >= count)
		return;
	CPU_ZERO(picked);
	begin = (int) ((long) first * n % count);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, allowed))
		{
			if ((index - begin + count) % count < n)
				CPU_SET(cpu, picked);
			index++;
		}
}

/* Where the set cannot be read or changed the program runs on all of them. */
static void
limit_cpus(const struct proc_spec *spec)
{
	cpu_set_t allowed, picked;
	int n = (spec->limits.cpu_percent + 99) / 100;

	if (n == 0 || sched_getaffinity(0, sizeof allowed, &allowed) < 0)
		return;
	proc_pick_cpus(&allowed, n, spec->first_cpu, &picked);
	sched_setaffinity(0, sizeof picked, &picked);
}

/* Before the namespace: in a user namespace of its own it could not. */
static void
enter_cgroup(const char *cgroup)
{
	if (cgroup_enter(cgroup) == 0)
		return;
	dprintf(STDERR_FILENO, "%s\n", err_message());
	_exit(PROC_NOT_STARTED);
}

static void
write_map(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return;
	n = write(fd, text, strlen(text));
	(void) n; /* without the map the process is "nobody" to itself, which harms nothing */
	close(fd);
}

/* No interface but an unconfigured loopback. Where namespaces are forbidden the system call filter
 * still stands. */
static void
enter_namespaces(void)
{
	unsigned uid = getuid(), gid = getgid();
	char map[64];

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return;
	write_map("/proc/self/setgroups", "deny");
	snprintf(map, sizeof map, "%u %u 1", uid, uid);
	write_map("/proc/self/uid_map", map);
	snprintf(map, sizeof map, "%u %u 1", gid, gid);
	write_map("/proc/self/gid_map", map);
}

static void
reset_signals(void)
{
	sigset_t none;

	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);
	signal(SIGXFSZ,
		   SIG_IGN); /* a write past the limit fails with EFBIG, which the program can report */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Move the three descriptors out of the way first: one of them may be 0, 1 or 2 itself. */
static void
set_descriptors(const struct proc_spec *spec)
{
	int high[] = {fcntl(spec->in, F_DUPFD, 3), fcntl(spec->out, F_DUPFD, 3),
				  fcntl(spec->err, F_DUPFD, 3)};

	for (int i = 0; i < 3; i++)
		if (high[i] < 0 || dup2(high[i], i) < 0)
			_exit(PROC_NOT_STARTED);
	close_range(3, ~0U, 0);
}

static void
become(const struct proc_spec *spec, pid_t parent)
{
	char *const empty[] = {NULL};

	setpgid(0, 0);
	reset_signals();
	if (spec->cgroup != NULL)
		enter_cgroup(spec->cgroup);
	if (spec->isolate)
		enter_namespaces();
	/* after the namespaces: a change of credentials forgets the signal */
	proc_die_with(parent);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	set_limits(&spec->limits);
	limit_cpus(spec);
	set_descriptors(spec);
	execve(spec->argv[0], spec->argv, empty);
	dprintf(STDERR_FILENO, "cannot start %s: %s\n", spec->argv[0], strerror(errno));
	_exit(PROC_NOT_STARTED);
}

pid_t
proc_spawn(const struct proc_spec *spec)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		become(spec, parent);
	if (pid < 0)
		return err_raise(ASTRID_E_INTERNAL, "cannot start a process: %s", strerror(errno));
	setpgid(pid, pid); /* in both, so that the group exists for whoever comes first */
	return pid;
}

void
proc_kill_group(pid_t leader, int signo)
{
	if (leader > 1)
		kill(-leader, signo);
}

void
proc_usage(pid_t pid, double *memory_mib, double *cpu_s)
{
	char path[64], text[1024];
	const char *rest;
	unsigned long user, system;
	long pages;
	FILE *in;

	*memory_mib = *cpu_s = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", (int) pid);
	in = fopen(path, "re");
	if (in == NULL)
		return;
	/* fields 14, 15, 24 of proc(5), counted behind the name, which may hold blanks and parentheses
	 */
	if (fgets(text, sizeof text, in) != NULL && (rest = strrchr(text, ')')) != NULL &&
		sscanf(rest + 1,
			   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u "
			   "%*u %ld",
			   &user, &system, &pages) == 3)
	{
		*cpu_s = (double) (user + system) / (double) sysconf(_SC_CLK_TCK);
		*memory_mib = (double) pages * (double) sysconf(_SC_PAGESIZE) / (1024 * 1024);
	}
	fclose(in);
}

int
proc_memory_file(const void *data, size_t size)
{
	int fd = memfd_create("astrid", MFD_CLOEXEC);
	const char *p = data;

	while (fd >= 0 && size > 0)
	{
		ssize_t n = write(fd, p, size);

		if (n <= 0)
		{
			close(fd);
			fd = -1;
			break;
		}
		p += n;
		size -= (size_t) n;
	}
	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_raise(ASTRID_E_NO_MEMORY, "cannot pass data to a process: %s", strerror(errno));
	return fd;
}
