/* SPDX-License-Identifier: PostgreSQL */
#ifndef ENQUEUE_H
#define ENQUEUE_H

/* Defines astrid.max_payload_size; called from _PG_init. */
extern void enqueue_init(void);

#endif
