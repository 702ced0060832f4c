/* Stage coadd from file to file: noise falls, flux scale stays, cosmic rays go.
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
#include "stages/run.h"

#define FRAMES 4
#define HITS   30 /* cosmic rays on frame 1 */

static const struct drawn views[FRAMES] = {
	{.dx = 0,
	 .dy = 0,
	 .wcs = true,
	 .fwhm = 3.2,
	 .transparency = 0.7,
	 .sky = 300,
	 .sigma = 6,
	 .seed = 1},
	{.dx = 4.3,
	 .dy = -2.6,
	 .wcs = true,
	 .wcs_error = 0.6,
	 .fwhm = 2.6,
	 .transparency = 1,
	 .sky = 250,
	 .sigma = 6,
	 .seed = 2},
	{.dx = -6.5,
	 .dy = 3.5,
	 .wcs = true,
	 .wcs_error = -0.4,
	 .fwhm = 3,
	 .transparency = 0.9,
	 .sky = 280,
	 .sigma = 6,
	 .seed = 3},
	{.dx = 2.2,
	 .dy = 8.1,
	 .wcs = true,
	 .wcs_error = 0.3,
	 .fwhm = 2.9,
	 .transparency = 0.8,
	 .sky = 400,
	 .sigma = 6,
	 .seed = 4},
};
static char folder[] = "/tmp/astrid-coadd.XXXXXX";
static char path[FRAMES + 2][64];

static const char *
reference(void)
{
	return path[FRAMES];
}

static json_t *
request_of(const char *const *files, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(files[i]));
	return json_pack("{s:{s:o}, s:{s:s}}", "inputs", "science", list, "outputs", "reference",
					 reference());
}

static double
number(const json_t *report, const char *name)
{
	return json_number_value(json_object_get(json_object_get(report, "result"), name));
}

/* Robust scatter of the sky: pixels within 30 adu of zero, which holds no star to speak of. */
static double
sky_scatter(const struct image *im)
{
	double sum = 0, n = 0;

	for (size_t i = 0; i < image_size(im); i++)
		if (!(im->mask[i] & MASK_EXCLUDED) && fabsf(im->sci[i]) < 12)
		{
			sum += im->sci[i] * im->sci[i];
			n++;
		}
	return sqrt(sum / n);
}

/* Flux of an isolated star within 4 FWHM. */
static double
star_flux(const struct image *im, double x0, double y0)
{
	double sum = 0;

	for (int y = (int) y0 - 11; y <= (int) y0 + 11; y++)
		for (int x = (int) x0 - 11; x <= (int) x0 + 11; x++)
			if (hypot(x - x0, y - y0) < 11)
				sum += im->sci[y * im->width + x];
	return sum;
}

static bool
is_isolated(const struct field_star *star, int i, struct wcs *w)
{
	double x, y, u, v;

	if (wcs_sky2pix(w, star[i].ra, star[i].dec, &x, &y) < 0 || x < 40 || y < 40 || x > 360 ||
		y > 360)
		return false;
	for (int j = 0; j < FIELD_STARS; j++)
		if (j != i && wcs_sky2pix(w, star[j].ra, star[j].dec, &u, &v) == 0 &&
			hypot(u - x, v - y) < 24)
			return false;
	return star[i].flux > 10000;
}

static void
check_fluxes(const struct frame *f, double transparency)
{
	struct field_star star[FIELD_STARS];
	int n = 0;

	field_stars(star);
	for (int i = 0; i < FIELD_STARS; i++)
	{
		double x, y;

		if (!is_isolated(star, i, f->wcs))
			continue;
		wcs_sky2pix(f->wcs, star[i].ra, star[i].dec, &x, &y);
		assert_true(fabs(star_flux(&f->im, x, y) / (star[i].flux * transparency) - 1) < 0.03);
		n++;
	}
	assert_true(n >= 3);
}

static void
test_mean(void **unused)
{
	const char *files[FRAMES] = {path[0], path[1], path[2], path[3]};
	json_t *request = request_of(files, FRAMES), *report;
	const struct frame_request req = {.hdu = -1, .plane = -1};
	struct frame_info info;
	struct frame f;
	double scatter;

	(void) unused;
	assert_int_equal(stage_run(stage_find("coadd"), request, NULL, &report), 0);
	assert_true(number(report, "n_frames") == FRAMES && number(report, "n_left_out") == 0);
	assert_true(number(report, "anchor") == 1);
	assert_true(number(report, "total_exptime") == 60 * FRAMES);
	assert_true(number(report, "n_rejected") >= HITS);
	assert_int_equal(frame_read(reference(), &req, &f, &info), 0);
	scatter = sky_scatter(&f.im);
	print_message("# sky sigma %.2f (6 in one frame), gain %.2f, %g pixels rejected\n", scatter,
				  number(report, "gain"), number(report, "n_rejected"));
	/* Scaled by 1 / transparency, weighted: 6 / sqrt(0.49 + 1 + 0.81 + 0.64) = 3.5, less what
	 * resampling hides. */
	assert_true(scatter > 2.6 && scatter < 3.7);
	/* 2 (sum w)^2 / sum(w^2 / transparency) with w = transparency^2. */
	assert_true(fabs(number(report, "gain") - 2 * 2.94 * 2.94 / (0.343 + 1 + 0.729 + 0.512)) < 0.8);
	check_fluxes(&f, 1);
	for (int k = 0; k < HITS; k++)
	{
		size_t i = (size_t) (20 + 12 * k) * FIELD_SIZE + 377;

		assert_true(f.im.sci[i] < 1000); /* 5000 there on the anchor */
	}
	frame_free(&f);
	json_decref(report);
	json_decref(request);
}

static void
test_frame_left_out(void **unused)
{
	const struct drawn empty = {
		.wcs = true, .fwhm = 3, .transparency = 0, .sky = 200, .sigma = 5, .seed = 6};
	const char *files[3] = {path[1], path[FRAMES + 1], path[2]};
	json_t *request, *report;

	(void) unused;
	assert_int_equal(field_write(&empty, path[FRAMES + 1]), 0);
	request = request_of(files, 3);
	assert_int_equal(stage_run(stage_find("coadd"), request, NULL, &report), 0);
	assert_true(number(report, "n_frames") == 2 && number(report, "n_left_out") == 1);
	json_decref(report);
	json_decref(request);
}

static int
prepare(void **unused)
{
	struct frame f;
	int status;

	(void) unused;
	if (mkdtemp(folder) == NULL)
		return -1;
	for (int k = 0; k < FRAMES + 2; k++)
		snprintf(path[k], sizeof path[k], "%s/%d.fits", folder, k);
	for (int k = 0; k < FRAMES; k++)
	{
		status = field_draw(&views[k], &f);
		for (int h = 0; status == 0 && k == 1 && h < HITS; h++)
			f.im.sci[(20 + 12 * h) * FIELD_SIZE + 377] += 5000;
		if (status == 0)
			status = frame_write(path[k], &f, NULL);
		frame_free(&f);
		if (status < 0)
			return -1;
	}
	return 0;
}

static int
clean_up(void **unused)
{
	(void) unused;
	for (int k = 0; k < FRAMES + 2; k++)
		unlink(path[k]);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_mean),
									   cmocka_unit_test(test_frame_left_out)};

	return cmocka_run_group_tests(tests, prepare, clean_up);
}
