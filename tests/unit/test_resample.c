/* Lanczos-3 resampling against analytic profiles: shape, flux, variance, mask, NaN.
 * SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/resample.h"

#define SIZE   96
#define CENTRE 47.0

struct affine
{
	double a[3], b[3];
};

static int
affine_map(void *arg, double x, double y, double *u, double *v)
{
	const struct affine *m = arg;

	*u = m->a[0] + m->a[1] * x + m->a[2] * y;
	*v = m->b[0] + m->b[1] * x + m->b[2] * y;
	return 0;
}

/* Bent enough that the coarse grid must be refined: 4 px over the image. */
static int
bent_map(void *arg, double x, double y, double *u, double *v)
{
	double d = (x - CENTRE) / SIZE;

	(void) arg;
	*u = x + 16 * d * d * d;
	*v = y;
	return 0;
}

static int
no_map(void *arg, double x, double y, double *u, double *v)
{
	(void) arg;
	(void) u;
	(void) v;
	return x + y >= 0 ? -1 : -1;
}

static void
make_image(struct image *im, int width, int height)
{
	im->width = width;
	im->height = height;
	im->sci = calloc(image_size(im), sizeof *im->sci);
	im->mask = calloc(image_size(im), sizeof *im->mask);
	im->var = calloc(image_size(im), sizeof *im->var);
	assert_true(im->sci != NULL && im->mask != NULL && im->var != NULL);
}

static void
drop_image(struct image *im)
{
	free(im->sci);
	free(im->mask);
	free(im->var);
}

/* beta > 50: a Gaussian. */
static double
profile(double x, double y, double fwhm, double beta)
{
	double r2 = x * x + y * y, w = fwhm / 2;

	if (beta > 50)
		return exp(-M_LN2 * r2 / (w * w));
	return pow(1 + r2 * (pow(2, 1 / beta) - 1) / (w * w), -beta);
}

static void
draw(struct image *im, double x0, double y0, double fwhm, double beta)
{
	for (int y = 0; y < im->height; y++)
		for (int x = 0; x < im->width; x++)
		{
			im->sci[y * im->width + x] = (float) profile(x - x0, y - y0, fwhm, beta);
			im->var[y * im->width + x] = 1;
		}
}

/* Largest error of a star shifted by half a pixel, in parts of its peak. */
static double
shape_error(double fwhm, double beta)
{
	struct affine shift = {{0.5, 1, 0}, {0, 0, 1}};
	struct image in, out;
	double worst = 0;

	make_image(&in, SIZE, SIZE);
	make_image(&out, SIZE, SIZE);
	draw(&in, CENTRE, CENTRE, fwhm, beta);
	assert_int_equal(resample_lanczos3(&in, affine_map, &shift, &out), 0);
	for (int y = 10; y < SIZE - 10; y++)
		for (int x = 10; x < SIZE - 10; x++)
			worst = fmax(worst, fabs(out.sci[y * SIZE + x] -
									 profile(x + 0.5 - CENTRE, y - CENTRE, fwhm, beta)));
	drop_image(&in);
	drop_image(&out);
	return worst;
}

static void
test_shape(void **unused)
{
	/* FWHM in px, error in parts of the peak: by exact arithmetic on the sampled Gaussian, 1 to 2
	 * digits. */
	static const double table[][2] = {{2.0, 0.017}, {2.5, 0.010}, {3, 0.006}, {4, 0.003}};

	(void) unused;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
	{
		double gaussian = shape_error(table[i][0], 99), moffat = shape_error(table[i][0], 3.5);

		print_message(
			"# FWHM %.1f px: shape error %.4f (Gaussian), %.4f (Moffat 3.5) of the peak\n",
			table[i][0], gaussian, moffat);
		assert_true(fabs(gaussian - table[i][1]) < 0.0006);
		assert_true(moffat < table[i][1] + 0.003);
	}
}

