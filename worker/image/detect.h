/*
 * Sources of a difference image: found on the score, both signs, measured on the difference, and
 * told apart from what only looks like one. Called by the stage detect. SPDX-License-Identifier:
 * PostgreSQL
 */
#ifndef IMAGE_DETECT_H
#define IMAGE_DETECT_H

#include <stddef.h>
#include "image/image.h"
#include "image/psf.h"
#include "image/side.h"

enum detection_flag
{
#define ASTRID_DETECTION_FLAG(name, bit, text) DETECTION_##name = 1 << (bit),
#include "astrid/detection_flag.def"
#undef ASTRID_DETECTION_FLAG
};

struct detection
{
	double x, y; /* 0-based px */
	double flux,
		flux_err; /* by PSF; flux_err calibrated on star-free sky, with the systematic terms */
	double snr;   /* |flux| / flux_err */
	double peak;  /* of the score, signed */
	double fwhm, ellipticity; /* of the light above the noise; NaN: not measurable */
	double chi2_dof;
	double ap_flux, ap_flux_err;
	double static_flux[2],
		static_err[2]; /* by PSF at the same place on science and reference; NaN: not given */
	int npix;          /* above the threshold */
	int flags;
};

struct detection_list
{
	struct detection *v;
	size_t n;
};

struct detect_options
{
	double threshold; /* |score| */
	double aperture;  /* radius, FWHM */
	double scale;     /* that errors from VAR have to be multiplied by */
};

/* diff: sci, mask, var. score: of the same size, NaN where undefined. sides: science and reference
 * on the same grid, either NULL where it is not given. Strongest first. 0 or -1. */
int detect(const struct image *diff, const float *score, const struct psf *psf,
		   const struct side *const sides[2], const struct detect_options *options,
		   struct detection_list *out);
void detection_list_free(struct detection_list *list);

#endif
