/* The clipped weighted mean: noise, cosmic rays, seeing, masks. SPDX-License-Identifier: PostgreSQL
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "image/stack.h"

#define SIZE   64
#define LAYERS 5

static uint64_t state = 88172645463325252u;

static double
gauss(void)
{
	double u[2];

	for (int i = 0; i < 2; i++)
	{
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		u[i] = (double) (state >> 11) / 9007199254740992.0;
	}
	return sqrt(-2 * log(u[0] + 1e-300)) * cos(2 * M_PI * u[1]);
}

struct layers
{
	struct stack_layer v[LAYERS];
	struct image out;
	size_t n_rejected;
};

/* Layer k has noise sigma (k + 1) about zero. */
static void
make(struct layers *l)
{
	assert_int_equal(image_alloc(&l->out, SIZE, SIZE, true), 0);
	for (int k = 0; k < LAYERS; k++)
	{
		struct image *im = &l->v[k].im;
		double sigma = k + 1;

		assert_int_equal(image_alloc(im, SIZE, SIZE, true), 0);
		l->v[k].weight = 1 / (sigma * sigma);
		for (size_t i = 0; i < image_size(im); i++)
		{
			im->sci[i] = (float) (sigma * gauss());
			im->var[i] = (float) (sigma * sigma);
		}
	}
}

static void
drop(struct layers *l)
{
	for (int k = 0; k < LAYERS; k++)
		image_free(&l->v[k].im);
	image_free(&l->out);
}

static void
test_noise(void **unused)
{
	/* 1 / sum(1 / sigma^2) over sigma = 1..5. */
	const double variance = 1 / (1 + 1 / 4.0 + 1 / 9.0 + 1 / 16.0 + 1 / 25.0);
	struct layers l;
	double sum = 0;

	(void) unused;
	make(&l);
	assert_int_equal(stack_mean(l.v, LAYERS, 6, &l.out, &l.n_rejected), 0);
	for (size_t i = 0; i < image_size(&l.out); i++)
	{
		sum += l.out.sci[i] * l.out.sci[i];
		assert_true(fabs(l.out.var[i] - variance) < 1e-5);
		assert_int_equal(l.out.mask[i], 0);
	}
	assert_int_equal(l.n_rejected, 0);
	assert_true(fabs(sum / (SIZE * SIZE) / variance - 1) < 0.08); /* 4096 values: 2.2 % */
	drop(&l);
}

static void
test_cosmic_rays(void **unused)
{
	struct layers l;

	(void) unused;
	make(&l);
	l.v[0].im.sci[100] = 500;
	l.v[3].im.sci[200] = 500;
	l.v[4].im.sci[300] = -500;
	assert_int_equal(stack_mean(l.v, LAYERS, 6, &l.out, &l.n_rejected), 0);
	assert_int_equal(l.n_rejected, 3);
	assert_true(fabsf(l.out.sci[100]) < 8 && fabsf(l.out.sci[200]) < 5 &&
				fabsf(l.out.sci[300]) < 5);
	assert_true(l.out.var[100] > 2 && l.out.var[200] < 1);

	assert_int_equal(stack_mean(l.v, 2, 6, &l.out, &l.n_rejected),
					 0); /* of two, the higher one goes */
	assert_int_equal(l.n_rejected, 1);
	assert_true(fabsf(l.out.sci[100]) < 10);
	drop(&l);
}

/* One layer is twice as sharp: the star's profile must be the mean, nothing clipped. */
static void
test_seeing(void **unused)
{
	struct layers l;
	double sum = 0;

	(void) unused;
	make(&l);
	for (int k = 0; k < LAYERS; k++)
		for (int y = 0; y < SIZE; y++)
			for (int x = 0; x < SIZE; x++)
			{
				double s = k == 0 ? 1.5 : 2.1, r2 = (x - 32) * (x - 32) + (y - 32) * (y - 32);

				l.v[k].im.sci[y * SIZE + x] +=
					(float) (1e5 / (2 * M_PI * s * s) * exp(-r2 / (2 * s * s)));
			}
	assert_int_equal(stack_mean(l.v, LAYERS, 6, &l.out, &l.n_rejected), 0);
	assert_int_equal(l.n_rejected, 0);
	for (int y = 17; y < 48; y++)
		for (int x = 17; x < 48; x++)
			sum += l.out.sci[y * SIZE + x];
	assert_true(fabs(sum / 1e5 - 1) < 0.002);
	drop(&l);
}

static void
test_masks(void **unused)
{
	struct layers l;

	(void) unused;
	make(&l);
	for (int k = 0; k < LAYERS; k++)
	{
		l.v[k].im.mask[10] = k < 3 ? MASK_SAT : 0;
		l.v[k].im.mask[11] = k < 2 ? MASK_SAT : 0;
		l.v[k].im.mask[12] = k < 2 ? MASK_CR : MASK_NO_DATA;
		l.v[k].im.mask[13] = MASK_DETECTED;
		if (k >= 2)
			l.v[k].im.sci[12] = NAN;
	}
	l.v[0].im.sci[14] = NAN;
	l.v[0].im.mask[14] = MASK_NO_DATA;
	assert_int_equal(stack_mean(l.v, LAYERS, 6, &l.out, &l.n_rejected), 0);
	assert_int_equal(l.out.mask[10], MASK_SAT);
	assert_int_equal(l.out.mask[11], 0);
	assert_int_equal(l.out.mask[12], MASK_CR | MASK_NO_DATA);
	assert_true(isnan(l.out.sci[12]));
	assert_int_equal(l.out.mask[13], MASK_DETECTED);
	assert_int_equal(l.out.mask[14], 0);
	assert_true(isfinite(l.out.sci[14]) && l.out.var[14] > 2);
	drop(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_noise),
									   cmocka_unit_test(test_cosmic_rays),
									   cmocka_unit_test(test_seeing), cmocka_unit_test(test_masks)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
