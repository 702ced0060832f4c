/* See cgroup.h; the files are described in the kernel's cgroup-v2.rst. SPDX-License-Identifier:
 * PostgreSQL */
#include "core/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"

#define CPU_PERIOD_US 100000L
#define NAME_FORMAT   "%s/astrid-runner-%d-%d-%u"
#define LEAF_FORMAT   "%s/astrid-worker-%d"

/* ---- texts ---------------------------------------------------------------------------------- */

/* "0::/path" is the line of version 2. */
static bool
own_line(const char *text, char path[CGROUP_PATH])
{
	for (const char *line = text; line != NULL; line = strchr(line, '\n'))
	{
		line += line[0] == '\n';
		if (strncmp(line, "0::/", 4) == 0)
		{
			snprintf(path, CGROUP_PATH, "%.*s", (int) strcspn(line + 3, "\n"), line + 3);
			return true;
		}
	}
	return false;
}

bool
cgroup_locate(const char *cgroup, const char *mountinfo, char path[CGROUP_PATH])
{
	char own[CGROUP_PATH], root[CGROUP_PATH], mounted[CGROUP_PATH], line[4096];
	size_t len;

	if (!own_line(cgroup, own))
		return false;
	for (const char *next = mountinfo; *next != '\0'; next += strspn(next, "\n"))
	{
		snprintf(line, sizeof line, "%.*s", (int) strcspn(next, "\n"), next);
		next += strcspn(next, "\n");
		/* fields 4 and 5 of proc(5): what of the file system is mounted, and where */
		if (strstr(line, " - cgroup2 ") == NULL ||
			sscanf(line, "%*s %*s %*s %1023s %1023s", root, mounted) != 2)
			continue;
		len = strcmp(root, "/") == 0 ? 0 : strlen(root);
		if (strncmp(own, root, len) != 0 || (own[len] != '/' && own[len] != '\0'))
			continue;
		return snprintf(path, CGROUP_PATH, "%s%s", mounted,
						strcmp(own + len, "/") == 0 ? "" : own + len) < CGROUP_PATH;
	}
	return false;
}

