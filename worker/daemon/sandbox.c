/*
 * See sandbox.h. A list of what is refused, not of what is allowed: libraries and programs may use
 * any ordinary call, and a new kernel's calls must not break them. SPDX-License-Identifier:
 * PostgreSQL
 */
#include "daemon/sandbox.h"

#include <errno.h>
#include <string.h>
#include <seccomp.h>
#include <sys/prctl.h>

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
sandbox_enter(bool allow_network)
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
