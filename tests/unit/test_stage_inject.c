/* Stage inject: flux and place of what was added, mask, variance, seeds. SPDX-License-Identifier:
 * PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "drawn_field.h"
#include "core/err.h"
#include "stages/run.h"

#define SOURCES 25 /* 5 x 5, 70 px apart; and one off the image */
#define FLUX    20000.0
#define RADIUS  10

static const struct drawn view = {
	.wcs = true, .fwhm = 3, .transparency = 1, .sky = 300, .sigma = 5, .seed = 7};
static char folder[] = "/tmp/astrid-inject.XXXXXX";
static char science[64], positions[64], injected[2][64], truth[64];

static double
source_x(int i)
{
	return i == SOURCES ? 500 : 50 + 70 * (i % 5) + 0.13 * i;
}

static double
source_y(int i)
{
	return 52 + 70 * (i / 5 % 5) - 0.09 * i;
}

static int
write_positions(void)
{
	double x[SOURCES + 1], y[SOURCES + 1], flux[SOURCES + 1];
	struct table_column columns[3] = {
		{"x", 'D', 0, "", x}, {"y", 'D', 0, "", y}, {"flux", 'D', 0, "", flux}};

	for (int i = 0; i <= SOURCES; i++)
	{
		x[i] = source_x(i);
		y[i] = source_y(i);
		flux[i] = FLUX;
	}
	return table_write(positions, "POSITIONS", columns, 3, SOURCES + 1, NULL);
}

static json_t *
run_inject(const char *out, bool noise, int seed)
{
	json_t *request = json_pack("{s:{s:s, s:s}, s:{s:s, s:s}, s:{s:b, s:i}}", "inputs", "science",
								science, "positions", positions, "outputs", "science", out, "truth",
								truth, "params", "noise", noise, "seed", seed);
	json_t *report = NULL;

	assert_int_equal(stage_run(stage_find("inject"), request, NULL, &report), 0);
	json_decref(request);
	return report;
}

static void
read_image(const char *path, struct frame *f)
{
	const struct frame_request req = {.hdu = -1, .plane = -1};
	struct frame_info info;

	assert_int_equal(frame_read(path, &req, f, &info), 0);
}

/* Sum and centroid of what was added around one place. */
static void
check_source(const struct image *before, const struct image *after, double x0, double y0)
{
	double sum = 0, sx = 0, sy = 0;

	for (int y = (int) y0 - RADIUS; y <= (int) y0 + RADIUS; y++)
		for (int x = (int) x0 - RADIUS; x <= (int) x0 + RADIUS; x++)
		{
			size_t i = (size_t) y * FIELD_SIZE + (size_t) x;
			double d = after->sci[i] - before->sci[i];

			sum += d;
			sx += d * x;
			sy += d * y;
		}
	assert_true(fabs(sum / FLUX - 1) < 0.02);
	assert_true(hypot(sx / sum - x0, sy / sum - y0) < 0.05);
	assert_true(after->mask[(int) (y0 + 0.5) * FIELD_SIZE + (int) (x0 + 0.5)] & MASK_INJECTED);
}

static void
test_sources(void **unused)
{
	struct frame before, after;
	json_t *report = run_inject(injected[0], false, 1);
	struct table_column c = {.name = "snr", .type = 'D'};
	double *snr;
	size_t n;

	(void) unused;
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(report, "result"), "n_inside")),
		SOURCES);
	read_image(science, &before);
	read_image(injected[0], &after);
	for (int i = 0; i < SOURCES; i++)
		check_source(&before.im, &after.im, source_x(i), source_y(i));
	assert_true(after.im.mask[10 * FIELD_SIZE + 10] == 0 && after.im.var[10] == before.im.var[10]);
	assert_int_equal(table_read(truth, &c, 1, &n), 0);
	snr = c.data;
	assert_int_equal(n, SOURCES + 1);
	/* In sky noise of 5 a Gaussian of FWHM 3 px: FLUX / (5 sqrt(4 pi) 3 / 2.3548) = 886; less on a
	 * star. */
	assert_true(snr[0] > 500 && snr[0] < 960 && isnan(snr[SOURCES]));
	free(c.data);
	frame_free(&before);
	frame_free(&after);
	json_decref(report);
}

/* Two runs, by their seeds. */
static bool
same_pixels(int seed0, int seed1)
{
	struct frame f[2];
	bool same;

	json_decref(run_inject(injected[0], true, seed0));
	json_decref(run_inject(injected[1], true, seed1));
	read_image(injected[0], &f[0]);
	read_image(injected[1], &f[1]);
	same = memcmp(f[0].im.sci, f[1].im.sci, image_size(&f[0].im) * sizeof(float)) == 0;
	frame_free(&f[0]);
	frame_free(&f[1]);
	return same;
}

static void
test_noise_and_seed(void **unused)
{
	struct frame before, after;
	double sum = 0, sum2 = 0, var = 0;
	size_t i = (size_t) (int) (source_y(3) + 0.5) * FIELD_SIZE + (size_t) (source_x(3) + 0.5);

	(void) unused;
	assert_true(same_pixels(5, 5));
	assert_false(same_pixels(5, 6));
	read_image(science, &before);
	read_image(injected[0], &after);
	assert_true(after.im.var[i] > before.im.var[i] + 500); /* peak of 2000 adu, gain 2 */
	for (int k = 0; k < SOURCES; k++)
	{
		i = (size_t) (int) (source_y(k) + 0.5) * FIELD_SIZE + (size_t) (source_x(k) + 0.5);
		sum += after.im.sci[i] - before.im.sci[i];
		sum2 += 1;
		var += after.im.var[i] - before.im.var[i];
	}
	assert_true(sum / sum2 > 1000 && fabs(var / sum - 0.5) < 0.1); /* 1 / gain */
	frame_free(&before);
	frame_free(&after);
}

static int
prepare(void **unused)
{
	(void) unused;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(science, sizeof science, "%s/science.fits", folder);
	snprintf(positions, sizeof positions, "%s/positions.csv", folder);
	snprintf(truth, sizeof truth, "%s/truth.csv", folder);
	for (int k = 0; k < 2; k++)
		snprintf(injected[k], sizeof injected[k], "%s/injected%d.fits", folder, k);
	return field_write(&view, science) == 0 ? write_positions() : -1;
}

static int
clean_up(void **unused)
{
	(void) unused;
	unlink(science);
	unlink(positions);
	unlink(truth);
	unlink(injected[0]);
	unlink(injected[1]);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_sources),
									   cmocka_unit_test(test_noise_and_seed)};

	return cmocka_run_group_tests(tests, prepare, clean_up);
}
