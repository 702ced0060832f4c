/* The PSF model itself; psf_measure.c makes it from stars. See psf.h. SPDX-License-Identifier:
 * PostgreSQL */
#include "image/psf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/convolve.h"
#include "image/polynomial.h"

#define LANCZOS_ORDER 5
#define RADIAL_STEP   0.25 /* px */

int
psf_copy(struct psf *dst, const struct psf *src)
{
	const size_t n = (size_t) src->n_terms * (size_t) src->size * (size_t) src->size;

	*dst = *src;
	dst->coef = malloc(sizeof *dst->coef * n);
	if (dst->coef == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a PSF model");
	memcpy(dst->coef, src->coef, sizeof *dst->coef * n);
	return 0;
}

void
psf_free(struct psf *psf)
{
	free(psf->coef);
	psf->coef = NULL;
}

static void
normalise(float *stamp, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += stamp[i];
	for (size_t i = 0; i < n; i++)
		stamp[i] = (float) (stamp[i] / sum);
}

void
psf_evaluate(const struct psf *psf, double x, double y, float *stamp)
{
	const size_t n = (size_t) psf->size * (size_t) psf->size;
	double term[POLYNOMIAL_MAX_TERMS];

	polynomial_at(psf->n_terms, x, y, psf->width, psf->height, term);
	memset(stamp, 0, sizeof *stamp * n);
	for (int j = 0; j < psf->n_terms; j++)
		for (size_t i = 0; i < n; i++)
			stamp[i] += (float) term[j] * psf->coef[(size_t) j * n + i];
	normalise(stamp, n);
}

double
psf_stamp_fwhm(const float *stamp, int size)
{
	const int half = size / 2;
	const double peak = stamp[half * size + half];
	double before = peak;

	for (double r = RADIAL_STEP; r < half; r += RADIAL_STEP)
	{
		double sum = 0;

		/* Azimuthal mean of the bilinear interpolation: smooth enough for a width. */
		for (int k = 0; k < 32; k++)
		{
			const double x = half + r * cos(k * M_PI / 16), y = half + r * sin(k * M_PI / 16);
			const int i = (int) x, j = (int) y;
			const double fx = x - i, fy = y - j;
			const float *p = stamp + j * size + i;

			sum += (1 - fy) * ((1 - fx) * p[0] + fx * p[1]) +
				   fy * ((1 - fx) * p[size] + fx * p[size + 1]);
		}
		sum /= 32;
		if (sum < peak / 2)
			return 2 * (r - RADIAL_STEP * (peak / 2 - sum) / (before - sum));
		before = sum;
	}
	return NAN;
}

int
psf_convolve(struct psf *psf, const float *kernel, int size)
{
	const size_t n = (size_t) psf->size * (size_t) psf->size;
	float *out = malloc(sizeof *out * n);

	if (out == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a PSF model");
	for (int j = 0; j < psf->n_terms; j++)
	{
		convolve_stamp(psf->coef + (size_t) j * n, psf->size, kernel, size, out);
		memcpy(psf->coef + (size_t) j * n, out, sizeof *out * n);
	}
	psf->fwhm = psf_stamp_fwhm(psf->coef, psf->size);
	free(out);
	return 0;
}

/* Taps t[k] for in[i + k - LANCZOS_ORDER] that move a sampled function by d. */
static void
lanczos_taps(double d, double *t)
{
	double sum = 0;

	for (int k = 0; k <= 2 * LANCZOS_ORDER; k++)
	{
		const double x = k - LANCZOS_ORDER + d, px = M_PI * x;

		if (fabs(x) < 1e-9)
			t[k] = 1;
		else if (fabs(x) >= LANCZOS_ORDER)
			t[k] = 0;
		else
			t[k] = LANCZOS_ORDER * sin(px) * sin(px / LANCZOS_ORDER) / (px * px);
		sum += t[k];
	}
	for (int k = 0; k <= 2 * LANCZOS_ORDER; k++)
		t[k] /= sum;
}

/* One row or column; in and out must differ. */
static void
shift_line(const float *in, int n, int stride, const double *t, float *out)
{
	for (int i = 0; i < n; i++)
	{
		double sum = 0;

		for (int k = 0; k <= 2 * LANCZOS_ORDER; k++)
		{
			const int j = i + k - LANCZOS_ORDER;

			if (j >= 0 && j < n)
				sum += t[k] * in[j * stride];
		}
		out[i * stride] = (float) sum;
	}
}

int
psf_shift(const float *stamp, int size, double dx, double dy, float *out)
{
	double t[2 * LANCZOS_ORDER + 1];
	float *rows = malloc(sizeof *rows * (size_t) size * (size_t) size);

	if (rows == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a stamp of %d px", size);
	lanczos_taps(dx, t);
	for (int y = 0; y < size; y++)
		shift_line(stamp + y * size, size, 1, t, rows + y * size);
	lanczos_taps(dy, t);
	for (int x = 0; x < size; x++)
		shift_line(rows + x, size, size, t, out + x);
	free(rows);
	return 0;
}