bool
cgroup_has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = text; (p = strstr(p, word)) != NULL; p += len)
		if ((p == text || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\n' || p[len] == '\0'))
			return true;
	return false;
}

long
cgroup_value(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line != NULL; line = strchr(line, '\n'))
	{
		line += line[0] == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return atol(line + len);
	}
	return 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

static int
read_text(const char *folder, const char *name, char *text, size_t size)
{
	char path[CGROUP_PATH + 32];
	size_t n;
	FILE *in;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	in = fopen(path, "re");
	if (in == NULL)
		return err_raise(ASTRID_E_INTERNAL, "%s: %s", path, strerror(errno));
	n = fread(text, 1, size - 1, in);
	text[n] = '\0';
	fclose(in);
	return 0;
}

static int
write_text(const char *folder, const char *name, const char *text)
{
	char path[CGROUP_PATH + 32];
	int fd;
	ssize_t n = -1;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		n = write(fd, text, strlen(text));
	if (n < 0)
		err_raise(ASTRID_E_INTERNAL, "cannot write to %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

/* Remove the children whose names begin so; one that has processes stays. */
static void
remove_children(const char *folder, const char *prefix)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
		{
			char path[CGROUP_PATH + 256];

			snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
			cgroup_remove(path);
		}
	if (dir != NULL)
		closedir(dir);
}

/* ---- the worker's own ----------------------------------------------------------------------- */

static int
own_folder(char path[CGROUP_PATH])
{
	static char cgroup[8192], mountinfo[65536];

	if (read_text("/proc/self", "cgroup", cgroup, sizeof cgroup) < 0 ||
		read_text("/proc/self", "mountinfo", mountinfo, sizeof mountinfo) < 0)
		return -1;
	if (!cgroup_locate(cgroup, mountinfo, path))
		return err_raise(ASTRID_E_INTERNAL, "cgroup version 2 is not mounted");
	return 0;
}

/* A cgroup with processes of its own cannot have children with limits: go into one. */
static int
enter_leaf(struct cgroups *cgroups)
{
	if (snprintf(cgroups->leaf, CGROUP_PATH, LEAF_FORMAT, cgroups->path, (int) cgroups->owner) >=
		CGROUP_PATH)
		return err_raise(ASTRID_E_INTERNAL, "the path of the cgroup is too long");
	if (mkdir(cgroups->leaf, 0755) < 0 && errno != EEXIST)
		return err_raise(ASTRID_E_INTERNAL, "cannot make %s: %s", cgroups->leaf, strerror(errno));
	return cgroup_enter(cgroups->leaf);
}

static void
leave_leaf(struct cgroups *cgroups)
{
	if (cgroups->leaf[0] != '\0' && cgroup_enter(cgroups->path) == 0)
		rmdir(cgroups->leaf);
	cgroups->leaf[0] = '\0';
}

/* Where the controllers are on for children already, this is the root, which may hold processes. */
static int
enable_controllers(struct cgroups *cgroups)
{
	char enabled[1024];

	if (read_text(cgroups->path, "cgroup.subtree_control", enabled, sizeof enabled) < 0)
		return -1;
	if (cgroup_has_word(enabled, "memory"))
	{
		cgroups->cpu = cgroup_has_word(enabled, "cpu");
		return 0;
	}
	if (enter_leaf(cgroups) < 0 ||
		write_text(cgroups->path, "cgroup.subtree_control", "+memory") < 0)
		return -1;
	cgroups->cpu = write_text(cgroups->path, "cgroup.subtree_control", "+cpu") == 0;
	return 0;
}

static int
open_here(struct cgroups *cgroups)
{
	char controllers[1024], path[CGROUP_PATH];

	if (own_folder(cgroups->path) < 0 ||
		read_text(cgroups->path, "cgroup.controllers", controllers, sizeof controllers) < 0)
		return -1;
	if (!cgroup_has_word(controllers, "memory"))
		return err_raise(ASTRID_E_INTERNAL, "%s has no memory controller", cgroups->path);
	if (access(cgroups->path, W_OK) < 0)
		return err_raise(ASTRID_E_INTERNAL, "%s: %s", cgroups->path, strerror(errno));
	if (enable_controllers(cgroups) < 0 || cgroup_make(cgroups, 0, 64, 100, path) < 0)
	{
		leave_leaf(cgroups);
		return -1;
	}
	cgroup_remove(path);
	return 0;
}

int
cgroup_open(struct cgroups *cgroups)
{
	memset(cgroups, 0, sizeof *cgroups);
	cgroups->owner = getpid();
	if (open_here(cgroups) == 0)
		return 0;
	cgroups->path[0] = '\0';
	return -1;
}

void
cgroup_close(struct cgroups *cgroups)
{
	char prefix[64];

	if (cgroups->path[0] == '\0')
		return;
	snprintf(prefix, sizeof prefix, "astrid-runner-%d-", (int) cgroups->owner);
	remove_children(cgroups->path, prefix);
	/* so that the cgroup is again what it was, and can be used by the next one */
	if (cgroups->leaf[0] != '\0' &&
		write_text(cgroups->path, "cgroup.subtree_control", "-memory -cpu") == 0)
		leave_leaf(cgroups);
	cgroups->path[0] = '\0';
}

/* ---- that of a runner ----------------------------------------------------------------------- */

static int
set_limits(const char *path, bool has_cpu, double memory_mib, int cpu_percent)
{
	char text[64];

	if (memory_mib > 0)
	{
		snprintf(text, sizeof text, "%.0f", memory_mib * 1024 * 1024);
		if (write_text(path, "memory.max", text) < 0)
			return -1;
		/* both are refinements that a kernel may be without: swap is no way past the limit, and a
		 * runner that has lost a process to it is ended as a whole */
		write_text(path, "memory.swap.max", "0");
		write_text(path, "memory.oom.group", "1");
	}
	snprintf(text, sizeof text, "%ld %ld", cpu_percent * (CPU_PERIOD_US / 100), CPU_PERIOD_US);
	return cpu_percent > 0 && has_cpu ? write_text(path, "cpu.max", text) : 0;
}

/* A number of its own each: an earlier one may be there still, with processes that just end. */
static int
make_folder(const struct cgroups *cgroups, int slot, char path[CGROUP_PATH])
{
	static unsigned n;

	for (;;)
	{
		if (snprintf(path, CGROUP_PATH, NAME_FORMAT, cgroups->path, (int) cgroups->owner, slot,
					 ++n) >= CGROUP_PATH)
			return err_raise(ASTRID_E_INTERNAL, "the path of the cgroup is too long");
		if (mkdir(path, 0755) == 0)
			return 0;
		if (errno != EEXIST)
			return err_raise(ASTRID_E_INTERNAL, "cannot make %s: %s", path, strerror(errno));
	}
}

int
cgroup_make(const struct cgroups *cgroups, int slot, double memory_mib, int cpu_percent,
			char path[CGROUP_PATH])
{
	if (make_folder(cgroups, slot, path) == 0)
	{
		if (set_limits(path, cgroups->cpu, memory_mib, cpu_percent) == 0)
			return 0;
		rmdir(path);
	}
	path[0] = '\0';
	return -1;
}

int
cgroup_enter(const char *path)
{
	return write_text(path, "cgroup.procs", "0");
}

long
cgroup_oom_kills(const char *path)
{
	char text[1024];

	return read_text(path, "memory.events", text, sizeof text) == 0 ? cgroup_value(text, "oom_kill")
																	: 0;
}

void
cgroup_remove(const char *path)
{
	if (rmdir(path) == 0 || errno != EBUSY)
		return;
	write_text(path, "cgroup.kill", "1");
	rmdir(path);
}

void
cgroup_sweep(const struct cgroups *cgroups, int slot)
{
	char prefix[64];

	snprintf(prefix, sizeof prefix, "astrid-runner-%d-%d-", (int) cgroups->owner, slot);
	if (cgroups->path[0] != '\0')
		remove_children(cgroups->path, prefix);
}
