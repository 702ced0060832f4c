/*
 * Which star of one list is which of another: by position, by a common offset, by the shape of
 * triangles. Called by register.c; positions only, nothing of images or WCS.
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_MATCH_H
#define IMAGE_MATCH_H

#include <stddef.h>
#include "image/transform.h"

struct point /* brightest first in every list */
{
	double x, y;
	double sigma; /* px, centroid noise along one axis */
};

/* Pairs (a, b) that are each other's nearest within radius once a was sent through t. pairs has
 * room for na. Returns how many, or -1 (no memory). */
long match_near(const struct point *a, size_t na, const struct point *b, size_t nb,
				const struct transform *t, double radius, struct star_pair *pairs);

/* How many of a, sent through t, fall into the box that b spans. */
double match_inside(const struct point *a, size_t na, const struct point *b, size_t nb,
					const struct transform *t);

/* How many pairs match_near would find by chance: na stars thrown at random among nb over their
 * common area. */
double match_expected(const struct point *a, size_t na, const struct point *b, size_t nb,
					  const struct transform *t, double radius);

/* The offset b - a that most pairs share, searched within +-max_offset px: the peak of the
 * histogram of all differences. Sets t to that shift. Returns the pairs in the peak, or -1. */
long match_offset(const struct point *a, size_t na, const struct point *b, size_t nb,
				  double max_offset, struct transform *t);

/* Triangles of neighbouring stars that are similar (turned, scaled, mirrored), each proposing a map
 * that all stars vote on; Groth 1986 AJ 91 1244 with the invariants of Beroiz et al. 2020
 * (astroalign). Sets t to the affine map with most votes within radius. Returns the votes (0:
 * none), or -1. */
long match_triangles(const struct point *a, size_t na, const struct point *b, size_t nb,
					 double radius, struct transform *t);

#endif
