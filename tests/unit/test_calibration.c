/* Combination of frames, cosmic rays, trails, unlit pixels, saturation and gain on images whose
 * truth is known. SPDX-License-Identifier: PostgreSQL */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/err.h"
#include "image/background.h"
#include "image/combine.h"
#include "image/detector.h"
#include "image/lacosmic.h"
#include "image/median.h"
#include "image/planes.h"
#include "image/source.h"
#include "image/stats.h"
#include "image/streak.h"

#define SIZE          256
#define SKY           500.0
#define NEAR(a, b, e) assert_true(fabs((a) - (b)) <= (e))

/* Gaussian numbers by Box & Muller from a 64-bit LCG (Knuth's MMIX), so that each test draws the
 * same. */
static uint64_t seed;

static double
uniform(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return ((double) (seed >> 11) + 0.5) / 9007199254740992.0;
}

static double
gauss(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

static struct image
noise(int w, int h, double level, double sigma)
{
	struct image im;

	assert_int_equal(image_alloc(&im, w, h, true), 0);
	for (size_t i = 0; i < image_size(&im); i++)
		im.sci[i] = (float) (level + sigma * gauss());
	return im;
}

static void
add_star(struct image *im, double x0, double y0, double flux, double fwhm)
{
	double s = fwhm / 2.35482;

	for (int y = 0; y < im->height; y++)
		for (int x = 0; x < im->width; x++)
			im->sci[y * im->width + x] +=
				(float) (flux / (2 * M_PI * s * s) *
						 exp(-((x - x0) * (x - x0) + (y - y0) * (y - y0)) / (2 * s * s)));
}

static size_t
count(const struct image *im, int32_t bits)
{
	size_t n = 0;

	for (size_t i = 0; i < image_size(im); i++)
		n += (im->mask[i] & bits) != 0;
	return n;
}

/* ---- medians ---- */

/* The networks against sorting, on values with ties. */
static void
networks_give_the_median(void **state)
{
	float in[64 * 64], out[64 * 64], work[64 * 64];

	(void) state;
	seed = 1;
	for (int i = 0; i < 64 * 64; i++)
		in[i] = (float) floor(uniform() * 20);
	for (int size = 3; size <= 9; size += 2)
	{
		int r = size / 2;

		median_separable(in, out, work, 64, 64, size);
		for (int y = r; y < 64 - r; y++)
			for (int x = r; x < 64 - r; x++)
			{
				float rows[9], v[9];

				for (int j = -r; j <= r; j++)
				{
					memcpy(v, in + (y + j) * 64 + x - r, (size_t) size * sizeof *v);
					rows[j + r] = stats_median_f(v, (size_t) size);
				}
				assert_true(out[y * 64 + x] == stats_median_f(rows, (size_t) size));
			}
	}
}

/* ---- combination ---- */

static void
a_clipped_mean_drops_a_hit(void **state)
{
	const struct combine_params p = COMBINE_DEFAULTS;
	struct image im[7], out;
	const struct image *list[7];
	double scale[7];

	(void) state;
	seed = 2;
	for (int i = 0; i < 7; i++)
	{
		im[i] = noise(64, 64, 100, 5);
		list[i] = &im[i];
		scale[i] = 1;
	}
	im[3].sci[700] = 30000;
	im[5].sci[701] = NAN;
	assert_int_equal(combine_images(list, scale, 7, &p, &out), 0);
	NEAR(out.sci[700], 100, 8);
	NEAR(out.sci[701], 100, 8);
	NEAR(out.var[2000], 25.0 / 7, 1.0); /* sigma^2 / N */
	assert_int_equal(count(&out, MASK_NO_DATA), 0);
	image_free(&out);
	for (int i = 0; i < 7; i++)
		image_free(&im[i]);
}

static void
few_frames_are_combined_by_their_median(void **state)
{
	const struct combine_params p = {.kappa = 1000, .iterations = 0, .min_mean = 5};
	struct image im[3], out;
	const struct image *list[3] = {&im[0], &im[1], &im[2]};
	const double scale[3] = {1, 2, 0.5};

	(void) state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(image_alloc(&im[i], 2, 1, false), 0);
	im[0].sci[0] = 10, im[1].sci[0] = 6, im[2].sci[0] = 1000;
	im[0].sci[1] = im[1].sci[1] = im[2].sci[1] = NAN;
	assert_int_equal(combine_images(list, scale, 3, &p, &out), 0);
	assert_true(out.sci[0] == 12);
	assert_true(out.mask[1] == MASK_NO_DATA && out.sci[1] == 0);
	image_free(&out);
	for (int i = 0; i < 3; i++)
		image_free(&im[i]);
}

/* Flats of 20000 and 22000 adu with a gain of 2 e-/adu and 8 e- of read noise, 5 % of structure. */
static void
gain_comes_from_pairs(void **state)
{
	const double gain = 2, read = 8;
	struct image f[2], b[2];
	double g, r;

	(void) state;
	seed = 3;
	for (int i = 0; i < 2; i++)
	{
		b[i] = noise(400, 400, 300, read / gain);
		f[i] = noise(400, 400, 300, 0);
		for (size_t k = 0; k < image_size(&f[i]); k++)
		{
			double level = (20000 + 2000 * i) * (1 + 0.05 * sin((double) (k % 400) / 20));

			f[i].sci[k] +=
				(float) (level + sqrt(level / gain + read * read / gain / gain) * gauss());
		}
	}
	gain_from_pairs(&f[0], &f[1], &b[0], &b[1], &g, &r);
	NEAR(g, gain, 0.04);
	NEAR(r, read, 0.2);
	for (int i = 0; i < 2; i++)
	{
		image_free(&f[i]);
		image_free(&b[i]);
	}
}

/* ---- cosmic rays ---- */

static void
hits_are_found_and_stars_are_kept(void **state)
{
	struct lacosmic_params p = LACOSMIC_DEFAULTS;
	struct image im;
	size_t on_stars = 0, found = 0, hits = 0;

	(void) state;
	seed = 4;
	im = noise(SIZE, SIZE, SKY, sqrt(SKY + 5 * 5));
	for (int i = 0; i < 25; i++)
		add_star(&im, 20 + i % 5 * 52.3, 20 + i / 5 * 51.7, 3000 + 4000 * i, 2.2);
	for (int i = 0; i < 40; i++)
	{
		int x = 33 + i % 8 * 26, y = 45 + i / 8 * 40;

		im.sci[y * SIZE + x] += 600;
		im.sci[y * SIZE + x + 1] += 400;
	}
	p.read_noise = 5;
	assert_true(lacosmic(&im, NULL, &p) >= 76);
	for (int i = 0; i < 25; i++)
		on_stars +=
			(im.mask[(int) lround(20 + i / 5 * 51.7) * SIZE + (int) lround(20 + i % 5 * 52.3)] &
			 MASK_CR) != 0;
	for (int i = 0; i < 40; i++)
		for (int k = 0; k < 2; k++, hits++)
			found += (im.mask[(45 + i / 8 * 40) * SIZE + 33 + i % 8 * 26 + k] & MASK_CR) != 0;
	assert_int_equal(on_stars, 0);
	assert_true(found >= 76); /* of 80: each at 15 sigma and more */
	assert_true(count(&im, MASK_CR) - found <=
				20); /* neighbours above 1.35 sigma, as sigfrac says */
	image_free(&im);
}

static void
masked_pixels_are_never_hits(void **state)
{
	struct lacosmic_params p = LACOSMIC_DEFAULTS;
	struct image im;

	(void) state;
	seed = 5;
	im = noise(64, 64, 100, 10);
	im.sci[32 * 64 + 32] = 5000;
	im.mask[32 * 64 + 32] = MASK_BAD;
	im.sci[10 * 64 + 10] = NAN;
	im.mask[10 * 64 + 10] = MASK_NO_DATA;
	assert_int_equal(lacosmic(&im, NULL, &p), 0);
	image_free(&im);
}

/* ---- trails, light, saturation ---- */

static void
a_trail_is_masked_and_stars_are_not(void **state)
{
	struct background bkg;
	struct image im;
	size_t core = 0, marked = 0;

	(void) state;
	seed = 6;
	im = noise(512, 512, SKY, 22);
	for (int i = 0; i < 30; i++)
		add_star(&im, 512 * uniform(), 512 * uniform(), 20000, 3);
	for (int y = 0; y < 512; y++)
		for (int x = 0; x < 512; x++)
		{
			double d = (x * 0.6 + y * 0.8) - 400;

			im.sci[y * 512 + x] += (float) (60 * exp(-d * d / 4));
		}
	assert_int_equal(background_measure(&im, 64, 3, &bkg), 0);
	assert_int_equal(streak_mask(&im, &bkg, 0.3), 1);
	for (int y = 0; y < 512; y++)
		for (int x = 0; x < 512; x++)
			if (fabs(x * 0.6 + y * 0.8 - 400) < 2)
			{
				core++;
				marked += (im.mask[y * 512 + x] & MASK_STREAK) != 0;
			}
	assert_true((double) marked > 0.95 * (double) core);
	assert_true(count(&im, MASK_STREAK) < 4 * core);
	background_free(&bkg);
	image_free(&im);
}

/* At an angle between two of those that are tried, across a large frame: the voted line leaves the
 * ridge by several px, its mask must not. */
static void
a_trail_is_masked_along_its_ridge(void **state)
{
	const double angle = 64.78 * M_PI / 180;
	struct background bkg;
	struct image im;
	size_t core = 0, marked = 0;

	(void) state;
	seed = 21;
	im = noise(1024, 1024, SKY, 20);
	for (int y = 0; y < 1024; y++)
		for (int x = 0; x < 1024; x++)
		{
			const double d = x * cos(angle) + y * sin(angle) - 692.6;

			im.sci[y * 1024 + x] += (float) (160 * exp(-d * d / (2 * 1.3 * 1.3)));
		}
	assert_int_equal(background_measure(&im, 64, 3, &bkg), 0);
	assert_int_equal(streak_mask(&im, &bkg, 0.3), 1);
	for (int y = 0; y < 1024; y++)
		for (int x = 0; x < 1024; x++)
			if (fabs(x * cos(angle) + y * sin(angle) - 692.6) < 3)
			{
				core++;
				marked += (im.mask[y * 1024 + x] & MASK_STREAK) != 0;
			}
	assert_true((double) marked > 0.999 * (double) core);
	assert_true(count(&im, MASK_STREAK) < 1.8 * core);
	background_free(&bkg);
	image_free(&im);
}

static void
a_crowded_field_has_no_trail(void **state)
{
	struct background bkg;
	struct image im;

	(void) state;
	seed = 7;
	im = noise(SIZE, SIZE, SKY, 22);
	for (int i = 0; i < 600; i++)
		add_star(&im, SIZE * uniform(), SIZE * uniform(), 1000 / uniform(), 4);
	assert_int_equal(background_measure(&im, 64, 3, &bkg), 0);
	assert_int_equal(streak_mask(&im, &bkg, 0.3), 0);
	background_free(&bkg);
	image_free(&im);
}

static void
unlit_corners_are_found(void **state)
{
	struct image im;
	size_t dark = 0, wrong = 0;

	(void) state;
	seed = 8;
	im = noise(400, 400, SKY, 22);
	for (int y = 0; y < 400; y++)
		for (int x = 0; x < 400; x++)
			if (hypot(x - 200, y - 200) > 230)
				im.sci[y * 400 + x] -= (float) SKY;
	assert_int_equal(planes_mask_unlit(&im, NULL, NULL), 0);
	for (int y = 0; y < 400; y++)
		for (int x = 0; x < 400; x++)
		{
			bool masked = (im.mask[y * 400 + x] & MASK_NO_DATA) != 0;

			if (hypot(x - 200, y - 200) > 230)
				dark += !masked;
			else if (hypot(x - 200, y - 200) < 215)
				wrong += masked;
		}
	assert_int_equal(dark, 0);
	assert_int_equal(wrong, 0);
	image_free(&im);
}

/* A gradient of 2 to 1, a star at the edge, and a sky of nothing: no dark, no mask. */
static void
gradients_and_empty_skies_are_lit(void **state)
{
	struct image im;

	(void) state;
	seed = 9;
	im = noise(200, 200, 0, 22);
	for (int y = 0; y < 200; y++)
		for (int x = 0; x < 200; x++)
			im.sci[y * 200 + x] += (float) (SKY * (1 + x / 200.0));
	add_star(&im, 2, 100, 1e6, 6);
	assert_int_equal(planes_mask_unlit(&im, NULL, NULL), 0);
	assert_int_equal(count(&im, MASK_NO_DATA), 0);
	image_free(&im);
	im = noise(200, 200, 0, 22);
	assert_int_equal(planes_mask_unlit(&im, NULL, NULL), 0);
	assert_int_equal(count(&im, MASK_NO_DATA), 0);
	image_free(&im);
}

static void
the_lit_area_may_be_given(void **state)
{
	struct image im;
	json_t *box = json_pack("{s:[i,i,i,i]}", "box", 2, 3, 7, 8),
		   *odd = json_pack("{s:i}", "square", 1);

	(void) state;
	assert_int_equal(image_alloc(&im, 10, 10, true), 0);
	assert_int_equal(planes_mask_unlit(&im, box, NULL), 0);
	assert_int_equal(count(&im, MASK_NO_DATA), 100 - 36);
	assert_int_equal(planes_mask_unlit(&im, odd, NULL), -1);
	assert_int_equal(err_code(), ASTRID_E_BAD_PARAMETER);
	json_decref(box);
	json_decref(odd);
	image_free(&im);
}

static void
saturation_is_grown_bleeds_and_is_found_as_a_plateau(void **state)
{
	struct image im;

	(void) state;
	assert_int_equal(image_alloc(&im, 50, 50, true), 0);
	for (int y = 20; y < 30; y++)
		im.sci[y * 50 + 25] = 65535;
	NEAR(planes_mask_saturated(&im, NAN, 0), 0.995 * 65535, 1);
	assert_int_equal(count(&im, MASK_SAT), 10 + 2 * 4); /* and 4 px beyond each end of the trail */
	memset(im.mask, 0, image_size(&im) * sizeof *im.mask);
	memset(im.sci, 0, image_size(&im) * sizeof *im.sci);
	im.sci[25 * 50 + 25] = 60000;
	im.sci[5 * 50 + 5] = 55000;
	planes_mask_saturated(&im, 60000, 1);
	assert_int_equal(count(&im, MASK_SAT), 9);
	assert_int_equal(count(&im, MASK_SUSPECT), 1);
	memset(im.sci, 0, image_size(&im) * sizeof *im.sci);
	assert_true(isnan(planes_mask_saturated(&im, NAN, 0))); /* a constant image is not saturated */
	image_free(&im);
}

/* ---- detector, background, sources ---- */

static void
sections_are_read_and_bounded(void **state)
{
	struct section s;

	(void) state;
	assert_int_equal(section_parse("[1:32, 5:1024]", &s), 0);
	assert_true(s.x0 == 0 && s.x1 == 31 && s.y0 == 4 && s.y1 == 1023);
	assert_true(section_is_inside(&s, 32, 1024));
	assert_false(section_is_inside(&s, 31, 1024));
	assert_int_equal(section_parse("UNKNOWN", &s), -1);
	assert_int_equal(section_parse("[0:5,1:2]", &s), -1);
	assert_int_equal(section_parse("[5:1,1:2]", &s), -1);
	assert_int_equal(section_parse("[1:2,1:2]x", &s), -1);
}

static void
overscan_and_trim(void **state)
{
	struct frame f = {.meta = {.gain = 1}};
	struct detector d;
	struct frame_notes notes = {0};
	int status;

	(void) state;
	assert_int_equal(image_alloc(&f.im, 20, 100, false), 0);
	for (int y = 0; y < 100; y++)
		for (int x = 0; x < 20; x++)
			f.im.sci[y * 20 + x] =
				(float) (300 + 0.5 * y + (x < 16 ? 7 : 0)); /* overscan: the last 4 columns */
	assert_int_equal(detector_describe(&f, "[17:20,1:100]", "[1:16,11:100]", &d, &notes), 0);
	NEAR(detector_correct(&f, &d, 1, &status), 300 + 0.5 * 49.5, 1e-6);
	assert_int_equal(status, 0);
	assert_true(f.im.width == 16 && f.im.height == 90);
	for (size_t i = 0; i < image_size(&f.im); i++)
		NEAR(f.im.sci[i], 7, 1e-3);
	assert_int_equal(detector_describe(&f, NULL, "[1:17,1:90]", &d, &notes), -1);
	frame_free(&f);
}

static void
sky_and_sources_of_a_drawn_field(void **state)
{
	struct background bkg;
	struct source_list list;
	struct image im;

	(void) state;
	seed = 10;
	im = noise(SIZE, SIZE, SKY, 20);
	add_star(&im, 100.3, 60.7, 50000, 3.5);
	add_star(&im, 180.6, 190.2, 20000, 3.5);
	im.sci[5] = NAN;
	im.mask[5] = MASK_NO_DATA;
	assert_int_equal(background_measure(&im, 64, 3, &bkg), 0);
	NEAR(bkg.global_level, SKY, 1);
	NEAR(bkg.global_rms, 20, 0.6);
	assert_int_equal(source_extract(&im, &bkg, 5, &list), 0);
	assert_int_equal(list.n, 2);
	NEAR(list.v[0].x, 100.3, 0.02);
	NEAR(list.v[0].y, 60.7, 0.02);
	NEAR(list.v[1].x, 180.6, 0.05);
	NEAR(list.v[0].fwhm, 3.5, 0.15);
	/* 2.5 sigma hold 1 - exp(-3.125) of a Gaussian */
	NEAR(list.v[0].flux / 50000, 0.956, 0.02);
	source_list_free(&list);
	background_free(&bkg);
	image_free(&im);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_give_the_median),
		cmocka_unit_test(a_clipped_mean_drops_a_hit),
		cmocka_unit_test(few_frames_are_combined_by_their_median),
		cmocka_unit_test(gain_comes_from_pairs),
		cmocka_unit_test(hits_are_found_and_stars_are_kept),
		cmocka_unit_test(masked_pixels_are_never_hits),
		cmocka_unit_test(a_trail_is_masked_and_stars_are_not),
		cmocka_unit_test(a_trail_is_masked_along_its_ridge),
		cmocka_unit_test(a_crowded_field_has_no_trail),
		cmocka_unit_test(unlit_corners_are_found),
		cmocka_unit_test(gradients_and_empty_skies_are_lit),
		cmocka_unit_test(the_lit_area_may_be_given),
		cmocka_unit_test(saturation_is_grown_bleeds_and_is_found_as_a_plateau),
		cmocka_unit_test(sections_are_read_and_bounded),
		cmocka_unit_test(overscan_and_trim),
		cmocka_unit_test(sky_and_sources_of_a_drawn_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
