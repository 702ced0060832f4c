/* Tell systemd how the service is (sd_notify(3), by hand: libsystemd is not needed for a datagram).
 * SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_SDNOTIFY_H
#define CORE_SDNOTIFY_H

/* Send "READY=1" and the like; nothing happens where no NOTIFY_SOCKET is. */
void sdnotify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Seconds between WATCHDOG=1 messages that systemd expects of this process; 0: none. */
double sdnotify_watchdog_interval(void);

#endif
