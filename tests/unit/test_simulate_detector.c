/* The simulated CCD: noise, gain, bleeding, cosmic rays, masks. SPDX-License-Identifier: PostgreSQL
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "image/image.h"
#include "simulate/cosmics.h"
#include "simulate/detector.h"

#define SIZE   200
#define STRIDE (SIZE + OVERSCAN_COLUMNS)

static const struct cosmic_list no_cosmics = {NULL, 0};

struct setup
{
	struct detector det;
	struct canvas light;
};

static struct setup
make_setup(double level)
{
	struct setup s = {.light = {SIZE, SIZE, malloc(SIZE * SIZE * sizeof(float))}};

	assert_non_null(s.light.e);
	assert_int_equal(detector_make(&s.det, SIZE, SIZE, 42), 0);
	for (int i = 0; i < SIZE * SIZE; i++)
		s.light.e[i] = (float) level;
	return s;
}

static void
free_setup(struct setup *s)
{
	detector_free(&s->det);
	free(s->light.e);
}

static struct readout
expose(const struct setup *s, const struct cosmic_list *cosmics, uint64_t take)
{
	struct rng rng = rng_make(42, STREAM_NOISE, 0, take);
	struct readout out;

	assert_int_equal(detector_expose(&s->det, &s->light, 10, cosmics, &rng, &out), 0);
	return out;
}

/* Photon transfer (Janesick 2007): half the variance of the difference of two flats is signal /
 * gain + read noise. */
static void
photon_transfer_gives_gain_and_read_noise(void **state)
{
	struct setup bright = make_setup(30000), dark = make_setup(0);
	struct readout f1 = expose(&bright, &no_cosmics, 1), f2 = expose(&bright, &no_cosmics, 2);
	struct readout b1 = expose(&dark, &no_cosmics, 3), b2 = expose(&dark, &no_cosmics, 4);
	double signal = 0, flat = 0, bias = 0, flat_mean = 0, bias_mean = 0, n = 0;

	(void) state;
	for (int y = 0; y < SIZE; y++)
		for (int x = 0; x < SIZE; x++)
			if ((f1.mask[y * SIZE + x] & MASK_EXCLUDED) == 0)
			{
				const int p = y * STRIDE + x;

				signal += (f1.adu[p] + f2.adu[p] - b1.adu[p] - b2.adu[p]) / 2;
				flat_mean += f1.adu[p] - f2.adu[p];
				flat += pow(f1.adu[p] - f2.adu[p], 2) / 2;
				bias_mean += b1.adu[p] - b2.adu[p];
				bias += pow(b1.adu[p] - b2.adu[p], 2) / 2;
				n++;
			}
	/* the bias level drifts from frame to frame */
	flat = flat / n - pow(flat_mean / n, 2) / 2;
	bias = bias / n - pow(bias_mean / n, 2) / 2;
	assert_true(n > 0.9 * SIZE * SIZE);
	assert_true(fabs(signal / n / (flat - bias) / bright.det.gain - 1) < 0.02);
	assert_true(fabs(sqrt(bias) * bright.det.gain / bright.det.read_noise - 1) < 0.05);
	assert_true(fabs(bright.det.header_gain / bright.det.gain - 1) > 0.049);
	readout_free(&f1);
	readout_free(&f2);
	readout_free(&b1);
	readout_free(&b2);
	free_setup(&bright);
	free_setup(&dark);
}

static double
column_charge(const struct setup *s, const struct readout *out, int x)
{
	double sum = 0;

	for (int y = 0; y < SIZE; y++)
		sum += (out->adu[y * STRIDE + x] - s->det.bias_level) * s->det.gain;
	return sum;
}

/* A star of five full wells in one pixel: its charge stays in the column, above and below, and is
 * masked. */
static void
charge_above_the_full_well_bleeds_along_the_column(void **state)
{
	struct setup s = make_setup(0);
	const int x = 77, y = 100;
	struct readout out;
	double charge;
	int saturated = 0;

	(void) state;
	for (int i = 0; i < SIZE * SIZE; i++) /* a good column, whatever the seed made of it */
		s.det.bad[i] = 0, s.det.response[i] = 1, s.det.dark[i] = 0, s.det.bias[i] = 0;
	s.light.e[y * SIZE + x] = (float) (5 * s.det.full_well);
	out = expose(&s, &no_cosmics, 1);
	charge = column_charge(&s, &out, x) - column_charge(&s, &out, x + 1);
	assert_true(fabs(charge / (5 * s.det.full_well) - 1) < 0.01);
	for (int k = 0; k < SIZE; k++)
	{
		saturated += (out.mask[k * SIZE + x] & MASK_SAT) != 0;
		assert_int_equal(out.mask[k * SIZE + x + 1], 0);
	}
	assert_in_range(saturated, 5, 6);
	assert_true(out.mask[(y - 2) * SIZE + x] & MASK_SAT);
	assert_true(out.mask[(y + 2) * SIZE + x] & MASK_SAT);
	readout_free(&out);
	free_setup(&s);
}

