/* See convolve.h. SPDX-License-Identifier: PostgreSQL */
#include "image/convolve.h"

#include <string.h>

#include "core/err.h"

void
convolve_rows(const float *in, int width, int height, const float *taps, int half, float *out)
{
	memset(out, 0, sizeof *out * (size_t) width * (size_t) height);
	for (int y = 0; y < height; y++)
	{
		const float *row = in + (size_t) y * (size_t) width;
		float *dst = out + (size_t) y * (size_t) width;

		/* Tap by tap, so that the inner loop is one multiply-add over the row. */
		for (int u = -half; u <= half; u++)
		{
			const float k = taps[u + half];
			const int x0 = u > 0 ? u : 0, x1 = u < 0 ? width + u : width;

			for (int x = x0; x < x1; x++)
				dst[x] += k * row[x - u];
		}
	}
}

void
convolve_columns(const float *in, int width, int height, const float *taps, int half, float *out)
{
	memset(out, 0, sizeof *out * (size_t) width * (size_t) height);
	for (int y = 0; y < height; y++)
	{
		float *dst = out + (size_t) y * (size_t) width;

		for (int v = -half; v <= half; v++)
		{
			const float k = taps[v + half];
			const float *row;

			if (y - v < 0 || y - v >= height)
				continue;
			row = in + (size_t) (y - v) * (size_t) width;
			for (int x = 0; x < width; x++)
				dst[x] += k * row[x];
		}
	}
}

void
convolve_stamp(const float *a, int size_a, const float *b, int size_b, float *out)
{
	const int half = size_b / 2;

	for (int y = 0; y < size_a; y++)
		for (int x = 0; x < size_a; x++)
		{
			double sum = 0;

			for (int v = -half; v <= half; v++)
				for (int u = -half; u <= half; u++)
					if (x - u >= 0 && x - u < size_a && y - v >= 0 && y - v < size_a)
						sum += (double) b[(v + half) * size_b + u + half] *
							   a[(y - v) * size_a + x - u];
			out[y * size_a + x] = (float) sum;
		}
}

/* The next size that FFTW is fast at: 2^a 3^b 5^c 7^d. */
static int
fast_size(int n)
{
	for (;; n++)
	{
		int rest = n;

		for (int p = 2; p <= 7; p++)
			while (rest % p == 0)
				rest /= p;
		if (rest == 1)
			return n;
	}
}

int
convolver_init(struct convolver *c, int width, int height, int max_half)
{
	size_t real, half;

	memset(c, 0, sizeof *c);
	c->width = width;
	c->height = height;
	c->max_half = max_half;
	/* Zeros of one kernel radius keep the wrapped-around wings out of the image. */
	c->padded_width = fast_size(width + max_half);
	c->padded_height = fast_size(height + max_half);
	real = (size_t) c->padded_width * (size_t) c->padded_height;
	half = (size_t) (c->padded_width / 2 + 1) * (size_t) c->padded_height;
	c->real = fftwf_alloc_real(real);
	c->spectrum = fftwf_alloc_complex(half);
	c->kernel = fftwf_alloc_complex(half);
	if (c->real == NULL || c->spectrum == NULL || c->kernel == NULL)
	{
		convolver_free(c);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a %d x %d transform", c->padded_width,
						 c->padded_height);
	}
	c->forward = fftwf_plan_dft_r2c_2d(c->padded_height, c->padded_width, c->real, c->spectrum,
									   FFTW_ESTIMATE);
	c->inverse = fftwf_plan_dft_c2r_2d(c->padded_height, c->padded_width, c->spectrum, c->real,
									   FFTW_ESTIMATE);
	if (c->forward == NULL || c->inverse == NULL)
	{
		convolver_free(c);
		return err_raise(ASTRID_E_INTERNAL, "FFTW makes no plan for %d x %d", c->padded_width,
						 c->padded_height);
	}
	return 0;
}

void
convolver_free(struct convolver *c)
{
	if (c->forward != NULL)
		fftwf_destroy_plan(c->forward);
	if (c->inverse != NULL)
		fftwf_destroy_plan(c->inverse);
	fftwf_free(c->real);
	fftwf_free(c->spectrum);
	fftwf_free(c->kernel);
	memset(c, 0, sizeof *c);
}

void
convolver_set_kernel(struct convolver *c, const float *kernel, int size)
{
	const int half = size / 2, reach = half < c->max_half ? half : c->max_half;
	const size_t n = (size_t) c->padded_width * (size_t) c->padded_height;

	memset(c->real, 0, sizeof *c->real * n);
	for (int v = -reach; v <= reach; v++)
		for (int u = -reach; u <= reach; u++)
		{
			const int y = v < 0 ? v + c->padded_height : v, x = u < 0 ? u + c->padded_width : u;

			/* The transform's normalisation is folded into the kernel. */
			c->real[(size_t) y * (size_t) c->padded_width + (size_t) x] =
				kernel[(v + half) * size + u + half] / (float) n;
		}
	fftwf_execute_dft_r2c(c->forward, c->real, c->kernel);
}

void
convolver_apply(struct convolver *c, const float *in, float *out)
{
	const size_t row = sizeof(float) * (size_t) c->width;
	const size_t n = (size_t) (c->padded_width / 2 + 1) * (size_t) c->padded_height;
	float *s = (float *) c->spectrum; /* C11 6.2.5: a complex is an array of its two parts */
	const float *k = (const float *) c->kernel;

	memset(c->real, 0, sizeof *c->real * (size_t) c->padded_width * (size_t) c->padded_height);
	for (int y = 0; y < c->height; y++)
		memcpy(c->real + (size_t) y * (size_t) c->padded_width, in + (size_t) y * (size_t) c->width,
			   row);
	fftwf_execute(c->forward);
	for (size_t i = 0; i < 2 * n; i += 2)
	{
		const float a = s[i], b = s[i + 1];

		/* Written out: C's complex product would branch on NaN and infinity. */
		s[i] = a * k[i] - b * k[i + 1];
		s[i + 1] = a * k[i + 1] + b * k[i];
	}
	fftwf_execute(c->inverse);
	for (int y = 0; y < c->height; y++)
		memcpy(out + (size_t) y * (size_t) c->width,
			   c->real + (size_t) y * (size_t) c->padded_width, row);
}