static void
test_identity_is_exact(void **unused)
{
	struct affine same = {{0, 1, 0}, {0, 0, 1}}, whole = {{7, 1, 0}, {-4, 0, 1}};
	struct image in, out;

	(void) unused;
	make_image(&in, SIZE, SIZE);
	make_image(&out, SIZE, SIZE);
	draw(&in, CENTRE, CENTRE, 3, 3);
	assert_int_equal(resample_lanczos3(&in, affine_map, &same, &out), 0);
	assert_true(fabsf(out.sci[50 * SIZE + 40] - in.sci[50 * SIZE + 40]) < 1e-6f);
	assert_true(fabsf(out.var[50 * SIZE + 40] - 1) < 1e-5f);
	assert_int_equal(out.mask[50 * SIZE + 40], 0);
	assert_int_equal(resample_lanczos3(&in, affine_map, &whole, &out), 0);
	assert_true(fabsf(out.sci[50 * SIZE + 40] - in.sci[46 * SIZE + 47]) < 1e-6f);
	drop_image(&in);
	drop_image(&out);
}

static double
flux(const struct image *im, double x0, double y0, double radius)
{
	double sum = 0;

	for (int y = 0; y < im->height; y++)
		for (int x = 0; x < im->width; x++)
			if (hypot(x - x0, y - y0) < radius)
				sum += im->sci[y * im->width + x];
	return sum;
}

static void
test_flux(void **unused)
{
	/* Turned by 30 degrees; output pixels 0.9 as long as the input's: the sum over them is the
	 * same. */
	const double c = 0.9 * cos(M_PI / 6), s = 0.9 * sin(M_PI / 6);
	struct affine turned = {{0, c, -s}, {0, s, c}};
	struct image in, out;
	double total;

	(void) unused;
	make_image(&in, SIZE, SIZE);
	make_image(&out, SIZE, SIZE);
	turned.a[0] = 40.3 - c * CENTRE + s * CENTRE;
	turned.b[0] = 44.7 - s * CENTRE - c * CENTRE;
	draw(&in, 40.3, 44.7, 3, 99);
	total = M_PI * 9 / (4 * M_LN2); /* of the analytic Gaussian */
	assert_true(fabs(flux(&in, 40.3, 44.7, 20) / total - 1) < 1e-4);
	assert_int_equal(resample_lanczos3(&in, affine_map, &turned, &out), 0);
	assert_true(fabs(flux(&out, CENTRE, CENTRE, 20) / total - 1) < 0.002);
	drop_image(&in);
	drop_image(&out);
}

static void
test_bent_map(void **unused)
{
	struct image in, out;

	(void) unused;
	make_image(&in, SIZE, SIZE);
	make_image(&out, SIZE, SIZE);
	draw(&in, 30, CENTRE, 4, 99);
	assert_int_equal(resample_lanczos3(&in, bent_map, NULL, &out), 0);
	for (int y = 10; y < SIZE - 10; y++)
		for (int x = 10; x < SIZE - 10; x++)
		{
			double d = (x - CENTRE) / SIZE, area = 1 + 48 * d * d / SIZE;
			double truth = area * profile(x + 16 * d * d * d - 30, y - CENTRE, 4, 99);

			assert_true(fabs(out.sci[y * SIZE + x] - truth) < 0.005);
		}
	drop_image(&in);
	drop_image(&out);
}

/* A scale of 0.997 runs through all phases. Mean over random phases: 0.80 (astronomy.md 3.4). */
static void
test_variance(void **unused)
{
	struct affine m = {{0, 0.9871, 0}, {0, 0, 0.9871}};
	struct image in, out;
	double sum = 0, area = 0.9871 * 0.9871;
	int n = 0;

	(void) unused;
	make_image(&in, 400, 400);
	make_image(&out, 390, 390);
	for (size_t i = 0; i < image_size(&in); i++)
		in.var[i] = 4;
	assert_int_equal(resample_lanczos3(&in, affine_map, &m, &out), 0);
	for (int y = 10; y < 380; y++)
		for (int x = 10; x < 380; x++, n++)
			sum += out.var[y * 390 + x];
	print_message("# variance ratio at random phase %.4f\n", sum / n / 4 / (area * area));
	assert_true(fabs(sum / n / 4 / (area * area) - 0.80) < 0.03);
	drop_image(&in);
	drop_image(&out);
}