static void
cosmic_ray_leaves_its_charge_under_its_mask(void **state)
{
	struct setup s = make_setup(100);
	struct cosmic track = {.x = 60, .y = 50, .length = 12, .angle = 0.6, .per_pixel = 2000};
	const struct cosmic_list one = {&track, 1};
	struct readout with, without;
	double inside = 0, outside = 0;

	(void) state;
	memset(s.det.bad, 0, SIZE * SIZE);
	with = expose(&s, &one, 1);
	without = expose(&s, &no_cosmics, 1); /* the same noise */
	for (int y = 0; y < SIZE; y++)
		for (int x = 0; x < SIZE; x++)
		{
			const double d = with.adu[y * STRIDE + x] - without.adu[y * STRIDE + x];

			if (with.mask[y * SIZE + x] & MASK_CR)
				inside += d;
			else
				outside += fabs(d);
		}
	assert_true(fabs(inside * s.det.gain / (12 * 2000.0) - 1) < 0.01);
	assert_true(outside == 0);
	readout_free(&with);
	readout_free(&without);
	free_setup(&s);
}

static void
counts_fit_a_sixteen_bit_converter(void **state)
{
	struct setup s = make_setup(1e7);
	struct readout out = expose(&s, &no_cosmics, 1);

	(void) state;
	for (int i = 0; i < STRIDE * SIZE; i++)
		assert_true(out.adu[i] >= 0 && out.adu[i] <= 65535 && out.adu[i] == floorf(out.adu[i]));
	readout_free(&out);
	free_setup(&s);
}

static void
defects_and_the_unlit_corner_are_in_the_mask(void **state)
{
	struct setup s = make_setup(1000);
	struct readout out = expose(&s, &no_cosmics, 1);
	int unlit = 0, bad = 0;

	(void) state;
	for (int i = 0; i < SIZE * SIZE; i++)
	{
		assert_int_equal((out.mask[i] & MASK_BAD) != 0, s.det.bad[i]);
		bad += s.det.bad[i];
		unlit += (out.mask[i] & MASK_NO_DATA) != 0;
	}
	assert_true(out.mask[SIZE - 1] & MASK_EXCLUDED); /* lower right */
	assert_true(bad > SIZE && bad < 4 * SIZE);
	assert_true(unlit > 50 && unlit < 0.02 * SIZE * SIZE);
	readout_free(&out);
	free_setup(&s);
}

/* Half of what a flat shows lies above 1: dividing by a flat of median 1 changes no flux on the
 * whole. */
static void
flats_see_a_median_response_of_one(void **state)
{
	struct setup s = make_setup(0);
	int above = 0;

	(void) state;
	for (int i = 0; i < SIZE * SIZE; i++)
		above += s.det.response[i] * s.det.flat_error[i] > 1;
	assert_in_range(above, SIZE * SIZE * 0.49, SIZE * SIZE * 0.51);
	free_setup(&s);
}

static void
variance_formula_agrees_with_exposures(void **state)
{
	struct setup s = make_setup(500);
	double sum = 0, expected = 0, n = 0;

	(void) state;
	for (uint64_t take = 0; take < 4; take++)
	{
		struct readout a = expose(&s, &no_cosmics, 2 * take),
					   b = expose(&s, &no_cosmics, 2 * take + 1);
		double level = 0;

		for (int i = 0; i < STRIDE * SIZE; i++)
			level += (a.adu[i] - b.adu[i]) / (STRIDE * SIZE);
		for (int y = 0; y < SIZE; y++)
			for (int x = 0; x < SIZE; x++)
				if (a.mask[y * SIZE + x] == 0)
				{
					const double d = a.adu[y * STRIDE + x] - b.adu[y * STRIDE + x] - level;
					const double r = s.det.response[y * SIZE + x];

					sum += pow(d * s.det.gain / r, 2) / 2;
					expected += detector_variance(&s.det, 10, 500, (size_t) (y * SIZE + x));
					n++;
				}
		readout_free(&a);
		readout_free(&b);
	}
	/* 150 000 squares: 0.4 % each; the converter's rounding and the drift along the frame add a
	 * little */
	assert_true(sum / expected > 0.98 && sum / expected < 1.03);
	free_setup(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(photon_transfer_gives_gain_and_read_noise),
		cmocka_unit_test(charge_above_the_full_well_bleeds_along_the_column),
		cmocka_unit_test(cosmic_ray_leaves_its_charge_under_its_mask),
		cmocka_unit_test(counts_fit_a_sixteen_bit_converter),
		cmocka_unit_test(defects_and_the_unlit_corner_are_in_the_mask),
		cmocka_unit_test(flats_see_a_median_response_of_one),
		cmocka_unit_test(variance_formula_agrees_with_exposures),
	};

	return cmocka_run_group_tests_name("simulate detector", tests, NULL, NULL);
}
