/*
 * Who gets a job for which events, cached in each backend. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_SUBSCRIPTION_H
#define ASTRID_SUBSCRIPTION_H

typedef struct Subscription
{
	char *pattern;
	int32 queue_id;
} Subscription;

/* Brings the cache up to date. */
extern void subscriptions_refresh(void);

/* The first subscription from number *i on that the topic matches; null: there is none. */
extern const Subscription *subscriptions_match(const char *topic, int *i);

#endif
