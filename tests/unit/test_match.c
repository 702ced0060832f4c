/* Star matching: with spurious sources, offsets, rotation, scale and mirror images.
 * SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "image/match.h"

#define STARS    100
#define SPURIOUS 43 /* 30 % of a list */
#define LIST     (STARS + SPURIOUS)
#define SIZE     1000.0

static uint64_t state = 2463534242u;

static double
uniform(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (double) (state >> 11) / 9007199254740992.0;
}

static void
shuffle(struct point *p, size_t n)
{
	for (size_t i = n - 1; i > 0; i--)
	{
		size_t j = (size_t) (uniform() * (double) (i + 1));
		struct point swap = p[i];

		p[i] = p[j];
		p[j] = swap;
	}
}

/* b = true map of a with centroid noise; both lists get their own spurious sources and order. */
static void
make_lists(struct point *a, struct point *b, const double ma[3], const double mb[3])
{
	for (size_t i = 0; i < LIST; i++)
	{
		double u, v;

		a[i] = (struct point){SIZE * uniform(), SIZE * uniform(), 0.1};
		u = i < STARS ? a[i].x + 0.2 * (uniform() - 0.5) : SIZE * uniform();
		v = i < STARS ? a[i].y + 0.2 * (uniform() - 0.5) : SIZE * uniform();
		b[i] = (struct point){ma[0] + ma[1] * u + ma[2] * v, mb[0] + mb[1] * u + mb[2] * v, 0.1};
	}
	shuffle(a, LIST);
	shuffle(b, LIST);
}

static void
check_map(const struct transform *t, const double ma[3], const double mb[3], double tolerance)
{
	for (int corner = 0; corner < 4; corner++)
	{
		double x = SIZE * (corner & 1), y = SIZE * (corner >> 1), u, v;

		transform_apply(t, x, y, &u, &v);
		assert_true(hypot(u - (ma[0] + ma[1] * x + ma[2] * y),
						  v - (mb[0] + mb[1] * x + mb[2] * y)) < tolerance);
	}
}

static void
test_near(void **unused)
{
	const double ma[3] = {0.4, 1, 0}, mb[3] = {-0.3, 0, 1};
	struct point a[LIST], b[LIST];
	struct star_pair pairs[LIST];
	struct transform identity, t;
	struct fit_quality q;
	long n;

	(void) unused;
	make_lists(a, b, ma, mb);
	transform_identity(&identity);
	n = match_near(a, LIST, b, LIST, &identity, 3, pairs);
	assert_in_range(n, STARS - 6, STARS + 12);
	assert_true(match_expected(a, LIST, b, LIST, &identity, 3) < 2);
	for (long i = 0; i < n; i++)
		for (long j = 0; j < i; j++)
			assert_true(pairs[i].i != pairs[j].i && pairs[i].j != pairs[j].j);
	assert_int_equal(transform_fit_best(pairs, (size_t) n, 0, 1, 3, &t, &q), 0);
	check_map(&t, ma, mb, 0.1);
}

static void
test_offset(void **unused)
{
	const double ma[3] = {312.5, 1, 0}, mb[3] = {-147.25, 0, 1};
	struct point a[LIST], b[LIST];
	struct transform t;
	long n;

	(void) unused;
	make_lists(a, b, ma, mb);
	n = match_offset(a, LIST, b, LIST, SIZE / 2, &t);
	assert_in_range(n, STARS - 2, STARS + 10);
	check_map(&t, ma, mb, 0.5);
}

static void
test_triangles(void **unused)
{
	static const struct
	{
		double a[3], b[3];
	} maps[] = {
		{{812, 0.6, -0.8}, {-55, 0.8, 0.6}}, /* turned by 53 degrees */
		{{1000, -1, 0}, {1000, 0, -1}},      /* meridian flip */
		{{1000, -1, 0.002}, {3, 0.002, 1}},  /* mirror image */
		{{40, 1.7 * 0.98, 1.7 * -0.199},
		 {9, 1.7 * -0.199, 1.7 * -0.98}}, /* mirrored, turned, scaled */
	};
	struct point a[LIST], b[LIST];
	struct transform t;

	(void) unused;
	for (size_t k = 0; k < sizeof maps / sizeof maps[0]; k++)
	{
		make_lists(a, b, maps[k].a, maps[k].b);
		assert_in_range(match_triangles(a, LIST, b, LIST, 3, &t), STARS * 6 / 10, LIST);
		/* Three stars with noise of 0.1 px fix it to some pixels at the corners. */
		check_map(&t, maps[k].a, maps[k].b, 12);
	}
}

static void
test_nothing_in_common(void **unused)
{
	const double ma[3] = {0, 1, 0}, mb[3] = {0, 0, 1};
	struct point a[LIST], b[LIST];
	struct transform t;

	(void) unused;
	make_lists(a, b, ma, mb);
	for (size_t i = 0; i < LIST; i++)
		b[i] = (struct point){SIZE * uniform(), SIZE * uniform(), 0.1};
	assert_true(match_triangles(a, LIST, b, LIST, 3, &t) < 16);
	assert_true(match_offset(a, LIST, b, LIST, SIZE / 2, &t) < 10);
	assert_int_equal(match_triangles(a, 0, b, 0, 3, &t), 0);
	assert_int_equal(match_offset(a, 0, b, 0, 100, &t), 0);
	assert_int_equal(match_triangles(a, 2, b, 2, 3, &t), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_offset),
		cmocka_unit_test(test_triangles),
		cmocka_unit_test(test_nothing_in_common),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
