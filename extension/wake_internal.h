/*
 * What astrid_wait needs of wake.c: the generations that this session has seen.
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

#endif
