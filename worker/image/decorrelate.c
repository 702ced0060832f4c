/* See decorrelate.h. SPDX-License-Identifier: PostgreSQL */
#include "image/decorrelate.h"

#include <math.h>
#include <string.h>

#include "core/err.h"
#include "image/convolve.h"

#define GRID 128 /* of the transforms; far larger than any kernel */
#define LEAST_POWER                                                                                \
	0.05 /* of the mean: frequencies without power carry no signal worth raising                   \
		  */
#define CLIP          4.0
#define ENOUGH_PIXELS 400000 /* more rows add nothing to the autocorrelation */

struct transform
{
	float *real;
	fftwf_complex *spectrum;
	fftwf_plan forward, inverse;
};

static int
transform_init(struct transform *t)
{
	memset(t, 0, sizeof *t);
	t->real = fftwf_alloc_real(GRID * GRID);
	t->spectrum = fftwf_alloc_complex(GRID * (GRID / 2 + 1));
	if (t->real == NULL || t->spectrum == NULL)
	{
		fftwf_free(t->real);
		fftwf_free(t->spectrum);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a transform");
	}
	t->forward = fftwf_plan_dft_r2c_2d(GRID, GRID, t->real, t->spectrum, FFTW_ESTIMATE);
	t->inverse = fftwf_plan_dft_c2r_2d(GRID, GRID, t->spectrum, t->real, FFTW_ESTIMATE);
	memset(t->real, 0, sizeof *t->real * GRID * GRID);
	return 0;
}

static void
transform_free(struct transform *t)
{
	fftwf_destroy_plan(t->forward);
	fftwf_destroy_plan(t->inverse);
	fftwf_free(t->real);
	fftwf_free(t->spectrum);
}

static size_t
wrapped(int x, int y)
{
	return (size_t) ((y + GRID) % GRID) * GRID + (size_t) ((x + GRID) % GRID);
}

/* Back to pixels, cut to the stamp, sum 1. */
static void
to_kernel(struct transform *t, float *phi)
{
	double sum = 0;

	fftwf_execute(t->inverse);
	for (int v = -WHITENING_HALF; v <= WHITENING_HALF; v++)
		for (int u = -WHITENING_HALF; u <= WHITENING_HALF; u++)
		{
			const float value = t->real[wrapped(u, v)];

			phi[(v + WHITENING_HALF) * WHITENING_SIZE + u + WHITENING_HALF] = value;
			sum += value;
		}
	for (int i = 0; i < WHITENING_SIZE * WHITENING_SIZE; i++)
		phi[i] = (float) (phi[i] / sum);
}

int
decorrelation_kernel(const float *kernel, int size, double v, double t_var, float *phi)
{
	struct transform t;
	const int half = size / 2;
	double at_zero;

	if (transform_init(&t) < 0)
		return -1;
	for (int y = -half; y <= half; y++)
		for (int x = -half; x <= half; x++)
			t.real[wrapped(x, y)] = kernel[(y + half) * size + x + half];
	fftwf_execute(t.forward);
	at_zero = v + t_var * pow(cabsf(t.spectrum[0]), 2);
	for (int i = 0; i < GRID * (GRID / 2 + 1); i++)
		t.spectrum[i] = (float) sqrt(at_zero / (v + t_var * pow(cabsf(t.spectrum[i]), 2)));
	to_kernel(&t, phi);
	transform_free(&t);
	return 0;
}

static double
lag_product(const float *z, const unsigned char *good, int width, int height, int dx, int dy,
			size_t *n)
{
	const int step = 1 + (int) ((size_t) width * (size_t) height / ENOUGH_PIXELS);
	double sum = 0;

	*n = 0;
	for (int y = 0; y + dy < height; y += step)
		for (int x = dx < 0 ? -dx : 0; x < width && x + dx < width; x++)
		{
			const size_t p = (size_t) y * (size_t) width + (size_t) x;
			const size_t q = (size_t) (y + dy) * (size_t) width + (size_t) (x + dx);

			if (good[p] && good[q] && fabsf(z[p]) < CLIP && fabsf(z[q]) < CLIP)
			{
				sum += (double) z[p] * z[q];
				(*n)++;
			}
		}
	return *n > 0 ? sum / (double) *n : 0;
}

size_t
noise_autocorrelation(const float *z, const unsigned char *good, int width, int height, double *acf)
{
	const int side = 2 * NOISE_LAGS + 1;
	size_t n, used;
	const double variance = lag_product(z, good, width, height, 0, 0, &used);

	for (int dy = 0; dy <= NOISE_LAGS; dy++)
		for (int dx = -NOISE_LAGS; dx <= NOISE_LAGS; dx++)
		{
			double r;

			if (dy == 0 && dx < 0)
				continue;
			r = variance > 0 ? lag_product(z, good, width, height, dx, dy, &n) / variance : 0;
			acf[(NOISE_LAGS + dy) * side + NOISE_LAGS + dx] = r;
			acf[(NOISE_LAGS - dy) * side + NOISE_LAGS - dx] = r;
		}
	return used;
}

int
whitening_kernel(const double *acf, float *phi)
{
	const int side = 2 * NOISE_LAGS + 1;
	struct transform t;
	double at_zero;

	if (transform_init(&t) < 0)
		return -1;
	for (int dy = -NOISE_LAGS; dy <= NOISE_LAGS; dy++)
		for (int dx = -NOISE_LAGS; dx <= NOISE_LAGS; dx++)
		{
			/* Hann's taper: a cut-off autocorrelation need not have a positive spectrum. */
			const double r = hypot(dx, dy) / (NOISE_LAGS + 1);
			const double taper = r < 1 ? 0.5 * (1 + cos(M_PI * r)) : 0;

			t.real[wrapped(dx, dy)] =
				(float) (taper * acf[(dy + NOISE_LAGS) * side + dx + NOISE_LAGS]);
		}
	fftwf_execute(t.forward);
	at_zero = fmax(crealf(t.spectrum[0]), LEAST_POWER);
	for (int i = 0; i < GRID * (GRID / 2 + 1); i++)
		t.spectrum[i] = (float) sqrt(at_zero / fmax(crealf(t.spectrum[i]), LEAST_POWER));
	to_kernel(&t, phi);
	transform_free(&t);
	return 0;
}
