/* See detector.h. SPDX-License-Identifier: PostgreSQL */
#include "simulate/detector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/image.h"
#include "simulate/cosmics.h"

#define ADC_MAX 65535.0

/* A smooth pattern of unit amplitude: a few long waves. */
struct waves
{
	double kx[4], ky[4], phase[4];
};

static struct waves
waves_draw(struct rng *rng)
{
	struct waves w;

	for (int i = 0; i < 4; i++)
	{
		w.kx[i] = rng_uniform(rng, -6, 6);
		w.ky[i] = rng_uniform(rng, -6, 6);
		w.phase[i] = rng_uniform(rng, 0, 2 * M_PI);
	}
	return w;
}

static double
waves_value(const struct waves *w, double u, double v)
{
	double sum = 0;

	for (int i = 0; i < 4; i++)
		sum += sin(w->kx[i] * u + w->ky[i] * v + w->phase[i]);
	return sum / 2; /* rms of four sines is sqrt(2) */
}

static double
smooth_step(double x)
{
	const double t = fmin(1, fmax(0, x));

	return t * t * (3 - 2 * t);
}

static void
fill_maps(struct detector *det, struct rng *rng)
{
	const struct waves lit = waves_draw(rng), wrong = waves_draw(rng);
	const double reach = 0.085 * det->width;

	for (int j = 0; j < det->height; j++)
		for (int i = 0; i < det->width; i++)
		{
			const size_t p = (size_t) j * (size_t) det->width + (size_t) i;
			const double u = 2.0 * i / det->width - 1, v = 2.0 * j / det->height - 1;
			const double corner = hypot(det->width - 1 - i, j); /* lower right */

			det->response[p] =
				(float) ((1 + 0.01 * rng_normal(rng)) * (1 + 0.02 * waves_value(&lit, u, v)) *
						 (0.02 + 0.98 * smooth_step(corner / reach - 0.6)));
			det->flat_error[p] = (float) (1 + 0.005 * waves_value(&wrong, u, v));
			det->dark[p] = (float) (0.02 * (1 + 0.1 * rng_normal(rng)));
			det->bias[p] = (float) (1.5 * sin(0.05 * i) + 0.5 * rng_normal(rng));
		}
}

static int
ascending(const void *a, const void *b)
{
	const float x = *(const float *) a, y = *(const float *) b;

	return (x > y) - (x < y);
}

/* Flats are scaled to median 1: then so must the response be that they show, or every flux is off
 * by the difference. */
