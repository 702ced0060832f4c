/*
 * Concurrency limits of queues. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_LIMIT_H
#define ASTRID_LIMIT_H

#include "queues.h"

/* How many more jobs of the queue may run now. With a limit, holds a lock on it until the
 * transaction ends. */
extern int limit_room(const Queue *queue);

#endif
