/*
 * What wake.c and astrid_wait need of wake_claims.c: the generations that this session has seen,
 * and the claims of the transaction under way.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_WAKE_INTERNAL_H
#define ASTRID_WAKE_INTERNAL_H

/* The generation when this session last claimed from that queue; without such a claim, the present
 * one. */
extern uint64 wake_generation_seen(uint64 key);

/* This session's client has been told of all commits up to that generation. */
extern void wake_generation_told(uint64 key, uint64 generation);

/* This session itself has noted a commit there that is no news to it, if it is the only one since
 * it claimed. */
extern void wake_note_own(uint64 key);

/* The transaction is over. */
extern void wake_forget_claims(void);

/* Claims of a subtransaction, and of those within it, are its parent's now, or are being undone. */
extern void wake_end_subtransaction(SubTransactionId subid, SubTransactionId parent_subid,
									bool committed);

/* One sleeper for each queue with claims that are undone, or with any (all): what was claimed is
 * ready again, and nobody else hears of it. */
extern void wake_undone_claims(bool all);

#endif
