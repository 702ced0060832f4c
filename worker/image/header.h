/*
 * Values from header cards (80 bytes each, one NUL after the last), with the repairs that real
 * files need: decimal commas, numbers in quotes, D exponents, free format. What was repaired is
 * noted. SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_HEADER_H
#define IMAGE_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "image/fits.h"

#define CARD 80

void note_add(struct frame_notes *notes, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The card of a keyword ("HIERARCH ESO DET OUT1 CONAD" may be named without HIERARCH), NULL where
 * absent. */
const char *header_card(const char *cards, const char *keyword);

/* false: absent, or without such a value. notes may be NULL. */
bool header_string(const char *cards, const char *keyword, char *value, size_t size);
bool header_number(const char *cards, const char *keyword, double *value,
				   struct frame_notes *notes);
bool header_logical(const char *cards, const char *keyword, bool *value);

/* The same of one card. */
bool card_string(const char *card, char *value, size_t size);
bool card_number(const char *card, double *value, bool *repaired);

/* Sexagesimal ("12:34:05.6", "12 34 5.6") or plain text to a number; hours are the caller's matter.
 */
bool text_sexagesimal(const char *text, double *value);

#endif
