/*
 * The kernel that turns the sharper of two images into the other: I ~ R conv K + B. Called by
 * subtract.c. SPDX-License-Identifier: PostgreSQL
 *
 * Alard & Lupton 1998, ApJ 503, 325 and Alard 2000, A&AS 144, 363: K(u, v) = sum_k a_k(x, y) K_k(u,
 * v) with K_k = exp(-(u^2 + v^2) / 2 s^2) u^i v^j, i + j <= D(s). Basis functions of non-zero sum
 * are replaced by their difference from the first, so that only the first carries flux (Alard 2000,
 * eq. 6 and following); its coefficient, the kernel sum, varies at most linearly over the field,
 * the others as polynomials of the given order.
 */
#ifndef IMAGE_ALARD_LUPTON_H
#define IMAGE_ALARD_LUPTON_H

#include "image/image.h"
#include "image/polynomial.h"
#include "image/source.h"

#define AL_GAUSSIANS  3
#define AL_MAX_DEGREE 6
#define AL_MAX_BASIS  49
#define AL_MAX_HALF   30

struct al_basis
{
	int n, half;
	int degree[AL_GAUSSIANS];
	double sigma[AL_GAUSSIANS]; /* px */
	struct
	{
		int gaussian, i, j; /* powers of u and v */
		double sum;         /* of the basis function; 0 for odd powers */
	} term[AL_MAX_BASIS];
	float taps[AL_GAUSSIANS][AL_MAX_DEGREE + 1][2 * AL_MAX_HALF + 1];
};

struct al_kernel
{
	struct al_basis basis;
	int width, height;
	int order, sum_order, background_order;
	double coef[AL_MAX_BASIS]
			   [POLYNOMIAL_MAX_TERMS];     /* of the basis functions as convolved: K_k / sum_k */
	double sum_coef[POLYNOMIAL_MAX_TERMS]; /* of the kernel sum over the field */
	double background[POLYNOMIAL_MAX_TERMS];
	int n_stamps, n_rejected;
	double sum;         /* kernel sum at the centre of the field */
	double sum_scatter; /* robust relative scatter of single stamps about it */
	double chi2_dof;    /* median over the stamps used */
};

struct al_options
{
	int order;                     /* 0 to 2; -1: by the number of stamps */
	int background_order;          /* 0 to 2 */
	double fwhm_sharp, fwhm_blunt; /* px */
	int half;                      /* of the kernel; 0: by the FWHMs */
	int max_stamps;
};

/* sharp and blunt: background-subtracted, with mask and var, excluded pixels filled in. stars:
 * where to put the stamps, brightest first. 0 or -1 (TOO_FEW_STARS). */
int al_fit(const struct image *sharp, const struct image *blunt, const struct source_list *stars,
		   const struct al_options *options, struct al_kernel *out);

/* model = sharp conv K + B over the whole image. 0 or -1. */
int al_apply(const struct al_kernel *k, const float *sharp, float *model);

/* The kernel at one place as a stamp of 2 basis.half + 1. */
void al_kernel_at(const struct al_kernel *k, double x, double y, float *stamp);
double al_sum_at(const struct al_kernel *k, double x, double y);

/* For al_fit, too: the basis for these options. */
void al_basis_make(const struct al_options *options, struct al_basis *b);

#endif
