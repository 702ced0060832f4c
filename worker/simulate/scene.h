/*
 * What is in the sky of one field: stars, galaxies, and what changes. SPDX-License-Identifier:
 * PostgreSQL
 *
 * Fluxes are electrons of one exposure at transparency 1; exposure 0 is the reference, 1 and up the
 * epochs.
 */
#ifndef SIMULATE_SCENE_H
#define SIMULATE_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include "simulate/galaxy.h"

#define MAX_EXPOSURES 5
#define ZERO_POINT    31.0 /* AB magnitude of one electron per exposure at transparency 1 */

enum source_kind
{
	SOURCE_STAR,
	SOURCE_VARIABLE,
	SOURCE_TRANSIENT,
	SOURCE_MOVING
};
extern const char *const source_kind_name[];

struct source
{
	enum source_kind kind;
	bool on_host;
	int sign; /* of the change: -1, it was in the reference and faded */
	double xi[MAX_EXPOSURES], eta[MAX_EXPOSURES]; /* arcsec from the field's centre */
	double flux[MAX_EXPOSURES];
};

/* One kind of field. Counts are for 1024 x 1024 pixels. */
struct field_kind
{
	const char *name;
	double ra, dec; /* deg */
	int stars;
	double slope; /* of log10 N against magnitude */
	int galaxies;
	bool cluster; /* galaxies crowd around a giant elliptical */
	int transients;
	double host_share;       /* of the transients */
	bool moving;             /* has the moving object */
	bool trail;              /* a satellite crosses its last epoch */
	double reference_seeing; /* of the reference over that of the epochs; 0: drawn like theirs */
	int epochs;
};
extern const struct field_kind field_kinds[];
extern const int n_field_kinds; /* the last one is the null field */

struct scene
{
	struct source *sources;
	size_t n_sources;
	struct galaxy *galaxies;
	size_t n_galaxies;
};

/* Everything but the fluxes of transients and of the moving object, which depend on the noise where
 * they fall. half: arcsec from the centre to the edge; usable: as far as transients go; min_gap:
 * arcsec between them. */
struct scene_size
{
	double half, usable, min_gap, scale; /* scale: arcsec per px */
	double area;                         /* of the frame in 1024 x 1024 px */
};
int scene_make(struct scene *scene, const struct field_kind *kind, const struct scene_size *size,
			   uint64_t seed, uint64_t field);
void scene_free(struct scene *scene);

#endif
