/*
 * The simulator's point spread function: an elliptical Moffat core with a power-law aureole,
 * varying over the field. SPDX-License-Identifier: PostgreSQL
 *
 * Core: Moffat 1969, A&A 3, 455; aureole: a second, wide Moffat whose far wings fall as r^-2.8
 * (King 1971, PASP 83, 199 has r^-2; a little steeper, so that the flux is finite). Both are
 * defined on the sky and carried to pixels by the camera's Jacobian: a distorted pixel grid
 * distorts the star.
 */
#ifndef SIMULATE_PSF_H
#define SIMULATE_PSF_H

#include "simulate/canvas.h"
#include "simulate/geometry.h"
#include "simulate/rng.h"

#define AUREOLE_BETA  1.4
#define AUREOLE_WIDTH 4.0 /* core widths of the aureole, in those of the core */

/* One exposure's seeing; u and v run from -1 to 1 over the frame. */
struct seeing
{
	double fwhm;               /* arcsec, at the centre */
	double beta;               /* of the core */
	double aureole;            /* share of the flux in the aureole */
	double tilt[2], curvature; /* FWHM(u, v) = fwhm (1 + tilt . (u, v) + curvature (u^2 + v^2)) */
	double e[2],
		e_slope[2]
			   [2]; /* ellipticity components (e cos 2 phi, e sin 2 phi) and their slopes in u, v */
};

struct seeing seeing_draw(struct rng *rng, double fwhm_arcsec);

/* The PSF at one place, in pixels: density f(d) = sum over parts of norm (1 + q(d))^-beta, q = d^T
 * shape d. */
struct psf
{
	double shape[3];   /* xx, xy, yy of the core, per px^2 */
	double beta, norm; /* core */
	double aureole_norm;
	double fwhm; /* px, geometric mean of the axes */
};

struct psf psf_at(const struct seeing *seeing, const struct camera *cam, double x, double y);

double psf_density(const struct psf *psf, double dx, double dy); /* per px^2; the integral is 1 */
double psf_pixel(const struct psf *psf, double dx,
				 double dy); /* integral over the pixel centred at (dx, dy) */

/* Add a star of `flux` electrons at (x, y); its wings end where a pixel would get less than 0.05
 * electrons. */
void psf_draw(const struct psf *psf, struct canvas *canvas, double x, double y, double flux);

/* size x size pixels (odd) around a star at the centre of the middle one; not renormalised. */
void psf_stamp(const struct psf *psf, int size, double *stamp);

#endif