static int
normalise_response(struct detector *det)
{
	const size_t n = (size_t) det->width * (size_t) det->height;
	float *seen = malloc(n * sizeof *seen), median;

	if (seen == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a median");
	for (size_t p = 0; p < n; p++)
		seen[p] = det->response[p] * det->flat_error[p];
	qsort(seen, n, sizeof *seen, ascending);
	median = seen[n / 2];
	for (size_t p = 0; p < n; p++)
		det->response[p] /= median;
	free(seen);
	return 0;
}

/* Dead and hot columns over part of the height, and scattered single pixels. */
static void
spoil_pixels(struct detector *det, struct rng *rng)
{
	const size_t width = (size_t) det->width, n = width * (size_t) det->height;

	for (int k = 0; k < 3; k++)
	{
		const size_t x = (size_t) rng_uniform(rng, 10, det->width - 10);
		const size_t from = k == 0 ? 0 : (size_t) rng_uniform(rng, 0, 0.6 * det->height);

		for (size_t y = from; y < (size_t) det->height; y++)
		{
			det->bad[y * width + x] = 1;
			if (k % 2 == 0)
				det->response[y * width + x] = 0.03f;
			else
				det->dark[y * width + x] = (float) rng_uniform(rng, 60, 90);
		}
	}
	for (size_t k = 0; k < n / 10000; k++)
	{
		const size_t p = (size_t) rng_uniform(rng, 0, (double) n);

		det->bad[p] = 1;
		if (k % 3 == 0)
			det->response[p] = 0.05f;
		else
			det->dark[p] = (float) rng_log_uniform(rng, 10, 300);
	}
}

int
detector_make(struct detector *det, int width, int height, uint64_t seed)
{
	const size_t n = (size_t) width * (size_t) height;
	struct rng rng = rng_make(seed, STREAM_DETECTOR, 0, 0);

	*det = (struct detector){.width = width,
							 .height = height,
							 .gain = rng_uniform(&rng, 1.4, 1.8),
							 .read_noise = rng_uniform(&rng, 5, 8),
							 .bias_level = rng_uniform(&rng, 900, 1100),
							 .saturation = 60000};
	det->full_well = (62000 - det->bias_level) * det->gain;
	det->header_gain = det->gain * (rng_uniform(&rng, 0, 1) < 0.5 ? 0.95 : 1.05);
	det->response = malloc(n * sizeof(float));
	det->flat_error = malloc(n * sizeof(float));
	det->dark = malloc(n * sizeof(float));
	det->bias = malloc(n * sizeof(float));
	det->bad = calloc(n, 1);
	if (det->response == NULL || det->flat_error == NULL || det->dark == NULL ||
		det->bias == NULL || det->bad == NULL)
	{
		detector_free(det);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a detector of %d x %d", width, height);
	}
	fill_maps(det, &rng);
	if (normalise_response(det) < 0)
	{
		detector_free(det);
		return -1;
	}
	spoil_pixels(det, &rng);
	return 0;
}

void
detector_free(struct detector *det)
{
	free(det->response);
	free(det->flat_error);
	free(det->dark);
	free(det->bias);
	free(det->bad);
	*det = (struct detector){0};
}

double
detector_variance(const struct detector *det, double exptime, double light, size_t pixel)
{
	const double r = det->response[pixel];

	return (light * r + det->dark[pixel] * exptime + det->read_noise * det->read_noise) / (r * r);
}

/* Half of the charge above the full well goes up the column, half down, each to the first pixels
 * with room. */
static void
bleed_column(const struct detector *det, struct canvas *charge, int x, double *share)
{
	const size_t width = (size_t) charge->width;
	float *column = charge->e + x;
	double carry = 0;

	for (int y = 0; y < charge->height; y++)
	{
		float *level = &column[(size_t) y * width];

		share[y] = fmax(0, *level - det->full_well) / 2;
		*level = fminf(*level, (float) det->full_well);
	}
	for (int direction = 0; direction < 2; direction++, carry = 0)
		for (int k = 0; k < charge->height; k++)
		{
			const int y = direction == 0 ? k : charge->height - 1 - k;
			float *level = &column[(size_t) y * width];
			const double room = fmax(0, det->full_well - *level);

			carry += share[y];
			*level += (float) fmin(room, carry);
			carry -= fmin(room, carry);
		}
}

static int
bleed(const struct detector *det, struct canvas *charge)
{
	double *share = malloc((size_t) charge->height * sizeof *share);

	if (share == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a column");
	for (int x = 0; x < charge->width; x++)
		bleed_column(det, charge, x, share);
	free(share);
	return 0;
}

/* Photon and dark electrons with their noise, then the cosmic rays, which the noise of the sky does
 * not see. */
static void
collect(const struct detector *det, const struct canvas *canvas, double exptime,
		const struct cosmic_list *cosmics, struct rng *rng, struct canvas *charge, int32_t *mask)
{
	const size_t n = (size_t) det->width * (size_t) det->height;

	cosmics_deposit(cosmics, charge);
	for (size_t p = 0; p < n; p++)
	{
		const double light = canvas != NULL ? canvas->e[p] * det->response[p] : 0;
		const double mean = light + det->dark[p] * exptime;

		if (charge->e[p] > sqrt(mean + det->read_noise * det->read_noise))
			mask[p] |= MASK_CR;
		if (det->bad[p])
			mask[p] |= MASK_BAD;
		else if (det->response[p] < UNLIT)
			mask[p] |= MASK_NO_DATA;
		charge->e[p] += (float) rng_poisson(rng, mean);
	}
}

static double
digitise(double adu)
{
	return fmin(ADC_MAX, fmax(0, floor(adu + 0.5)));
}

static void
convert(const struct detector *det, const struct canvas *charge, struct rng *rng,
		struct readout *out)
{
	const double drift = rng_normal(rng), slope = rng_normal(rng);
	const size_t width = (size_t) det->width, stride = width + OVERSCAN_COLUMNS;

	for (size_t y = 0; y < (size_t) det->height; y++)
	{
		const double level = det->bias_level + 3 * drift + slope * (double) y / det->height;

		for (size_t x = 0; x < stride; x++)
		{
			const size_t p = y * width + x;
			double adu = level + det->read_noise / det->gain * rng_normal(rng);

			if (x < width)
				adu += det->bias[p] + charge->e[p] / det->gain;
			out->adu[y * stride + x] = (float) digitise(adu);
			if (x < width && out->adu[y * stride + x] >= det->saturation)
				out->mask[p] |= MASK_SAT;
		}
	}
}

int
detector_expose(const struct detector *det, const struct canvas *canvas, double exptime,
				const struct cosmic_list *cosmics, struct rng *rng, struct readout *out)
{
	const size_t width = (size_t) det->width, height = (size_t) det->height;
	struct canvas charge = {det->width, det->height, calloc(width * height, sizeof(float))};
	int result = -1;

	out->adu = malloc((width + OVERSCAN_COLUMNS) * height * sizeof *out->adu);
	out->mask = calloc(width * height, sizeof *out->mask);
	if (charge.e == NULL || out->adu == NULL || out->mask == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for a readout");
	else
	{
		collect(det, canvas, exptime, cosmics, rng, &charge, out->mask);
		result = bleed(det, &charge);
		if (result == 0)
			convert(det, &charge, rng, out);
	}
	free(charge.e);
	if (result < 0)
		readout_free(out);
	return result;
}

void
readout_free(struct readout *out)
{
	free(out->adu);
	free(out->mask);
	out->adu = NULL;
	out->mask = NULL;
}
