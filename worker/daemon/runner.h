/*
 * The process that computes: astrid-worker --runner. SPDX-License-Identifier: PostgreSQL
 *
 * Started by a slot with three descriptors, an empty environment and its limits set (core/proc.h).
 * It reads one request from stdin and answers with JSON lines on stdout (docs/architecture.md, "The
 * runner protocol"):
 *
 *   {"job_id", "lease_id", "roots": [...], "data_dir", "plugins": [...],
 *    "steps": [{"stage", "inputs", "outputs", "params"}, ...]}
 *   {"exec": {"program", "arguments": [...], "network": bool}, "data_dir", "payload": text}
 *
 * The request is the slot's own: programs, plug-ins and roots come from local configuration.
 */
#ifndef DAEMON_RUNNER_H
#define DAEMON_RUNNER_H

#include <jansson.h>

int runner_main(void);

/*
 * Run the steps; *results is the array for sky.commit. -1 with the error set.
 * "@N.role" in an input is the output of step N; outputs get "-j<job>-l<lease>" before their
 * ending.
 */
int runner_steps(const json_t *request, json_t **results);

/* Print one JSON line of the protocol; steals the reference. */
void runner_say(json_t *line);

/* "12.fits" -> "<data_dir>/12-j7-l9.fits"; "a.fits.fz" keeps both endings. A new string, or NULL
 * with the error set. */
char *runner_output_path(const char *data_dir, const char *name, long long job_id,
						 long long lease_id);

#endif
