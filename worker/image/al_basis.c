/* Basis functions of the Alard-Lupton kernel and their convolution with images. See alard_lupton.h.
 * SPDX-License-Identifier: PostgreSQL */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/alard_lupton.h"
#include "image/convolve.h"

#define FWHM_PER_SIGMA 2.3548200450309493
#define MIN_SIGMA      0.7 /* px: narrower Gaussians are not sampled */
#define MIN_HALF       7

/* Widths around the Gaussian that would match two Gaussian PSFs, as in the rule of HOTPANTS'
 * manual, with a floor where the seeing of both is nearly the same. */
static void
choose_widths(const struct al_options *o, struct al_basis *b)
{
	static const double factor[AL_GAUSSIANS] = {0.5, 1, 2};
	static const int degree[AL_GAUSSIANS] = {4, 3, 2};
	const double s2 = (o->fwhm_blunt * o->fwhm_blunt - o->fwhm_sharp * o->fwhm_sharp) /
					  (FWHM_PER_SIGMA * FWHM_PER_SIGMA);
	const double least = 0.4 * fmax(o->fwhm_sharp, o->fwhm_blunt) / FWHM_PER_SIGMA * 2;
	const double match = fmax(s2 > 0 ? sqrt(s2) : 0, least);

	for (int g = 0; g < AL_GAUSSIANS; g++)
	{
		b->sigma[g] = fmax(factor[g] * match, MIN_SIGMA * (1 + 0.6 * g));
		b->degree[g] = degree[g];
	}
}

static void
make_taps(struct al_basis *b)
{
	for (int g = 0; g < AL_GAUSSIANS; g++)
		for (int d = 0; d <= b->degree[g]; d++)
		{
			double norm = 0;

			/* In units of sigma, and unit sum of |tap|: numbers of one size make good equations. */
			for (int u = -b->half; u <= b->half; u++)
				norm +=
					fabs(exp(-0.5 * u * u / (b->sigma[g] * b->sigma[g])) * pow(u / b->sigma[g], d));
			for (int u = -b->half; u <= b->half; u++)
				b->taps[g][d][u + b->half] =
					(float) (exp(-0.5 * u * u / (b->sigma[g] * b->sigma[g])) *
							 pow(u / b->sigma[g], d) / norm);
		}
}

static double
tap_sum(const struct al_basis *b, int g, int d)
{
	double sum = 0;

	for (int u = 0; u <= 2 * b->half; u++)
		sum += b->taps[g][d][u];
	return sum;
}

void
al_basis_make(const struct al_options *o, struct al_basis *b)
{
	memset(b, 0, sizeof *b);
	choose_widths(o, b);
	b->half = o->half > 0 ? o->half : (int) ceil(2.8 * b->sigma[AL_GAUSSIANS - 1]);
	b->half = b->half < MIN_HALF ? MIN_HALF : b->half > AL_MAX_HALF ? AL_MAX_HALF : b->half;
	make_taps(b);
	for (int g = 0; g < AL_GAUSSIANS; g++)
		for (int i = 0; i <= b->degree[g]; i++)
			for (int j = 0; i + j <= b->degree[g]; j++)
			{
				b->term[b->n].gaussian = g;
				b->term[b->n].i = i;
				b->term[b->n].j = j;
				b->term[b->n].sum =
					i % 2 == 0 && j % 2 == 0 ? tap_sum(b, g, i) * tap_sum(b, g, j) : 0;
				b->n++;
			}
}

static double
evaluate(const double *coef, int n_terms, const double *term)
{
	double v = 0;

	for (int t = 0; t < n_terms; t++)
		v += coef[t] * term[t];
	return v;
}

void
al_kernel_at(const struct al_kernel *k, double x, double y, float *stamp)
{
	const struct al_basis *b = &k->basis;
	const int size = 2 * b->half + 1;
	double term[POLYNOMIAL_MAX_TERMS];

	polynomial_at(POLYNOMIAL_MAX_TERMS, x, y, k->width, k->height, term);
	memset(stamp, 0, sizeof *stamp * (size_t) size * (size_t) size);
	for (int m = 0; m < b->n; m++)
	{
		const double a = evaluate(k->coef[m], POLYNOMIAL_MAX_TERMS, term);
		const float *tu = b->taps[b->term[m].gaussian][b->term[m].i];
		const float *tv = b->taps[b->term[m].gaussian][b->term[m].j];

		for (int v = 0; v < size; v++)
			for (int u = 0; u < size; u++)
				stamp[v * size + u] += (float) (a * tv[v] * tu[u]);
	}
}

double
al_sum_at(const struct al_kernel *k, double x, double y)
{
	double term[POLYNOMIAL_MAX_TERMS];

	polynomial_at(POLYNOMIAL_MAX_TERMS, x, y, k->width, k->height, term);
	return evaluate(k->sum_coef, POLYNOMIAL_MAX_TERMS, term);
}

/* model += coef(x, y) * image. On one row a polynomial of order 2 is c0 + c1 u + c2 u^2. */
static void
accumulate(const struct al_kernel *k, const double *coef, const float *image, float *model)
{
	const double du = 2.0 / k->width;

	for (int y = 0; y < k->height; y++)
	{
		const double v = 2 * (y + 0.5) / k->height - 1;
		const float c0 = (float) (coef[0] + coef[2] * v + coef[5] * v * v);
		const float c1 = (float) (coef[1] + coef[4] * v), c2 = (float) coef[3];
		const float step = (float) du, start = (float) (0.5 * du - 1);
		const size_t at = (size_t) y * (size_t) k->width;

		for (int x = 0; x < k->width; x++)
		{
			const float u = start + step * (float) x;

			model[at + (size_t) x] +=
				(c0 + u * (c1 + u * c2)) * (image != NULL ? image[at + (size_t) x] : 1);
		}
	}
}

int
al_apply(const struct al_kernel *k, const float *sharp, float *model)
{
	const struct al_basis *b = &k->basis;
	const size_t n = (size_t) k->width * (size_t) k->height;
	float *rows = malloc(sizeof *rows * n), *both = malloc(sizeof *both * n);
	int last_gaussian = -1, last_i = -1;

	if (rows == NULL || both == NULL)
	{
		free(rows);
		free(both);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory to convolve %zu pixels", n);
	}
	memset(model, 0, sizeof *model * n);
	for (int m = 0; m < b->n; m++)
	{
		const int g = b->term[m].gaussian, i = b->term[m].i;

		/* Terms come ordered by (gaussian, i): one pass along the rows serves all j. */
		if (g != last_gaussian || i != last_i)
			convolve_rows(sharp, k->width, k->height, b->taps[g][i], b->half, rows);
		last_gaussian = g;
		last_i = i;
		convolve_columns(rows, k->width, k->height, b->taps[g][b->term[m].j], b->half, both);
		accumulate(k, k->coef[m], both, model);
	}
	accumulate(k, k->background, NULL, model);
	free(rows);
	free(both);
	return 0;
}
