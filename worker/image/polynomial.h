/*
 * Smooth functions over an image: polynomials of order 0 to 2 in (u, v), which run from -1 to 1
 * over the frame. Used for whatever varies over the field: PSF, kernel, flux scale.
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_POLYNOMIAL_H
#define IMAGE_POLYNOMIAL_H

#include <stddef.h>

#define POLYNOMIAL_MAX_TERMS 6

static inline int
polynomial_terms(int order)
{
	return (order + 1) * (order + 2) / 2;
}

/* term[]: 1, u, v, u^2, u v, v^2, as many as n_terms. */
static inline void
polynomial_at(int n_terms, double x, double y, int width, int height, double *term)
{
	const double u = 2 * (x + 0.5) / width - 1, v = 2 * (y + 0.5) / height - 1;
	const double all[POLYNOMIAL_MAX_TERMS] = {1, u, v, u * u, u * v, v * v};

	for (int i = 0; i < n_terms; i++)
		term[i] = all[i];
}

/* Solve the symmetric n x n system (row-major, destroyed) a x = b by Cholesky (GSL), with a ridge
 * raised until the matrix is positive definite. x replaces b. 0 or -1 (ASTRID_E_INTERNAL: not
 * finite or not solvable). */
int polynomial_solve(double *a, double *b, size_t n);

/* Weighted least squares of value[i] at term[i * n_terms ...], clipped twice at `kappa` robust
 * sigmas (0: never). 0 or -1. */
int polynomial_fit(const double *term, const double *value, const double *weight, size_t n,
				   int n_terms, double kappa, double *coef);

#endif
