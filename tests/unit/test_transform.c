/* Fits of maps to star pairs: known maps come back exactly, outliers are left out, orders are not
 * raised for noise. SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "core/err.h"
#include "image/transform.h"

#define N 200

static uint64_t state = 88172645463325252u;

static double
uniform(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (double) (state >> 11) / 9007199254740992.0;
}

static double
gauss(void)
{
	return sqrt(-2 * log(uniform() + 1e-300)) * cos(2 * M_PI * uniform());
}

/* A turned, mirrored, scaled map with a cubic distortion of `bend` px at the edge. */
static void
truth(double x, double y, double bend, double *u, double *v)
{
	double X = (x - 500) / 500, Y = (y - 500) / 500;

	*u = 12.5 + 0.8 * x - 0.6 * y + bend * X * (X * X + Y * Y);
	*v = -7.25 - 0.6 * x - 0.8 * y + bend * Y * (X * X + Y * Y);
}

static void
make_pairs(struct star_pair *p, size_t n, double bend, double noise)
{
	for (size_t i = 0; i < n; i++)
	{
		p[i] = (struct star_pair){.x = 1000 * uniform(), .y = 1000 * uniform(), .sigma = 0.05};
		truth(p[i].x, p[i].y, bend, &p[i].u, &p[i].v);
		p[i].u += noise * gauss();
		p[i].v += noise * gauss();
	}
}

static void
test_affine_is_exact(void **unused)
{
	struct star_pair p[12];
	struct transform t;
	double a[3], b[3];

	(void) unused;
	make_pairs(p, 12, 0, 0);
	assert_int_equal(transform_fit(p, 12, 1, &t), 0);
	assert_true(transform_as_affine(&t, a, b));
	assert_true(fabs(a[0] - 12.5) < 1e-9 && fabs(a[1] - 0.8) < 1e-12 && fabs(a[2] + 0.6) < 1e-12);
	assert_true(fabs(b[0] + 7.25) < 1e-9 && fabs(b[1] + 0.6) < 1e-12 && fabs(b[2] + 0.8) < 1e-12);
}

static void
test_cubic_is_exact_and_chosen(void **unused)
{
	struct star_pair p[N];
	struct transform t;
	struct fit_quality q;
	double u, v, ut, vt;

	(void) unused;
	make_pairs(p, N, 3, 0.01);
	assert_int_equal(transform_fit_best(p, N, 0, 3, 3, &t, &q), 0);
	assert_int_equal(t.order, 3);
	assert_int_equal(q.order, 3);
	make_pairs(p, N, 3, 0);
	assert_int_equal(transform_fit(p, N, 3, &t), 0);
	transform_apply(&t, 77, 912, &u, &v);
	truth(77, 912, 3, &ut, &vt);
	assert_true(hypot(u - ut, v - vt) < 1e-8);
}

static void
test_noise_does_not_raise_the_order(void **unused)
{
	struct star_pair p[N];
	struct transform t;
	struct fit_quality q;

	(void) unused;
	make_pairs(p, N, 0, 0.05);
	assert_int_equal(transform_fit_best(p, N, 0, 3, 3, &t, &q), 0);
	assert_int_equal(q.order, 1);
	/* rms per axis is the noise (200 stars: 5 %), the median radius 1.1774 times that. */
	assert_true(fabs(q.rms_x - 0.05) < 0.01 && fabs(q.rms_y - 0.05) < 0.01);
	assert_true(fabs(q.median_radial - 0.0589) < 0.012);
	assert_true(fabs(q.chi_dof - 1) < 0.15);
}

static void
test_outliers_are_clipped(void **unused)
{
	struct star_pair p[N];
	struct transform t;
	struct fit_quality q;
	double u, v, ut, vt;
	size_t kept = 0;

	(void) unused;
	make_pairs(p, N, 0, 0.02);
	for (size_t i = 0; i < N / 4; i++)
		p[i].u += 1 + uniform();
	assert_int_equal(transform_fit_best(p, N, 1, 1, 3, &t, &q), 0);
	for (size_t i = 0; i < N / 4; i++)
		kept += p[i].used;
	assert_int_equal(kept, 0);
	transform_apply(&t, 500, 500, &u, &v);
	truth(500, 500, 0, &ut, &vt);
	assert_true(hypot(u - ut, v - vt) < 0.01);
}

static void
test_few_stars_give_a_shift(void **unused)
{
	struct star_pair p[7];
	struct transform t;
	struct fit_quality q;
	double a[3], b[3];

	(void) unused;
	for (size_t i = 0; i < 7; i++)
	{
		p[i] = (struct star_pair){.x = 250 * uniform(), .y = 250 * uniform(), .sigma = 0.05};
		p[i].u = p[i].x + 0.42 + 0.05 * gauss();
		p[i].v = p[i].y - 0.31 + 0.05 * gauss();
	}
	assert_int_equal(transform_fit_best(p, 7, 0, 3, 3, &t, &q), 0);
	assert_int_equal(q.order, 0);
	assert_true(transform_as_affine(&t, a, b));
	assert_true(fabs(a[0] - 0.42) < 0.06 && a[1] == 1 && a[2] == 0);
	assert_true(fabs(b[0] + 0.31) < 0.06 && b[1] == 0 && b[2] == 1);
}

static void
test_refusals(void **unused)
{
	struct star_pair p[10];
	struct transform t;

	(void) unused;
	make_pairs(p, 10, 0, 0);
	assert_int_equal(transform_fit(p, 2, 1, &t), -1);
	assert_int_equal(err_code(), ASTRID_E_TOO_FEW_STARS);
	err_clear();
	for (size_t i = 0; i < 10; i++) /* stars on a line */
		p[i].y = 3 * p[i].x + 1;
	assert_int_equal(transform_fit(p, 10, 1, &t), -1);
	assert_int_equal(err_code(), ASTRID_E_TOO_FEW_STARS);
	err_clear();
	assert_int_equal(transform_fit(p, 0, 0, &t), -1);
	err_clear();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_affine_is_exact),
		cmocka_unit_test(test_cubic_is_exact_and_chosen),
		cmocka_unit_test(test_noise_does_not_raise_the_order),
		cmocka_unit_test(test_outliers_are_clipped),
		cmocka_unit_test(test_few_stars_give_a_shift),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
