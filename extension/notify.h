/*
 * NOTIFY for those who LISTEN: names of queues with new jobs, gathered at commit and sent by one
 * process.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_NOTIFY_H
#define ASTRID_NOTIFY_H

#include "shmem.h"

#define NOTIFY_PAYLOAD_MAX (NOTIFY_NAMES * NAMEDATALEN)

/* Note that this queue has new jobs; an empty name stands for "look at all". Safe in a commit
 * callback. */
extern void notify_add(SharedDatabase *database, uint64 key, const char *queue_name);

/* Take what was noted as the payload of one NOTIFY; false when there was nothing. */
extern bool notify_take(SharedDatabase *database, char payload[NOTIFY_PAYLOAD_MAX]);

/* Append a name to a payload; false when it does not fit. */
extern bool notify_append(char payload[NOTIFY_PAYLOAD_MAX], const char *queue_name);

#endif
