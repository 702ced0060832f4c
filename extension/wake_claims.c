/*
 * What this session has seen when it last claimed, and what it wakes when a claim is undone. Called
 * by wake.c and wait.c; safe in callbacks, as wake.c says.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"

#include "astrid/channels.h"
#include "channel.h"
#include "wake.h"
#include "wake_internal.h"

/* The generation of a channel when this session last looked for jobs of that queue. */
typedef struct ClaimNote
{
	uint64 key;
	uint64 generation;
	SubTransactionId subid; /* the subtransaction under way that claimed; invalid: none */
	bool undone;            /* it is aborting */
} ClaimNote;

static ClaimNote notes[WAKE_QUEUES_MAX];
static int n_notes;
static int next_note; /* overwritten next, once all are in use */
static bool claimed;  /* some note has a subtransaction */

static ClaimNote *
find_note(uint64 key)
{
	for (int i = 0; i < n_notes; i++)
	{
		if (notes[i].key == key)
			return &notes[i];
	}
	return NULL;
}

static ClaimNote *
make_note(uint64 key)
{
	ClaimNote *note = find_note(key);

	if (note == NULL)
	{
		if (n_notes < WAKE_QUEUES_MAX)
			note = &notes[n_notes++];
		else
			note = &notes[next_note++ % WAKE_QUEUES_MAX];
		note->key = key;
		note->subid = InvalidSubTransactionId;
		note->undone = false;
	}
	return note;
}

void
wake_note_claim(const char *queue_name)
{
	ClaimNote *note;

	if (shared == NULL)
		return;
	note = make_note(channel_key(queue_name));
	note->generation = channel_generation(note->key);
	note->subid = GetCurrentSubTransactionId();
	claimed = true;
	/* The caller's snapshot must not be older than the generation read here. */
	pg_memory_barrier();
}

uint64
wake_generation_seen(uint64 key)
{
	ClaimNote *note = find_note(key);

	return note ? note->generation : channel_generation(key);
}

void
wake_generation_told(uint64 key, uint64 generation)
{
	make_note(key)->generation = generation;
}

void
wake_note_own(uint64 key)
{
	ClaimNote *note = find_note(key);

	if (note != NULL && channel_generation(key) == note->generation + 1)
		note->generation++;
}

void
wake_forget_claims(void)
{
	for (int i = 0; claimed && i < n_notes; i++)
	{
		notes[i].subid = InvalidSubTransactionId;
		notes[i].undone = false;
	}
	claimed = false;
}

void
wake_end_subtransaction(SubTransactionId subid, SubTransactionId parent_subid, bool committed)
{
	for (int i = 0; claimed && i < n_notes; i++)
	{
		if (notes[i].subid < subid)
			continue;
		/* An earlier claim of the parent may be among them. */
		notes[i].subid = parent_subid;
		notes[i].undone = notes[i].undone || !committed;
	}
}

void
wake_undone_claims(bool all)
{
	for (int i = 0; claimed && i < n_notes; i++)
	{
		if (notes[i].undone || (all && notes[i].subid != InvalidSubTransactionId))
			channel_wake(notes[i].key, 1);
		notes[i].undone = false;
	}
}
