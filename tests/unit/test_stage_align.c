/* Stage align from file to file: residuals, refined WCS, science untouched, refusals.
 * SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "drawn_field.h"
#include "core/err.h"
#include "core/files.h"
#include "stages/run.h"

static char folder[] = "/tmp/astrid-align.XXXXXX";
static char science[64], reference[64], aligned[64];

static const struct drawn ref_view = {
	.wcs = true, .fwhm = 2.6, .transparency = 1, .sky = 300, .sigma = 5, .seed = 1};

static int
run_align(const char *match, json_t **report)
{
	json_t *request =
		json_pack("{s:{s:s, s:s}, s:{s:s}, s:{s:s}}", "inputs", "science", science, "reference",
				  reference, "outputs", "aligned", aligned, "params", "match", match);
	int status = stage_run(stage_find("align"), request, NULL, report);

	json_decref(request);
	return status;
}

static double
number(const json_t *report, const char *name)
{
	return json_number_value(json_object_get(json_object_get(report, "result"), name));
}

/* The refined WCS against the truth, and the stars' pixels: flux of the brightest around its true
 * place. */
static void
check_aligned(const struct drawn *view, double wcs_tolerance)
{
	const struct frame_request req = {.hdu = -1, .plane = -1};
	struct frame_info info;
	struct frame f;
	struct wcs *truth = field_wcs(view, 0);
	double worst = 0;

	assert_int_equal(frame_read(aligned, &req, &f, &info), 0);
	assert_int_equal(f.im.width, FIELD_SIZE);
	assert_non_null(f.wcs);
	assert_non_null(f.im.mask);
	assert_non_null(f.im.var);
	for (int k = 0; k < 9; k++)
	{
		double x = 50 + 150 * (k % 3), y = 50 + 150 * (k / 3), ra, dec, u, v;

		assert_int_equal(wcs_pix2sky(truth, x, y, &ra, &dec), 0);
		assert_int_equal(wcs_sky2pix(f.wcs, ra, dec, &u, &v), 0);
		worst = fmax(worst, hypot(u - x, v - y));
	}
	print_message("# refined WCS off by %.3f px at most\n", worst);
	assert_true(worst < wcs_tolerance);
	for (size_t i = 0; i < image_size(&f.im); i++)
		assert_true(isfinite(f.im.sci[i]) || (f.im.mask[i] & MASK_NO_DATA));
	wcs_free(truth);
	frame_free(&f);
}

static void
check_view(const struct drawn *view, const char *match, const char *method)
{
	char before[65], after[65];
	long long size;
	json_t *report;

	assert_int_equal(field_write(view, science), 0);
	assert_int_equal(files_digest(science, before, &size), 0);
	assert_int_equal(run_align(match, &report), 0);
	assert_int_equal(files_digest(science, after, &size), 0);
	assert_string_equal(before, after);
	print_message("# %s: residual %.3f px, fit %.3f px, %g stars, order %g\n", method,
				  number(report, "residual_px"), number(report, "fit_residual_px"),
				  number(report, "n_match"), number(report, "order"));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(report, "result"), "method")), method);
	assert_true(number(report, "residual_px") < 0.06);
	assert_true(number(report, "n_match") >= 20);
	assert_true(fabs(number(report, "flux_ratio") / view->transparency - 1) < 0.03);
	check_aligned(view, 0.08);
	json_decref(report);
}

static void
test_small_error(void **unused)
{
	const struct drawn view = {.dx = 13.3,
							   .dy = -7.6,
							   .rotation = 0.2,
							   .wcs = true,
							   .wcs_error = 0.7,
							   .fwhm = 3.4,
							   .transparency = 0.6,
							   .sky = 500,
							   .sigma = 6,
							   .seed = 2};

	(void) unused;
	check_view(&view, "auto", "wcs");
}

static void
test_large_error(void **unused)
{
	const struct drawn view = {.dx = -20,
							   .dy = 30,
							   .wcs = true,
							   .wcs_error = 45,
							   .fwhm = 2.2,
							   .transparency = 0.8,
							   .sky = 200,
							   .sigma = 5,
							   .seed = 3};

	(void) unused;
	check_view(&view, "auto", "offset");
}

static void
test_no_wcs(void **unused)
{
	const struct drawn view = {.dx = 10.5,
							   .dy = 20.25,
							   .rotation = 178,
							   .wcs = false,
							   .fwhm = 3,
							   .transparency = 0.9,
							   .sky = 200,
							   .sigma = 5,
							   .seed = 4};

	(void) unused;
	check_view(&view, "auto", "pattern");
}

static void
test_wcs_ignored(void **unused)
{
	const struct drawn view = {.dx = 3,
							   .dy = 2,
							   .wcs = true,
							   .fwhm = 3,
							   .transparency = 1,
							   .sky = 200,
							   .sigma = 5,
							   .seed = 5};

	(void) unused;
	check_view(&view, "stars", "shift");
}

static void
test_refusals(void **unused)
{
	const struct drawn empty = {
		.wcs = true, .fwhm = 3, .transparency = 0, .sky = 200, .sigma = 5, .seed = 6};
	json_t *report;

	(void) unused;
	assert_int_equal(field_write(&empty, science), 0);
	unlink(aligned);
	assert_int_equal(run_align("auto", &report), -1);
	assert_int_equal(err_code(), ASTRID_E_TOO_FEW_STARS);
	assert_int_equal(access(aligned, F_OK), -1);
	err_clear();
	unlink(science);
	assert_int_equal(run_align("auto", &report), -1);
	assert_int_equal(err_code(), ASTRID_E_NOT_FOUND);
	err_clear();
}

static int
prepare(void **unused)
{
	(void) unused;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(science, sizeof science, "%s/science.fits", folder);
	snprintf(reference, sizeof reference, "%s/reference.fits", folder);
	snprintf(aligned, sizeof aligned, "%s/aligned.fits", folder);
	return field_write(&ref_view, reference);
}

static int
clean_up(void **unused)
{
	(void) unused;
	unlink(science);
	unlink(reference);
	unlink(aligned);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_error), cmocka_unit_test(test_large_error),
		cmocka_unit_test(test_no_wcs),      cmocka_unit_test(test_wcs_ignored),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, prepare, clean_up);
}