static void
test_mask(void **unused)
{
	struct affine shift = {{0.5, 1, 0}, {0, 0, 1}};
	struct image in, out;
	int n_bad = 0, n_sat = 0;

	(void) unused;
	make_image(&in, SIZE, SIZE);
	make_image(&out, SIZE, SIZE);
	for (size_t i = 0; i < image_size(&in); i++)
		in.sci[i] = 100;
	in.sci[20 * SIZE + 20] = 1e6f;
	in.mask[20 * SIZE + 20] = MASK_CR;
	in.sci[60 * SIZE + 60] = 65000;
	in.mask[60 * SIZE + 60] = MASK_SAT;
	in.mask[40 * SIZE + 70] = MASK_DETECTED;
	assert_int_equal(resample_lanczos3(&in, affine_map, &shift, &out), 0);
	for (size_t i = 0; i < image_size(&in); i++)
	{
		n_bad += (out.mask[i] & MASK_CR) != 0;
		n_sat += (out.mask[i] & MASK_SAT) != 0;
		if (!(out.mask[i] & MASK_EXCLUDED))
			assert_true(fabsf(out.sci[i] - 100) < 0.01f); /* nothing of 1e6 rings */
	}
	/* Half-pixel weights along the row: 0.024 -0.135 0.61 0.61 -0.135 0.024. */
	assert_int_equal(n_bad, 4);
	assert_int_equal(n_sat, 4);
	assert_int_equal(out.mask[40 * SIZE + 69], MASK_DETECTED);
	assert_int_equal(out.mask[20 * SIZE + 19] & MASK_CR, MASK_CR);
	drop_image(&in);
	drop_image(&out);
}

static void
test_no_data(void **unused)
{
	struct affine shift = {{0.3, 1, 0}, {-20.4, 0, 1}};
	struct image in, out;

	(void) unused;
	make_image(&in, SIZE, SIZE);
	make_image(&out, SIZE, SIZE);
	for (size_t i = 0; i < image_size(&in); i++)
	{
		in.sci[i] = (i % SIZE) > 50 ? NAN : 10; /* unlit half */
		in.var[i] = (i % SIZE) > 50 ? NAN : 1;
	}
	in.sci[40 * SIZE + 10] = INFINITY;
	assert_int_equal(resample_lanczos3(&in, affine_map, &shift, &out), 0);
	for (size_t i = 0; i < image_size(&out); i++)
	{
		assert_true(isfinite(out.sci[i]) || (out.mask[i] & MASK_NO_DATA));
		assert_true(isfinite(out.var[i]));
		if (!(out.mask[i] & MASK_EXCLUDED))
			assert_true(fabsf(out.sci[i] - 10) < 1e-3f);
	}
	assert_int_equal(out.mask[10 * SIZE + 30], MASK_NO_DATA); /* above the input */
	assert_true(isnan(out.sci[10 * SIZE + 30]));
	assert_true(isnan(out.sci[50 * SIZE + 80])); /* deep in the unlit half */
	assert_int_equal(out.mask[50 * SIZE + 30], 0);
	assert_true(out.mask[21 * SIZE + 30] & MASK_EDGE);
	assert_true(out.mask[60 * SIZE + 10] & MASK_NO_DATA); /* the infinity: 40 + 20.4 */
	drop_image(&in);
	drop_image(&out);
}

static void
test_map_without_value(void **unused)
{
	struct image in, out;

	(void) unused;
	make_image(&in, 8, 8);
	make_image(&out, 50, 3);
	assert_int_equal(resample_lanczos3(&in, no_map, NULL, &out), 0);
	for (size_t i = 0; i < image_size(&out); i++)
		assert_true(isnan(out.sci[i]) && out.mask[i] == MASK_NO_DATA);
	drop_image(&in);
	drop_image(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shape),    cmocka_unit_test(test_identity_is_exact),
		cmocka_unit_test(test_flux),     cmocka_unit_test(test_bent_map),
		cmocka_unit_test(test_variance), cmocka_unit_test(test_mask),
		cmocka_unit_test(test_no_data),  cmocka_unit_test(test_map_without_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
