/* What a runner may not do, enforced by the kernel from here on. SPDX-License-Identifier:
 * PostgreSQL */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include <stdbool.h>

/* Forbid the network (unless allowed), other processes' memory, and the kernel's administration; -1
 * with the error set. */
int sandbox_enter(bool allow_network);

#endif
