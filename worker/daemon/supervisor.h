/*
 * The parent of the slots: starts them, starts them again, passes signals on.
 * SPDX-License-Identifier: PostgreSQL
 *
 * It has no connection, reads no job and allocates nothing per job, so that nothing a job does can
 * hurt it.
 */
#ifndef DAEMON_SUPERVISOR_H
#define DAEMON_SUPERVISOR_H

#include "core/config.h"

/* Load the configuration anew, from where it came; 0, or -1 with the error set. */
typedef int (*supervisor_reload_fn)(struct config *config);

/* Runs until told to end; the exit status of the program. *config is replaced by reloads. */
int supervisor_main(struct config *config, supervisor_reload_fn reload);

#endif
