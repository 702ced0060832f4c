/*
 * Elliptical Moffat profiles (Moffat 1969, A&A 3, 455) fitted to stars by Levenberg-Marquardt
 * (GSL). Called by psf.c. SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_MOFFAT_H
#define IMAGE_MOFFAT_H

#include <stddef.h>

/* flux (beta - 1) / (pi alpha^2) (1 + q)^-beta + background, where
 * q = ((1 - e1) dx^2 - 2 e2 dx dy + (1 + e1) dy^2) / (alpha^2 sqrt(1 - e1^2 - e2^2)). */
struct moffat
{
	double flux, x, y, background;
	double ln_alpha, e1, e2; /* px; FWHM = 2 alpha sqrt(2^(1/beta) - 1) */
	double beta;
	double chi2_dof; /* of the fit */
};

enum moffat_free
{
	MOFFAT_POSITION = 4, /* flux, x, y, background */
	MOFFAT_SHAPE = 7,    /* and alpha, e1, e2 */
	MOFFAT_ALL = 8       /* and beta */
};

struct moffat_pixel
{
	double x, y, value, weight; /* weight: 1 / variance */
};

double moffat_value(const struct moffat *m, double x, double y); /* without background */
double moffat_fwhm(const struct moffat *m);

/* Improve m. -1: it did not converge to something sensible (no error is raised). */
int moffat_fit(const struct moffat_pixel *pixels, size_t n, enum moffat_free n_free,
			   struct moffat *m);

#endif
