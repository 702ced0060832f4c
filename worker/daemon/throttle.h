/* How long to wait before a slot that keeps dying is started again. SPDX-License-Identifier:
 * PostgreSQL */
#ifndef DAEMON_THROTTLE_H
#define DAEMON_THROTTLE_H

#include <stdbool.h>

#define THROTTLE_FIRST   1.0 /* s */
#define THROTTLE_LONGEST 60.0

struct throttle
{
	double delay; /* the last one; 0: none yet */
};

/* The delay after another death: 1, 2, 4 ... 60 s. One success in between begins anew. */
double throttle_next(struct throttle *throttle, bool succeeded);

#endif
