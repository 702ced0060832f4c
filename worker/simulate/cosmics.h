/* Cosmic rays as tracks, and a satellite's trail. SPDX-License-Identifier: PostgreSQL */
#ifndef SIMULATE_COSMICS_H
#define SIMULATE_COSMICS_H

#include <stdint.h>
#include "simulate/canvas.h"
#include "simulate/psf.h"
#include "simulate/rng.h"

struct cosmic
{
	double x, y;      /* px, where it enters */
	double length;    /* px */
	double angle;     /* rad */
	double per_pixel; /* electrons per px of track */
};

struct cosmic_list
{
	struct cosmic *v;
	size_t n;
};

/* n tracks anywhere, and one through each of the n_targets positions (x, y pairs). */
int cosmics_draw(struct cosmic_list *list, size_t n, const double *targets, size_t n_targets,
				 int width, int height, struct rng *rng);
void cosmics_free(struct cosmic_list *list);

/* Add their electrons: sharp, a track is not blurred by the optics. */
void cosmics_deposit(const struct cosmic_list *list, struct canvas *charge);

/* A straight trail with the width of the PSF through (x, y); marks pixels that get more than
 * `visible`. */
struct trail
{
	double x, y, angle; /* px, rad */
	double peak;        /* electrons per px on its ridge */
};
void trail_draw(const struct trail *trail, double fwhm, struct canvas *canvas, double visible,
				int32_t *mask);

#endif
