/* From a job and its queue's handler to what a runner shall do. SPDX-License-Identifier: PostgreSQL
 */
#ifndef DAEMON_HANDLER_H
#define DAEMON_HANDLER_H

#include <jansson.h>

#include "core/config.h"
#include "daemon/attempt.h"
#include "db/queue.h"

/* The handler of a queue: its section, else the default one; NULL with the error set where there is
 * none. */
const struct handler *handler_of(const struct config *config, const char *queue);

/*
 * The request for a runner (daemon/runner.h), a new reference; NULL with the error set. plan is
 * that of sky.plan, for the handler sky only. Programs, plug-ins, roots come from the
 * configuration, whatever payload and plan say.
 */
json_t *handler_request(const struct config *config, const struct handler *handler,
						const struct job *job, const json_t *plan);

/* Limits and timeout for it: handler, else job, else worker. */
void handler_limits(const struct config *config, const struct handler *handler,
					const struct job *job, struct attempt_spec *spec);

#endif
