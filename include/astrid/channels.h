/* Channel names of NOTIFY. SPDX-License-Identifier: PostgreSQL */
#ifndef ASTRID_CHANNELS_H
#define ASTRID_CHANNELS_H

/* Payload: names of queues with new ready jobs, comma-separated; empty: any. */
#define ASTRID_CHANNEL_WAKE "astrid"

/* Payload: an accepted candidate as JSON (sky.commit of a notification job). */
#define ASTRID_CHANNEL_ALERTS "astrid_alerts"

#endif
