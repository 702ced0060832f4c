/*
 * Maps between two pixel grids, fitted to pairs of star positions: a shift, an affine map or a
 * polynomial. Called by register.c; knows nothing of images. SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_TRANSFORM_H
#define IMAGE_TRANSFORM_H

#include <stdbool.h>
#include <stddef.h>

#define TRANSFORM_MAX_ORDER 3
#define TRANSFORM_MAX_TERMS ((TRANSFORM_MAX_ORDER + 1) * (TRANSFORM_MAX_ORDER + 2) / 2)

/* u = sum_k a[k] X^i Y^j, v with b alike; X = (x - x0) / scale keeps the powers of order 1. Terms
 * in the order 1 X Y X^2 XY Y^2 X^3 ... order 0 is a shift: its linear terms are the identity. */
struct transform
{
	int order;
	double x0, y0, scale;
	double a[TRANSFORM_MAX_TERMS], b[TRANSFORM_MAX_TERMS];
};

/* A star seen at (x, y) on one grid and (u, v) on the other. */
struct star_pair
{
	double x, y, u, v;
	double sigma; /* px, of u - x along one axis: centroid noise of both */
	size_t i, j;  /* where the star stands in the two lists */
	bool used;    /* set by the fit: not clipped */
};

struct fit_quality
{
	int order;
	size_t n_pairs, n_used;
	double rms_x, rms_y;       /* px, of the used pairs */
	double median_radial;      /* px */
	double median_x, median_y; /* px, signed: a common offset left over */
	double max_local;          /* px, largest mean offset in a cell of 4 x 4 that holds 3 stars */
	double chi_dof;            /* rms of residual / sigma per degree of freedom */
};

void transform_identity(struct transform *t);
void transform_apply(const struct transform *t, double x, double y, double *u, double *v);
/* The map as u = a0 + a1 x + a2 y (v with b); false where the order is above 1. */
bool transform_as_affine(const struct transform *t, double a[3], double b[3]);
/* From u = a0 + a1 x + a2 y. */
void transform_from_affine(struct transform *t, const double a[3], const double b[3]);

/* Weighted least squares on all pairs; sets t. 0, or -1 (too_few_stars): the pairs do not determine
 * the map. */
int transform_fit(const struct star_pair *pairs, size_t n, int order, struct transform *t);
/* The same, pairs beyond kappa robust sigma left out (used = false) until the set stands still. */
int transform_fit_clipped(struct star_pair *pairs, size_t n, int order, double kappa,
						  struct transform *t, struct fit_quality *q);
/*
 * The lowest order from min_order to max_order that a higher one does not beat: that needs more
 * than 5 pairs per term (the affine map 6 in all) and an F value of 4 for its further terms. With
 * more than 15 pairs an affine map always wins over a shift.
 */
int transform_fit_best(struct star_pair *pairs, size_t n, int min_order, int max_order,
					   double kappa, struct transform *t, struct fit_quality *q);

#endif
