/* /metrics: Prometheus text format 0.0.4 from the views. SPDX-License-Identifier: PostgreSQL */
#ifndef API_METRICS_H
#define API_METRICS_H

#include "api/text.h"

/* Always answers: with the database away, astrid_up is 0 and its families are left out. */
void metrics_collect(struct text *out);

#endif
