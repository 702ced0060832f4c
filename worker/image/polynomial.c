/* See polynomial.h. SPDX-License-Identifier: PostgreSQL */
#include "image/polynomial.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/stats.h"

#define CLIP_ROUNDS 2

static int
try_cholesky(const double *a, double *b, size_t n, double ridge, double *work)
{
	gsl_matrix_view m = gsl_matrix_view_array(work, n, n);
	gsl_vector_view x = gsl_vector_view_array(b, n);

	memcpy(work, a, sizeof *a * n * n);
	for (size_t i = 0; i < n; i++)
		work[i * n + i] *= 1 + ridge;
	if (gsl_linalg_cholesky_decomp1(&m.matrix) != GSL_SUCCESS)
		return -1;
	return gsl_linalg_cholesky_svx(&m.matrix, &x.vector) == GSL_SUCCESS ? 0 : -1;
}

int
polynomial_solve(double *a, double *b, size_t n)
{
	double *work, *scale;
	int status = -1;

	for (size_t i = 0; i < n * n; i++)
		if (!isfinite(a[i]))
			return err_raise(ASTRID_E_INTERNAL, "normal equations are not finite");
	gsl_set_error_handler_off(); /* GSL's default would end the process */
	work = malloc(sizeof *work * n * n);
	scale = malloc(sizeof *scale * n);
	if (work == NULL || scale == NULL)
	{
		free(work);
		free(scale);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu normal equations", n);
	}
	/* Unit diagonal: the unknowns differ by many orders of magnitude. */
	for (size_t i = 0; i < n; i++)
		scale[i] = a[i * n + i] > 0 ? 1 / sqrt(a[i * n + i]) : 1;
	for (size_t i = 0; i < n; i++)
	{
		b[i] *= scale[i];
		for (size_t j = 0; j < n; j++)
			a[i * n + j] *= scale[i] * scale[j];
		if (!(a[i * n + i] > 0))
			a[i * n + i] = 1; /* unconstrained: solved as 0 */
	}
	for (double ridge = 1e-10; ridge < 1e-2 && status < 0; ridge *= 100)
		status = try_cholesky(a, b, n, ridge, work);
	for (size_t i = 0; i < n; i++)
		b[i] *= scale[i];
	free(work);
	free(scale);
	return status == 0 ? 0 : err_raise(ASTRID_E_INTERNAL, "%zu normal equations are singular", n);
}

static double
residual(const double *term, const double *coef, int n_terms, double value)
{
	for (int j = 0; j < n_terms; j++)
		value -= coef[j] * term[j];
	return value;
}

static int
solve_weighted(const double *term, const double *value, const double *weight, size_t n, int n_terms,
			   double *coef)
{
	double a[POLYNOMIAL_MAX_TERMS * POLYNOMIAL_MAX_TERMS] = {0};

	memset(coef, 0, sizeof *coef * (size_t) n_terms);
	for (size_t i = 0; i < n; i++)
		for (int j = 0; j < n_terms; j++)
		{
			const double *t = term + i * (size_t) n_terms;

			coef[j] += weight[i] * t[j] * value[i];
			for (int k = 0; k < n_terms; k++)
				a[j * n_terms + k] += weight[i] * t[j] * t[k];
		}
	return polynomial_solve(a, coef, (size_t) n_terms);
}

/* Zero the weight of values more than kappa robust sigmas off. */
static void
clip(const double *term, const double *value, double *weight, size_t n, int n_terms, double kappa,
	 const double *coef, double *work)
{
	size_t used = 0;
	double sigma;

	for (size_t i = 0; i < n; i++)
		if (weight[i] > 0)
			work[used++] = residual(term + i * (size_t) n_terms, coef, n_terms, value[i]);
	sigma = stats_mad(work, used, 0);
	for (size_t i = 0; i < n; i++)
		if (fabs(residual(term + i * (size_t) n_terms, coef, n_terms, value[i])) > kappa * sigma)
			weight[i] = 0;
}

int
polynomial_fit(const double *term, const double *value, const double *weight, size_t n, int n_terms,
			   double kappa, double *coef)
{
	double *w = malloc(sizeof *w * (n + 1)), *work = malloc(sizeof *work * (n + 1));
	int status = -1;

	if (w == NULL || work == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for a fit to %zu values", n);
	else
	{
		memcpy(w, weight, sizeof *w * n);
		status = solve_weighted(term, value, w, n, n_terms, coef);
		for (int round = 0; kappa > 0 && status == 0 && round < CLIP_ROUNDS; round++)
		{
			clip(term, value, w, n, n_terms, kappa, coef, work);
			status = solve_weighted(term, value, w, n, n_terms, coef);
		}
	}
	free(w);
	free(work);
	return status;
}
