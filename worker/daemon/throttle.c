/* See throttle.h. SPDX-License-Identifier: PostgreSQL */
#include "daemon/throttle.h"

double
throttle_next(struct throttle *throttle, bool succeeded)
{
	if (succeeded || throttle->delay == 0)
		throttle->delay = THROTTLE_FIRST;
	else
		throttle->delay *= 2;
	if (throttle->delay > THROTTLE_LONGEST)
		throttle->delay = THROTTLE_LONGEST;
	return throttle->delay;
}
