/*
 * One field of the night: its scene seen in a reference and in epochs, and the truth about its
 * changes. SPDX-License-Identifier: PostgreSQL
 *
 * Order of calls: field_render, field_set_fluxes, field_list_changes; then the transients are
 * drawn, the frames exposed and the masks merged; last field_fill_masked.
 */
#ifndef SIMULATE_FIELD_H
#define SIMULATE_FIELD_H

#include "simulate/exposure.h"
#include "simulate/truth.h"

#define PIXEL_SCALE 0.4 /* arcsec */

struct field
{
	const struct field_kind *kind;
	int index;
	char name[24];
	struct scene scene;
	int n_exposures;
	struct exposure exposures[MAX_EXPOSURES];
};

/* Conditions and light of each exposure, without transients and the moving object. 0 or -1. */
int field_render(struct field *field, const struct detector *det, uint64_t seed);

/* Fluxes of transients and the moving object, from a drawn true S/N. */
void field_set_fluxes(struct field *field, const struct detector *det, uint64_t seed);

/* Append a row per changing source and epoch. 0 or -1. */
int field_list_changes(const struct field *field, const struct detector *det, int *next_id,
					   struct truth *truth);

/* Fill `masked` of the rows from first_row on. */
void field_fill_masked(const struct field *field, struct truth *truth, size_t first_row);

#endif
