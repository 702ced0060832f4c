/*
 * NOTIFY for those who LISTEN: names of queues with new jobs, gathered at commit and sent by one
 * process.
 *
 * NOTIFY serialises commits over the whole cluster, so committers only leave a name here; the
 * maintenance worker of the database sends one NOTIFY for all that came together. A name that is
 * still here was noted by a transaction whose NOTIFY is yet to come, so that a second committer
 * need not even take the spinlock.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "notify.h"

static bool
is_noted(SharedDatabase *database, uint64 key)
{
	for (int i = 0; i < NOTIFY_NAMES; i++)
	{
		if (pg_atomic_read_u64(&database->notify[i].key) == key)
			return true;
	}
	return false;
}

/* The caller holds notify_mutex. */
static NotifyName *
free_entry(SharedDatabase *database)
{
	for (int i = 0; i < NOTIFY_NAMES; i++)
	{
		if (pg_atomic_read_u64(&database->notify[i].key) == 0)
			return &database->notify[i];
	}
	return NULL;
}

void
notify_add(SharedDatabase *database, uint64 key, const char *queue_name)
{
	NotifyName *entry;

	if (is_noted(database, key))
		return;
	SpinLockAcquire(&database->notify_mutex);
	entry = free_entry(database);
	if (entry == NULL || queue_name[0] == '\0')
		database->notify_overflow = true;
	else
	{
		strlcpy(entry->name, queue_name, NAMEDATALEN);
		pg_atomic_write_u64(&entry->key, key);
	}
	pg_atomic_write_u32(&database->notify_pending, 1);
	SpinLockRelease(&database->notify_mutex);
}

bool
notify_append(char payload[NOTIFY_PAYLOAD_MAX], const char *queue_name)
{
	Size used = strlen(payload);

	if (used + strlen(queue_name) + 2 > NOTIFY_PAYLOAD_MAX)
		return false;
	if (used > 0)
		payload[used++] = ',';
	strlcpy(payload + used, queue_name, NOTIFY_PAYLOAD_MAX - used);
	return true;
}

bool
notify_take(SharedDatabase *database, char payload[NOTIFY_PAYLOAD_MAX])
{
	bool pending;

	payload[0] = '\0';
	SpinLockAcquire(&database->notify_mutex);
	pending = pg_atomic_exchange_u32(&database->notify_pending, 0) != 0;
	for (int i = 0; i < NOTIFY_NAMES; i++)
	{
		NotifyName *entry = &database->notify[i];

		if (pg_atomic_read_u64(&entry->key) != 0 && !notify_append(payload, entry->name))
			database->notify_overflow = true;
		pg_atomic_write_u64(&entry->key, 0);
	}
	if (database->notify_overflow)
		payload[0] = '\0';
	database->notify_overflow = false;
	SpinLockRelease(&database->notify_mutex);
	return pending;
}
