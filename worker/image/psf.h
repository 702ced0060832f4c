/*
 * The point spread function of an image, measured from its stars. Called by the stages difference
 * and detect. SPDX-License-Identifier: PostgreSQL
 *
 * The model is a square stamp whose pixels are polynomials over the field. At any place the stamp
 * sums to 1 and its core is centred on the middle pixel. All linear operations (convolution with a
 * kernel) act on the coefficient planes.
 */
#ifndef IMAGE_PSF_H
#define IMAGE_PSF_H

#include "image/image.h"
#include "image/source.h"

struct psf
{
	int size;          /* odd */
	int n_terms;       /* 1, 3 or 6 (polynomial.h) */
	int width, height; /* of the image, for the polynomial's coordinates */
	float *coef;       /* n_terms planes of size * size */
	double fwhm;       /* px, at the centre of the image */
	double locus;      /* the FWHM that struct source has for stars, px */
	double beta;       /* of the Moffat core */
	double ellipticity;
	int n_stars; /* 0: from the sources' FWHM only */
};

/* From a background-subtracted image with mask and variance, and the sources on it. Fewer than 5
 * good stars: a Moffat profile of their FWHM. -1: TOO_FEW_STARS where not even that is known. */
int psf_measure(const struct image *im, const struct source_list *sources, struct psf *out);
int psf_copy(struct psf *dst, const struct psf *src);
void psf_free(struct psf *psf);

/* size * size values, sum 1, centred. */
void psf_evaluate(const struct psf *psf, double x, double y, float *stamp);

/* Convolve the model with a stamp (odd size); FWHM is measured anew. */
int psf_convolve(struct psf *psf, const float *kernel, int size);

/* A stamp moved by (dx, dy), |d| <= 1 px: Lanczos-5 (Turkowski 1990), taps normalised. 0 or -1. */
int psf_shift(const float *stamp, int size, double dx, double dy, float *out);

/* FWHM of a stamp from the radius where its azimuthal mean falls to half of the centre. */
double psf_stamp_fwhm(const float *stamp, int size);

#endif
