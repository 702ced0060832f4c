/* One exposure of a field: how it was taken, its light and its raw counts. SPDX-License-Identifier:
 * PostgreSQL */
#ifndef SIMULATE_EXPOSURE_H
#define SIMULATE_EXPOSURE_H

#include "simulate/detector.h"
#include "simulate/scene.h"
#include "simulate/snr.h"

#define EXPOSURE_TIME 60.0 /* s */

struct exposure
{
	int number;        /* 0: the reference */
	char file[64];     /* of the raw frame, below raw/ */
	char date_obs[40]; /* UTC */
	struct camera cam;
	struct seeing seeing;
	struct psf_mixture mixture;
	double transparency; /* 0.3 to 1 */
	double sky;          /* electrons per px at the centre */
	double gradient[5];  /* of the sky: u, v, u^2, uv, v^2 */
	double wcs_error[2]; /* px by which the header's WCS is wrong */
	struct canvas light; /* expected electrons before the response */
	int32_t *mask;       /* as it truly is */
};

/* Draw conditions from the exposure's own stream. seeing_px: wanted FWHM, 0: any. */
void exposure_draw(struct exposure *exp, const struct field_kind *kind, const struct detector *det,
				   double scale, double seeing_px, struct rng *rng);

/* Allocate light and mask; render sky, stars, variables and galaxies. 0 or -1. */
int exposure_render(struct exposure *exp, const struct scene *scene);
/* Add one source with its flux at this exposure. */
void exposure_add(struct exposure *exp, const struct source *source);
void exposure_position(const struct exposure *exp, const struct source *source, double *x,
					   double *y);

bool exposure_contains(const struct exposure *exp, double x, double y);

/* PSF and noise of this exposure at a place in the sky, for the true S/N. */
void exposure_side(const struct exposure *exp, const struct detector *det, double xi, double eta,
				   struct snr_side *side);

/* Bits of the reference's mask carried onto the science grid; NO_DATA where it has no pixel. */
void exposure_merge_mask(struct exposure *exp, const struct exposure *reference);

void exposure_free(struct exposure *exp);

#endif
