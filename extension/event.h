/*
 * Publishing events. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_EVENT_H
#define ASTRID_EVENT_H

#include "queues.h"
#include "store.h"

/* What one call publishes. Null until there is an event: opened by the first that is added. */
typedef struct Events Events;

/* As astrid_publish(): returns the number of the event. key is a text, payload a jsonb, both may be
 * 0.
 */
extern int64 event_publish(const char *topic, Datum key, Datum payload);

/*
 * Something happened to a job, whose row has the columns of all state tables; what is its new state
 * and the last word of the topic. Nothing where the queue (null: dropped) publishes no events.
 * worker and error are texts, or 0.
 */
extern void events_add_row(Events **events, const Queue *queue, const char *what,
						   TupleTableSlot *job, Datum worker, Datum error);

/* Writes the events and enqueues the jobs of the subscriptions. May be called without any.
 * Refreshes the queues' cache. */
extern void events_close(Events *events);

#endif
