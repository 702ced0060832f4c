/* Remove what lost attempts left in the data folder. SPDX-License-Identifier: PostgreSQL */
#ifndef DAEMON_SWEEP_H
#define DAEMON_SWEEP_H

#include <stdbool.h>

#include "core/config.h"

/* The work of a process that the supervisor starts now and then; its exit status. */
int sweep_main(const struct config *config);

/* "12-j7-l9.fits" -> 7, 9; false for a name without job and lease. Temporary names of outputs have
 * them too. */
bool sweep_ids(const char *name, long long *job_id, long long *lease_id);

#endif
