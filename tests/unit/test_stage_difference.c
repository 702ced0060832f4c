/* Stages difference and detect from file to file: what must be in the files, calibrated fluxes,
 * flags, refusals. SPDX-License-Identifier: PostgreSQL */
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
#include "image/detect.h"
#include "stages/run.h"

#define FAKES     36
#define FAKE_FLUX 1200.0 /* adu: S/N of about 30 */

static char folder[] = "/tmp/astrid-difference.XXXXXX";
static char science[64], reference[64], difference[64], score[64], table[64], csv[64];

static const struct drawn science_view = {
	.wcs = true, .fwhm = 3.4, .transparency = 0.8, .sky = 300, .sigma = 5, .seed = 7};
static const struct drawn reference_view = {
	.wcs = true, .fwhm = 2.7, .transparency = 1, .sky = 200, .sigma = 4, .seed = 8};

static double
fake_x(int i)
{
	return 40 + 64 * (i % 6) + 0.13 * (i % 5);
}

static double
fake_y(int i)
{
	return 40 + 64 * (i / 6) - 0.17 * (i % 3);
}

static double
fake_flux(int i)
{
	return i % 2 == 0 ? FAKE_FLUX : -FAKE_FLUX;
}

/* Science and reference of one field; changes on science; one hot pixel that nothing masked. */
static int
draw_pair(void **state)
{
	struct frame f;

	(void) state;
	assert_non_null(mkdtemp(folder));
	snprintf(science, sizeof science, "%s/science.fits", folder);
	snprintf(reference, sizeof reference, "%s/reference.fits", folder);
	snprintf(difference, sizeof difference, "%s/difference.fits", folder);
	snprintf(score, sizeof score, "%s/score.fits", folder);
	snprintf(table, sizeof table, "%s/detections.fits", folder);
	snprintf(csv, sizeof csv, "%s/detections.csv", folder);
	assert_int_equal(field_draw(&science_view, &f), 0);
	for (int i = 0; i < FAKES; i++)
		field_add_star(&f.im, fake_x(i), fake_y(i), fake_flux(i), science_view.fwhm);
	f.im.sci[200 * FIELD_SIZE + 200] += 600;
	assert_int_equal(frame_write(science, &f, NULL), 0);
	frame_free(&f);
	return field_write(&reference_view, reference);
}

