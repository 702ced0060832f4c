/*
 * See sandbox.h. A list of what is refused, not of what is allowed: libraries and programs may use
 * any ordinary call, and a new kernel's calls must not break them. SPDX-License-Identifier:
 * PostgreSQL
 */
#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/err.h"

static const int network_calls[] = {
	SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind),           SCMP_SYS(listen),
	SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(io_uring_setup), /* which opens sockets too */
};

static const int other_calls[] = {
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(kexec_load),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
};

static int
refuse(scmp_filter_ctx filter, const int *calls, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), calls[i], 0);
	return rc;
}

int
sandbox_calls(bool allow_network)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int rc = filter != NULL ? 0 : -ENOMEM;

	if (rc == 0 && !allow_network)
		rc = refuse(filter, network_calls, sizeof network_calls / sizeof network_calls[0]);
	if (rc == 0)
		rc = refuse(filter, other_calls, sizeof other_calls / sizeof other_calls[0]);
	if (rc == 0)
		rc = seccomp_load(filter);
	if (filter != NULL)
		seccomp_release(filter);
	if (rc < 0)
		return err_raise(ASTRID_E_INTERNAL, "cannot set the system call filter: %s", strerror(-rc));
	return 0;
}

/* ---- files --------------------------------------------------------------------------------- */

#define READ_FILE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE)
#define READ      (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define CHANGE                                                                                     \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                               \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |  \
	 LANDLOCK_ACCESS_FS_MAKE_SYM)
/* every right of ABI 1, so that what is not granted is refused: devices, sockets, FIFOs too */
#define HANDLED ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/* What programs and libraries read: code, settings, devices. */
static const char *const system_paths[] = {"/usr", "/lib",         "/lib32", "/lib64",
										   "/bin", "/sbin",        "/etc",   "/proc",
										   "/sys", "/dev/urandom", NULL};

/* A path that is not there, or a file where rights of folders are meant, needs no rule of its own.
 */
static int
allow(int ruleset, const char *path, unsigned long long access)
{
	struct landlock_path_beneath_attr rule = {access, open(path, O_PATH | O_CLOEXEC)};
	struct stat st;
	int rc = 0;

	if (rule.parent_fd < 0)
		return 0;
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		rc = -1;
	close(rule.parent_fd);
	return rc;
}

static int
allow_all(int ruleset, const char *const *roots, size_t n, const char *write_root)
{
	int rc = allow(ruleset, "/dev/null", READ | LANDLOCK_ACCESS_FS_WRITE_FILE);

	if (roots == NULL)
		rc |= allow(ruleset, "/", READ);
	for (size_t i = 0; roots != NULL && system_paths[i] != NULL; i++)
		rc |= allow(ruleset, system_paths[i], READ);
	for (size_t i = 0; roots != NULL && i < n; i++)
		rc |= allow(ruleset, roots[i], READ);
	if (write_root != NULL)
		rc |= allow(ruleset, write_root, READ | CHANGE);
	return rc;
}

int
sandbox_files(const char *const *roots, size_t n, const char *write_root)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = HANDLED};
	int ruleset =
		(int) syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
	int rc;

	if (ruleset < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP
				   ? 0
				   : err_raise(ASTRID_E_INTERNAL, "cannot confine files: %s", strerror(errno));
	rc = allow_all(ruleset, roots, n, write_root);
	if (rc == 0)
		rc = (int) syscall(SYS_landlock_restrict_self, ruleset, 0);
	if (rc < 0)
		err_raise(ASTRID_E_INTERNAL, "cannot confine files: %s", strerror(errno));
	close(ruleset);
	return rc;
}
