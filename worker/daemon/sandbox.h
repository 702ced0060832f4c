/* What a runner may not do, enforced by the kernel from here on. SPDX-License-Identifier:
 * PostgreSQL */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/* Forbid the network (unless allowed), other processes' memory, and the kernel's administration; -1
 * with the error set. */
int sandbox_calls(bool allow_network);

/*
 * Confine the files (Landlock): reading below roots[0..n) and the system's folders, or anywhere
 * where roots is NULL; writing below write_root alone (may be NULL). Code that opens a path by
 * itself is held too. A kernel without Landlock is passed over: stages go through core/files.h,
 * which confines them on its own. -1 with the error set.
 */
int sandbox_files(const char *const *roots, size_t n, const char *write_root);

#endif