static int
remove_folder(void **state)
{
	char command[64];

	(void) state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static int
run_difference(const char *sci, const char *ref, const char *key, const char *value,
			   json_t **report)
{
	json_t *request =
		json_pack("{s:{s:s, s:s}, s:{s:s, s:s}, s:{s:s}}", "inputs", "science", sci, "reference",
				  ref, "outputs", "difference", difference, "score", score, "params", key, value);
	int status = stage_run(stage_find("difference"), request, NULL, report);

	json_decref(request);
	return status;
}

static double
number(const json_t *report, const char *name)
{
	return json_number_value(json_object_get(json_object_get(report, "result"), name));
}

static void
assert_between(double value, double low, double high)
{
	if (!(value >= low && value <= high))
		print_error("%g is not within %g .. %g\n", value, low, high);
	assert_true(value >= low && value <= high);
}

static void
assert_report(const json_t *report, const char *convolved)
{
	const json_t *result = json_object_get(report, "result");
	const double scale = science_view.transparency / reference_view.transparency;
	const double expected = strcmp(convolved, "reference") == 0 ? scale : 1 / scale;

	assert_string_equal(json_string_value(json_object_get(result, "algorithm")), "alard_lupton");
	assert_string_equal(json_string_value(json_object_get(result, "convolved")), convolved);
	assert_between(number(report, "kernel_sum"), 0.97 * expected, 1.03 * expected);
	assert_between(number(report, "z_mad"), 0.95, 1.05);
	assert_between(number(report, "lag1"), -0.05, 0.05);
	assert_between(number(report, "used_fraction"), 0.97, 1);
	assert_true(number(report, "n_stamps") >= 10);
}

static void
test_difference_files(void **state)
{
	const struct frame_request req = {.hdu = -1, .plane = -1};
	struct frame_info info;
	struct frame f;
	json_t *report;
	double sum = 0, z[FIELD_SIZE];
	int within = 0;

	(void) state;
	if (run_difference(science, reference, "algorithm", "auto", &report) < 0)
		fail_msg("%s", err_message());
	assert_report(report, "reference");
	json_decref(report);
	assert_int_equal(frame_read(difference, &req, &f, &info), 0);
	assert_non_null(f.im.mask);
	assert_non_null(f.im.var);
	assert_non_null(f.wcs);
	assert_int_equal(f.psf_size % 2, 1);
	for (int i = 0; i < f.psf_size * f.psf_size; i++)
		sum += f.psf[i];
	assert_between(sum, 0.9999, 1.0001);
	for (int i = 0; i < FIELD_SIZE; i++)
		z[i] = f.im.sci[8 * FIELD_SIZE + i] / sqrt(f.im.var[8 * FIELD_SIZE + i]);
	for (int i = 0; i < FIELD_SIZE; i++)
		within += fabs(z[i]) < 0.6745;
	assert_between(within / (double) FIELD_SIZE, 0.42, 0.58);
	frame_free(&f);
	assert_int_equal(frame_read(score, &req, &f, &info), 0);
	assert_true(f.im.sci[(int) lround(fake_y(0)) * FIELD_SIZE + (int) lround(fake_x(0))] > 15);
	assert_true(f.im.sci[(int) lround(fake_y(1)) * FIELD_SIZE + (int) lround(fake_x(1))] < -15);
	frame_free(&f);
}

static void
detect_into(const char *path, json_t **report)
{
	json_t *request = json_pack("{s:{s:s, s:s, s:s, s:s}, s:{s:s}, s:{}}", "inputs", "difference",
								difference, "science", science, "reference", reference, "score",
								score, "outputs", "detections", path, "params");

	if (stage_run(stage_find("detect"), request, NULL, report) < 0)
		fail_msg("%s", err_message());
	json_decref(request);
}

enum
{
	X,
	Y,
	RA,
	DEC,
	FLUX,
	ERR,
	SNR,
	SCORE,
	N_COLUMNS
};

static size_t
read_detections(const char *path, double *v[N_COLUMNS], int32_t **flags)
{
	struct table_column c[N_COLUMNS + 1] = {
		{.name = "x", .type = 'D'},    {.name = "y", .type = 'D'},
		{.name = "ra", .type = 'D'},   {.name = "dec", .type = 'D'},
		{.name = "flux", .type = 'D'}, {.name = "flux_err", .type = 'D'},
		{.name = "snr", .type = 'D'},  {.name = "score", .type = 'D'},
		{.name = "flags", .type = 'J'}};
	size_t n;

	if (table_read(path, c, N_COLUMNS + 1, &n) < 0)
		fail_msg("%s", err_message());
	for (int k = 0; k < N_COLUMNS; k++)
		v[k] = c[k].data;
	*flags = c[N_COLUMNS].data;
	return n;
}

static void
free_detections(double *v[N_COLUMNS], int32_t *flags)
{
	for (int k = 0; k < N_COLUMNS; k++)
		free(v[k]);
	free(flags);
}

static int
nearest(double *const v[N_COLUMNS], size_t n, double x, double y)
{
	int best = -1;

	for (size_t i = 0; i < n; i++)
		if (hypot(v[X][i] - x, v[Y][i] - y) < 1.5 &&
			(best < 0 || hypot(v[X][i] - x, v[Y][i] - y) < hypot(v[X][best] - x, v[Y][best] - y)))
			best = (int) i;
	return best;
}

/* Every change is found with its sign, its flux within its error, and nothing else above 6 sigma is
 * clean. */
static void
check_fakes(double *const v[N_COLUMNS], const int32_t *flags, size_t n)
{
	struct wcs *truth = field_wcs(&science_view, 0);
	double pull = 0, square = 0;
	int found = 0, clean = 0;

	for (int i = 0; i < FAKES; i++)
	{
		const int k = nearest(v, n, fake_x(i), fake_y(i));
		double x, y, p;

		if (k < 0 || flags[k] != 0)
			continue;
		p = (v[FLUX][k] - fake_flux(i)) / v[ERR][k];
		assert_between(p, -5, 5);
		assert_between(v[SNR][k], 0.99 * fabs(v[FLUX][k]) / v[ERR][k],
					   1.01 * fabs(v[FLUX][k]) / v[ERR][k]);
		assert_int_equal(wcs_sky2pix(truth, v[RA][k], v[DEC][k], &x, &y), 0);
		assert_between(hypot(x - v[X][k], y - v[Y][k]), 0, 0.01);
		assert_true(isnan(v[SCORE][k]));
		pull += p;
		square += p * p;
		found++;
	}
	for (size_t i = 0; i < n; i++)
		clean += flags[i] == 0 && v[SNR][i] > 6;
	assert_true(found >= FAKES - 2); /* a fake may fall on a bright star */
	assert_between(pull / found, -0.6, 0.6);
	assert_between(sqrt(square / found), 0.6, 1.4);
	assert_true(clean <= found + 1);
	wcs_free(truth);
}

static void
test_detections(void **state)
{
	double *v[N_COLUMNS];
	int32_t *flags;
	json_t *report;
	size_t n;
	int hot;

	(void) state;
	detect_into(table, &report);
	n = read_detections(table, v, &flags);
	assert_int_equal(number(report, "n"), n);
	assert_int_equal(
		json_array_size(json_object_get(json_object_get(report, "records"), "detections")), n);
	assert_between(number(report, "snr_scale"), 0.9, 1.1);
	check_fakes(v, flags, n);
	hot = nearest(v, n, 200, 200);
	assert_true(hot < 0 || (flags[hot] & DETECTION_SHARP) != 0);
	free_detections(v, flags);
	json_decref(report);
}

static void
test_csv_holds_the_same(void **state)
{
	double *v[N_COLUMNS], *w[N_COLUMNS];
	int32_t *flags, *csv_flags;
	json_t *report;
	size_t n;

	(void) state;
	detect_into(csv, &report);
	json_decref(report);
	n = read_detections(table, v, &flags);
	assert_int_equal(read_detections(csv, w, &csv_flags), n);
	for (size_t i = 0; i < n; i++)
	{
		assert_between(w[FLUX][i], v[FLUX][i] - 1e-3, v[FLUX][i] + 1e-3);
		assert_int_equal(flags[i], csv_flags[i]);
	}
	free_detections(v, flags);
	free_detections(w, csv_flags);
}

static void
test_forced_directions(void **state)
{
	json_t *report;

	(void) state;
	/* the roles exchanged: now science is the sharper one and is convolved */
	assert_int_equal(run_difference(reference, science, "kernel_order", "1", &report), 0);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(report, "result"), "convolved")),
		"science");
	assert_between(number(report, "z_mad"), 0.95, 1.05);
	json_decref(report);
}

