/* Channel names of NOTIFY. SPDX-License-Identifier: PostgreSQL */
#ifndef ASTRID_CHANNELS_H
#define ASTRID_CHANNELS_H

#define ASTRID_CHANNEL_WAKE                                                                        \
	"astrid" /* payload: names of queues with new ready jobs, comma-separated */
#define ASTRID_CHANNEL_ALERTS "astrid_alerts" /* payload: {"detection_id": ..., "object_id": ...}  \
											   */

#endif
