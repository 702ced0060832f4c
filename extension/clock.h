/*
 * The one clock of the queue. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_CLOCK_H
#define ASTRID_CLOCK_H

#include "datatype/timestamp.h"

/* The wall clock, or what the GUC astrid.test_clock says. Never the start of the transaction. */
extern TimestampTz clock_now(void);

/* The slot of a daily ring (history, attempts, logs) that a row of this time belongs to. */
extern int16 ring_slot(TimestampTz at);

#define RING_SLOTS 8

#endif