static void
assert_refused(const char *sci, const char *ref, const char *key, const char *value,
			   enum astrid_error_code code)
{
	json_t *report;

	unlink(difference);
	err_clear();
	assert_int_equal(run_difference(sci, ref, key, value, &report), -1);
	if (err_code() != code)
		print_error("%s\n", err_message());
	assert_int_equal(err_code(), code);
	assert_int_equal(access(difference, F_OK), -1);
	err_clear();
}

static void
test_refusals(void **state)
{
	struct drawn elsewhere = reference_view;
	struct frame small = {0};
	char other[64];

	(void) state;
	assert_refused(science, reference, "algorithm", "zogy", ASTRID_E_BAD_PARAMETER);
	assert_refused(science, reference, "max_flux_mismatch", "0", ASTRID_E_BAD_SUBTRACTION);
	/* another piece of sky: the fit may converge, the gate must not let it pass */
	snprintf(other, sizeof other, "%s/other.fits", folder);
	elsewhere.rotation = 90;
	assert_int_equal(field_write(&elsewhere, other), 0);
	assert_refused(science, other, "algorithm", "auto", ASTRID_E_BAD_SUBTRACTION);
	assert_int_equal(image_alloc(&small.im, 100, 100, true), 0);
	for (int i = 0; i < 100 * 100; i++)
		small.im.var[i] = 1;
	assert_int_equal(frame_write(other, &small, NULL), 0);
	frame_free(&small);
	assert_refused(science, other, "algorithm", "auto", ASTRID_E_SHAPE_MISMATCH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_difference_files),   cmocka_unit_test(test_detections),
		cmocka_unit_test(test_csv_holds_the_same), cmocka_unit_test(test_forced_directions),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests_name("stages difference and detect", tests, draw_pair,
									   remove_folder);
}
