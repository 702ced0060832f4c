/*
 * Server settings astrid.*: one table in guc.c, one variable each.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_GUC_H
#define ASTRID_GUC_H

extern bool guc_claim_floor;
extern bool guc_maintenance;
extern int guc_maintenance_interval;
extern int guc_maintenance_timeout;
extern int guc_max_databases;
extern int guc_max_payload_size; /* kB */
extern int guc_max_stat_queues;
extern int guc_max_waiters;
extern int guc_notify_interval;
extern bool guc_notify_without_preload;
extern char *guc_test_clock; /* empty: the real time */
extern int guc_wait_max;

/* Called once, from _PG_init. */
extern void guc_init(void);

#endif
