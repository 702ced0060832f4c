/*
 * Fluxes of point sources: by PSF and in apertures, at a given place or a fitted one. Called by
 * detect.c and the stage detect. SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_PHOTOMETRY_H
#define IMAGE_PHOTOMETRY_H

#include "image/image.h"
#include "image/psf.h"

struct psf_flux
{
	double x, y;
	double flux, error; /* error: from the variance plane alone */
	double chi2_dof;    /* within 1.5 FWHM, with 5 % of the source as PSF error */
	double lost;        /* share of the PSF's weight (P^2) on excluded pixels or outside */
};

/* f = sum P D / V / sum P^2 / V at (x, y): the best linear estimate (Horne 1986, PASP 98, 609, eq.
 * 8). NaN where no pixel is usable. im: background-subtracted, with mask and var. 0 or -1. */
int photometry_psf(const struct image *im, const struct psf *psf, double x, double y,
				   struct psf_flux *out);

/* The same, with (x, y) moved to where the PSF fits best, at most max_shift px away; it stays where
 * there is no convergence. */
int photometry_fit(const struct image *im, const struct psf *psf, double x, double y,
				   double max_shift, struct psf_flux *out);

/* chi2 of the best flux of a source `scale` times as wide as the PSF, without PSF error, within 1.5
 * FWHM of (x, y); *n: how many pixels. */
int photometry_width_chi2(const struct image *im, const struct psf *psf, double x, double y,
						  double scale, double *chi2, int *n);

/* Sum in a circle, pixels at the rim by their covered share (5 x 5 sub-pixels); excluded ones count
 * as 0. */
void photometry_aperture(const struct image *im, double x, double y, double radius, double *flux,
						 double *error);

#endif
