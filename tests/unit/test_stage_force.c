/* Stage force on a difference image drawn analytically: fluxes, errors, flags, both kinds of
 * positions. SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "drawn_field.h"
#include "core/err.h"
#include "image/detect.h"
#include "stages/run.h"

#define SOURCES 100 /* 10 x 10, 36 px apart */
#define FWHM    3.0
#define FLUX    800.0
#define STAMP   25

static char folder[] = "/tmp/astrid-force.XXXXXX";
static char difference[64], positions[64], measurements[64];

static double
source_x(int i)
{
	return 30.3 + 36 * (i % 10) + 0.07 * i;
}

static double
source_y(int i)
{
	return 32.6 + 36 * (i / 10) - 0.03 * i;
}

/* Every second source negative. Noise of 5, of which VAR tells only 4. */
static int
write_difference(void)
{
	const struct drawn blank = {
		.wcs = true, .fwhm = FWHM, .transparency = 0, .sky = 0, .sigma = 5, .seed = 9};
	const double s2 = FWHM * FWHM / (8 * M_LN2);
	struct frame f;
	double sum = 0;
	int status = field_draw(&blank, &f);

	f.psf_size = STAMP;
	f.psf = malloc(STAMP * STAMP * sizeof *f.psf);
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < STAMP * STAMP; i++)
		{
			double x = i % STAMP - STAMP / 2, y = i / STAMP - STAMP / 2;

			f.psf[i] = (float) exp(-(x * x + y * y) / (2 * s2)) / (float) (pass == 0 ? 1 : sum);
			sum += pass == 0 ? f.psf[i] : 0;
		}
	for (int i = 0; i < SOURCES; i++)
		field_add_star(&f.im, source_x(i), source_y(i), i % 2 == 0 ? FLUX : -FLUX, FWHM);
	for (size_t i = 0; i < image_size(&f.im); i++)
		f.im.var[i] = 16;
	for (int y = 0; y < 12; y++) /* the first source lies under a bad patch */
		for (int x = 0; x < 12; x++)
			f.im.mask[(28 + y) * FIELD_SIZE + 26 + x] = MASK_BAD;
	if (status == 0)
		status = frame_write(difference, &f, NULL);
	frame_free(&f);
	return status;
}

static int
write_positions(bool sky)
{
	const struct drawn blank = {.wcs = true};
	struct wcs *w = field_wcs(&blank, 0);
	double a[SOURCES + 1], b[SOURCES + 1];
	struct table_column columns[2] = {{sky ? "ra" : "x", 'D', 0, "", a},
									  {sky ? "dec" : "y", 'D', 0, "", b}};

	for (int i = 0; i <= SOURCES; i++)
	{
		double x = i < SOURCES ? source_x(i) : -20, y = i < SOURCES ? source_y(i) : 50;

		a[i] = x;
		b[i] = y;
		if (sky)
			wcs_pix2sky(w, x, y, &a[i], &b[i]);
	}
	wcs_free(w);
	return table_write(positions, "POSITIONS", columns, 2, SOURCES + 1, NULL);
}

static json_t *
run_force(void)
{
	json_t *request = json_pack("{s:{s:s, s:s}, s:{s:s}}", "inputs", "difference", difference,
								"positions", positions, "outputs", "measurements", measurements);
	json_t *report = NULL;

	assert_int_equal(stage_run(stage_find("force"), request, NULL, &report), 0);
	json_decref(request);
	return report;
}

static double
number(const json_t *report, const char *name)
{
	return json_number_value(json_object_get(json_object_get(report, "result"), name));
}

static void
check_table(void)
{
	struct table_column c[] = {{.name = "flux", .type = 'D'},
							   {.name = "flux_err", .type = 'D'},
							   {.name = "flags", .type = 'J'},
							   {.name = "snr", .type = 'D'}};
	double sum = 0, sum2 = 0, *flux, *error, *snr;
	int32_t *flags;
	size_t n;
	/* sigma sqrt(4 pi) FWHM / 2.3548, of a Gaussian in white noise. */
	const double expected = 5 * sqrt(4 * M_PI) * FWHM / 2.3548;

	assert_int_equal(table_read(measurements, c, 4, &n), 0);
	assert_int_equal(n, SOURCES + 1);
	flux = c[0].data;
	error = c[1].data;
	flags = c[2].data;
	snr = c[3].data;
	assert_int_equal(flags[0], DETECTION_MASKED);
	assert_int_equal(flags[SOURCES], DETECTION_EDGE | DETECTION_MASKED);
	assert_true(isnan(flux[SOURCES]) && isnan(snr[SOURCES]));
	for (int i = 1; i < SOURCES; i++)
	{
		double pull = (flux[i] - (i % 2 == 0 ? FLUX : -FLUX)) / error[i];

		assert_int_equal(flags[i], 0);
		assert_true(fabs(error[i] / expected - 1) < 0.12);
		assert_true((snr[i] > 0) == (i % 2 == 0));
		sum += pull;
		sum2 += pull * pull;
	}
	print_message("# pulls: mean %.3f, rms %.3f\n", sum / (SOURCES - 1),
				  sqrt(sum2 / (SOURCES - 1)));
	assert_true(fabs(sum / (SOURCES - 1)) < 0.4);
	assert_true(sqrt(sum2 / (SOURCES - 1)) > 0.8 && sqrt(sum2 / (SOURCES - 1)) < 1.25);
	for (int i = 0; i < 4; i++)
		free(c[i].data);
}

static void
check_positions(bool sky)
{
	json_t *report;

	assert_int_equal(write_positions(sky), 0);
	report = run_force();
	assert_true(number(report, "n") == SOURCES + 1 && number(report, "n_flagged") == 2);
	assert_true(fabs(number(report, "snr_scale") - 1.25) < 0.12); /* 5 / 4 */
	assert_true(fabs(number(report, "fwhm") - FWHM) < 0.1);
	check_table();
	json_decref(report);
}

static void
test_pixels(void **unused)
{
	(void) unused;
	check_positions(false);
}

static void
test_sky(void **unused)
{
	(void) unused;
	check_positions(true);
}

static void
test_refusals(void **unused)
{
	double a[1] = {1};
	struct table_column column = {"x", 'D', 0, "", a};
	json_t *request = json_pack("{s:{s:s, s:s}, s:{s:s}}", "inputs", "difference", difference,
								"positions", positions, "outputs", "measurements", measurements);
	json_t *report;

	(void) unused;
	assert_int_equal(table_write(positions, "POSITIONS", &column, 1, 1, NULL), 0);
	assert_int_equal(stage_run(stage_find("force"), request, NULL, &report), -1);
	assert_int_equal(err_code(), ASTRID_E_BAD_TABLE);
	err_clear();
	json_decref(request);
}

static int
prepare(void **unused)
{
	(void) unused;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(difference, sizeof difference, "%s/difference.fits", folder);
	snprintf(positions, sizeof positions, "%s/positions.csv", folder);
	snprintf(measurements, sizeof measurements, "%s/measurements.fits", folder);
	return write_difference();
}

static int
clean_up(void **unused)
{
	(void) unused;
	unlink(difference);
	unlink(positions);
	unlink(measurements);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_pixels), cmocka_unit_test(test_sky),
									   cmocka_unit_test(test_refusals)};

	return cmocka_run_group_tests(tests, prepare, clean_up);
}
