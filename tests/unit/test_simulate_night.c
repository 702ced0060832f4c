/*
 * A whole small night: the same for the same seed, and photometry of its frames closes with the
 * truth. SPDX-License-Identifier: PostgreSQL
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/err.h"
#include "image/fits.h"
#include "simulate/cosmics.h"
#include "simulate/field.h"
#include "simulate/night.h"

#define SIZE 320

struct folders
{
	char a[64], b[64], c[64];
};

static void
take_night(char *folder, uint64_t seed)
{
	struct night_options options = {
		.dir = folder, .seed = seed, .size = SIZE, .fields = 1, .null_field = false};
	int transients;

	strcpy(folder, "/tmp/astrid-night.XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(night_simulate(&options, &transients), 0);
	assert_in_range(transients, 3, 6);
}

static int
take_nights(void **state)
{
	struct folders *f = calloc(1, sizeof *f);

	assert_non_null(f);
	take_night(f->a, 5);
	take_night(f->b, 5);
	take_night(f->c, 6);
	*state = f;
	return 0;
}

static int
remove_nights(void **state)
{
	struct folders *f = *state;
	char command[256];

	snprintf(command, sizeof command, "rm -rf %s %s %s", f->a, f->b, f->c);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static struct frame
read_frame(const char *folder, const char *name)
{
	const struct frame_request request = {.hdu = -1, .plane = -1};
	struct frame frame;
	struct frame_info info;
	char path[256];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(frame_read(path, &request, &frame, &info), 0);
	/* regression: a file once began with the HDUs of the one written before it */
	assert_int_equal(info.n_hdu, strstr(name, "mask") != NULL ? 3 : 2);
	return frame;
}

static void
seed_decides_every_pixel(void **state)
{
	static const char *const names[] = {"raw/bias_1.fits", "raw/flat_5.fits", "raw/ref_sparse.fits",
										"raw/sci_sparse_1.fits", "raw/sci_sparse_2.fits"};
	const struct folders *f = *state;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
	{
		struct frame a = read_frame(f->a, names[i]), b = read_frame(f->b, names[i]);
		struct frame c = read_frame(f->c, names[i]);
		const size_t bytes = image_size(&a.im) * sizeof(float);

		assert_memory_equal(a.im.sci, b.im.sci, bytes);
		assert_true(memcmp(a.im.sci, c.im.sci, bytes) != 0);
		frame_free(&a);
		frame_free(&b);
		frame_free(&c);
	}
}

static size_t
read_truth(const char *folder, struct table_column columns[5])
{
	static const char *const names[] = {"x", "y", "flux_adu", "snr", "masked"};
	char path[256];
	size_t n;

	snprintf(path, sizeof path, "%s/truth.fits", folder);
	for (int i = 0; i < 5; i++)
		columns[i] = (struct table_column){.name = names[i], .type = 'D'};
	assert_int_equal(table_read(path, columns, 5, &n), 0);
	return n;
}

static void
seed_decides_the_truth(void **state)
{
	const struct folders *f = *state;
	struct table_column a[5], b[5];
	const size_t n = read_truth(f->a, a);

	assert_int_equal(n, read_truth(f->b, b));
	assert_true(n > 6);
	for (int i = 0; i < 5; i++)
	{
		assert_memory_equal(a[i].data, b[i].data, n * sizeof(double));
		free(a[i].data);
		free(b[i].data);
	}
}

static void
header_says_what_calibration_needs(void **state)
{
	const struct folders *f = *state;
	struct frame frame = read_frame(f->a, "raw/sci_sparse_1.fits");

	assert_int_equal(frame.im.width, SIZE + OVERSCAN_COLUMNS);
	assert_int_equal(frame.im.height, SIZE);
	assert_string_equal(frame.meta.instrument, "ASTRIDSIM");
	assert_string_equal(frame.meta.object, "sparse");
	assert_string_equal(frame.meta.imagetyp, "science");
	assert_string_equal(frame.meta.filter, "r");
	assert_true(frame.meta.exptime == EXPOSURE_TIME && frame.meta.saturation == 60000);
	assert_true(frame.meta.gain > 1.3 && frame.meta.gain < 1.9);
	assert_true(frame.meta.read_noise > 4 && frame.meta.read_noise < 9);
	assert_non_null(frame.wcs);
	frame_free(&frame);
}

