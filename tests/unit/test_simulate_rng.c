/* Random numbers of the simulator against published values and exact moments.
 * SPDX-License-Identifier: PostgreSQL */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "simulate/rng.h"

#define DRAWS 200000

/* First outputs of xoshiro256** from the state 1, 2, 3, 4: as the rand_xoshiro crate tests its port
 * of the reference implementation. */
static void
generator_gives_the_published_sequence(void **state)
{
	static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
	struct rng rng = {.s = {1, 2, 3, 4}, .spare = NAN};

	(void) state;
	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
		assert_int_equal(rng_next(&rng), expected[i]);
}

static void
streams_repeat_by_seed_and_differ_by_path(void **state)
{
	struct rng a = rng_make(7, STREAM_NOISE, 1, 2), b = rng_make(7, STREAM_NOISE, 1, 2);
	struct rng other[] = {rng_make(8, STREAM_NOISE, 1, 2), rng_make(7, STREAM_SCENE, 1, 2),
						  rng_make(7, STREAM_NOISE, 2, 1), rng_make(7, STREAM_NOISE, 1, 3)};
	const uint64_t first = rng_next(&a);

	(void) state;
	assert_int_equal(first, rng_next(&b));
	for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
		assert_int_not_equal(first, rng_next(&other[i]));
}

/* Bounds are five standard errors of the mean and of the variance (kurtosis of a Poisson law: 3 + 1
 * / mean). */
static void
poisson_has_equal_mean_and_variance(void **state)
{
	static const double means[] = {0.3, 4, 9.99, 10, 37.5, 1000, 2.5e5};

	(void) state;
	for (size_t m = 0; m < sizeof means / sizeof means[0]; m++)
	{
		struct rng rng = rng_make(11, STREAM_NOISE, m, 0);
		const double mean = means[m], kurtosis = 3 + 1 / mean;
		double sum = 0, square = 0;

		for (int i = 0; i < DRAWS; i++)
		{
			const double d = rng_poisson(&rng, mean) - mean;

			sum += d;
			square += d * d;
		}
		assert_true(fabs(sum / DRAWS) < 5 * sqrt(mean / DRAWS));
		assert_true(fabs(square / DRAWS - mean) < 5 * mean * sqrt((kurtosis - 1) / DRAWS));
	}
}

/* chi^2 of the whole distribution on both sides of the change of method; 1e-6 quantile for 30
 * degrees: 84. */
static void
poisson_follows_its_probabilities(void **state)
{
	static const double means[] = {6, 14};

	(void) state;
	for (size_t m = 0; m < 2; m++)
	{
		struct rng rng = rng_make(5, STREAM_NOISE, m, 0);
		double count[31] = {0}, chi2 = 0, left = DRAWS, left_count = DRAWS;

		for (int i = 0; i < DRAWS; i++)
			count[(int) fmin(30, rng_poisson(&rng, means[m]))]++;
		for (int k = 0; k < 30; k++)
		{
			const double p = exp(k * log(means[m]) - means[m] - lgamma(k + 1));

			if (p * DRAWS < 10)
				continue;
			chi2 += pow(count[k] - p * DRAWS, 2) / (p * DRAWS);
			left -= p * DRAWS;
			left_count -= count[k];
		}
		assert_true(chi2 < 84);
		assert_true(fabs(left_count - left) < 6 * sqrt(fmax(left, 10)));
	}
}

static void
poisson_of_nothing_is_nothing(void **state)
{
	struct rng rng = rng_make(1, STREAM_NOISE, 0, 0);

	(void) state;
	assert_true(rng_poisson(&rng, 0) == 0);
	assert_true(rng_poisson(&rng, -3) == 0);
	assert_true(rng_poisson(&rng, NAN) == 0);
}

static void
normal_has_unit_moments(void **state)
{
	struct rng rng = rng_make(3, STREAM_NOISE, 0, 0);
	double sum = 0, square = 0, fourth = 0;

	(void) state;
	for (int i = 0; i < DRAWS; i++)
	{
		const double d = rng_normal(&rng);

		sum += d;
		square += d * d;
		fourth += d * d * d * d;
	}
	assert_true(fabs(sum / DRAWS) < 5 / sqrt(DRAWS));
	assert_true(fabs(square / DRAWS - 1) < 5 * sqrt(2.0 / DRAWS));
	assert_true(fabs(fourth / DRAWS - 3) < 5 * sqrt(96.0 / DRAWS));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generator_gives_the_published_sequence),
		cmocka_unit_test(streams_repeat_by_seed_and_differ_by_path),
		cmocka_unit_test(poisson_has_equal_mean_and_variance),
		cmocka_unit_test(poisson_follows_its_probabilities),
		cmocka_unit_test(poisson_of_nothing_is_nothing),
		cmocka_unit_test(normal_has_unit_moments),
	};

	return cmocka_run_group_tests_name("simulate rng", tests, NULL, NULL);
}
