/* Robust statistics against values worked out by hand. SPDX-License-Identifier: PostgreSQL */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "image/stats.h"

#define NEAR(a, b, e) assert_true(fabs((a) - (b)) <= (e))

static void
median_of_odd_and_even_counts(void **state)
{
	double odd[] = {5, 1, 4, 2, 3}, even[] = {4, 1, 3, 2}, equal[] = {7, 7, 7, 7};
	float f[] = {3, -1, 2};

	(void) state;
	assert_true(stats_median(odd, 5) == 3);
	assert_true(stats_median(even, 4) == 2.5);
	assert_true(stats_median(equal, 4) == 7);
	assert_true(stats_median_f(f, 3) == 2);
	assert_true(isnan(stats_median(odd, 0)));
}

/* Every permutation of six values, so that no order of comparisons is left out. */
static void
median_does_not_depend_on_order(void **state)
{
	(void) state;
	for (int code = 0; code < 720; code++)
	{
		double pool[6] = {1, 2, 2, 3, 5, 8}, v[6];
		int rest = code;

		for (int n = 6; n > 0; n--)
		{
			int k = rest % n;

			rest /= n;
			v[6 - n] = pool[k];
			pool[k] = pool[n - 1];
		}
		assert_true(stats_median(v, 6) == 2.5);
	}
}

static void
mad_is_sigma_of_a_gaussian(void **state)
{
	double v[] = {1, 1, 2, 2, 4, 6, 9}; /* median 2, |v - 2| = 1 1 0 0 2 4 7, median 1 */

	(void) state;
	NEAR(stats_mad(v, 7, 2), 1.4826022185, 1e-9);
}

static void
quantiles_are_linear_between_order_statistics(void **state)
{
	double v[] = {40, 10, 30, 20};

	(void) state;
	NEAR(stats_quantile(v, 4, 0), 10, 0);
	NEAR(stats_quantile(v, 4, 1), 40, 0);
	NEAR(stats_quantile(v, 4, 0.5), 25, 1e-12);
	NEAR(stats_quantile(v, 4, 0.1), 13, 1e-12);
}

static void
clipping_leaves_an_outlier_out(void **state)
{
	double v[] = {10, 11, 9, 10, 12, 8, 10, 1000};
	struct clipped c = stats_clip(v, 8, 3, 10);

	(void) state;
	assert_int_equal(c.n, 7);
	NEAR(c.mean, 10, 1e-12);
	NEAR(c.median, 10, 1e-12);
	NEAR(c.std, sqrt(10.0 / 6), 1e-12);
	assert_true(v[7] == 1000); /* the input is not touched */
}

static void
no_iterations_means_no_clipping(void **state)
{
	double v[] = {0, 0, 0, 8};
	struct clipped c = stats_clip(v, 4, 3, 0);

	(void) state;
	assert_int_equal(c.n, 4);
	NEAR(c.mean, 2, 1e-12);
	NEAR(c.std, 4, 1e-12);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(median_of_odd_and_even_counts),
		cmocka_unit_test(median_does_not_depend_on_order),
		cmocka_unit_test(mad_is_sigma_of_a_gaussian),
		cmocka_unit_test(quantiles_are_linear_between_order_statistics),
		cmocka_unit_test(clipping_leaves_an_outlier_out),
		cmocka_unit_test(no_iterations_means_no_clipping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