/* An isolated bright star through the whole camera: its counts, less the sky's, are its electrons
 * by the true gain. */
static void
aperture_flux_closes_with_the_truth(void **state)
{
	struct detector det;
	struct exposure exp = {
		.number = 1, .transparency = 0.8, .sky = 300, .light = {SIZE, SIZE, NULL}};
	struct source star = {.kind = SOURCE_STAR};
	struct scene scene = {&star, 1, NULL, 0};
	struct readout out;
	struct rng rng = rng_make(9, STREAM_NOISE, 0, 0);
	const struct cosmic_list *none = &(const struct cosmic_list){NULL, 0};
	double sum = 0, ring = 0, n = 0, n_ring = 0, x, y;

	(void) state;
	assert_int_equal(detector_make(&det, SIZE, SIZE, 3), 0);
	for (int i = 0; i < SIZE * SIZE; i++) /* no pixel defect in this star */
		det.bad[i] = 0, det.response[i] = 1, det.dark[i] = 0, det.bias[i] = 0;
	exp.cam = (struct camera){.scale = PIXEL_SCALE, .half = SIZE / 2.0, .x0 = 150.3, .y0 = 161.8};
	exp.seeing = (struct seeing){.fwhm = 3 * PIXEL_SCALE, .beta = 3.5};
	for (int e = 0; e < MAX_EXPOSURES; e++)
		star.flux[e] = 4e5;
	assert_int_equal(exposure_render(&exp, &scene), 0);
	assert_int_equal(detector_expose(&det, &exp.light, EXPOSURE_TIME, none, &rng, &out), 0);
	exposure_position(&exp, &star, &x, &y);
	for (int j = 0; j < SIZE; j++)
		for (int i = 0; i < SIZE; i++)
		{
			const double r = hypot(i - x, j - y), v = out.adu[j * (SIZE + OVERSCAN_COLUMNS) + i];

			if (r < 25)
				sum += v, n++;
			else if (r > 40 && r < 70)
				ring += v, n_ring++;
		}
	sum = (sum - n * ring / n_ring) * det.gain;
	/* noise: 320 000 electrons of star and 1960 pixels of sky, read noise and rounding; 0.1 % of
	 * wings outside */
	assert_true(fabs(sum - 3.2e5 * 0.9995) < 5 * sqrt(3.2e5 + 1960 * (300 + 70)));
	readout_free(&out);
	exposure_free(&exp);
	detector_free(&det);
}

/* At the places of the truth the epoch differs from its expectation without the change... by the
 * change: the mask file holds the expected electrons of the whole scene, and its brightest
 * transients stand above their surroundings. */
static void
transients_stand_where_the_truth_says(void **state)
{
	const struct folders *f = *state;
	struct frame expected = read_frame(f->a, "truth/mask_sparse_1.fits");
	struct table_column id = {.name = "epoch", .type = 'J'}, columns[5];
	char path[256];
	size_t n = read_truth(f->a, columns), n_epochs, seen = 0;

	snprintf(path, sizeof path, "%s/truth.fits", f->a);
	assert_int_equal(table_read(path, &id, 1, &n_epochs), 0);
	assert_int_equal(n, n_epochs);
	for (size_t r = 0; r < n; r++)
	{
		const double flux = ((double *) columns[2].data)[r], snr = ((double *) columns[3].data)[r];
		const long x = lround(((double *) columns[0].data)[r]);
		const long y = lround(((double *) columns[1].data)[r]);

		if (((int32_t *) id.data)[r] != 1 || flux < 0 || snr < 20)
			continue;
		assert_true(expected.im.sci[y * SIZE + x] > expected.im.sci[y * SIZE + x + 9]);
		seen++;
	}
	assert_true(seen > 0);
	for (int i = 0; i < 5; i++)
		free(columns[i].data);
	free(id.data);
	frame_free(&expected);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seed_decides_every_pixel),
		cmocka_unit_test(seed_decides_the_truth),
		cmocka_unit_test(header_says_what_calibration_needs),
		cmocka_unit_test(aperture_flux_closes_with_the_truth),
		cmocka_unit_test(transients_stand_where_the_truth_says),
	};

	return cmocka_run_group_tests_name("simulate night", tests, take_nights, remove_nights);
}
