/* Registration on synthetic source lists: WCS wrong by a little, by much, absent; the map and the
 * refined WCS. SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/register.h"
#include "image/wcs.h"
#include "image/wcs_sip.h"

#define STARS 150
#define EXTRA 50
#define SIZE  1000
#define SCALE 0.5 /* arcsec/px */

static const struct register_params params = {.max_order = 3, .min_stars = 4};
static uint64_t state = 88172645463325252u;

static double
uniform(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (double) (state >> 11) / 9007199254740992.0;
}

struct sky /* of one frame: its true WCS, and a cubic distortion that no header knows */
{
	struct wcs *wcs;
	double bend;
};

struct scene
{
	struct sky true_science, true_reference;
	struct frame science, reference;
	struct source_list stars, ref_stars;
};

static void
distort(double bend, double *x, double *y)
{
	double X = *x / SIZE - 0.5, Y = *y / SIZE - 0.5, r2 = X * X + Y * Y;

	*x += bend * X * r2;
	*y += bend * Y * r2;
}

static struct source
make_source(double x, double y, double flux)
{
	return (struct source){.x = x + 0.02 * (uniform() - 0.5),
						   .y = y + 0.02 * (uniform() - 0.5),
						   .flux = flux,
						   .flux_err = flux / 200,
						   .fwhm = 3 + 0.2 * uniform(),
						   .a = 1.3,
						   .b = 1.3,
						   .npix = 20};
}

static int
by_flux(const void *left, const void *right)
{
	const struct source *l = left, *r = right;

	return (l->flux < r->flux) - (l->flux > r->flux);
}

static void
fill(struct source_list *list, const struct sky *sky, const double (*place)[2])
{
	list->v = calloc(STARS + EXTRA, sizeof *list->v);
	list->n = 0;
	assert_non_null(list->v);
	for (int i = 0; i < STARS; i++)
	{
		double x, y;

		assert_int_equal(wcs_sky2pix(sky->wcs, place[i][0], place[i][1], &x, &y), 0);
		distort(sky->bend, &x, &y);
		if (x > 0 && y > 0 && x < SIZE && y < SIZE)
			list->v[list->n++] = make_source(x, y, 1000.0 * (i + 1));
	}
	for (int i = 0; i < EXTRA; i++)
		list->v[list->n++] = make_source(SIZE * uniform(), SIZE * uniform(), 150000 * uniform());
	qsort(list->v, list->n, sizeof *list->v, by_flux);
}

/* The reference is centred on (150, 2); science points elsewhere by (dx, dy) px, turned, and its
 * header says so but for an error of (ex, ey) px. */
static void
make_scene(struct scene *s, double dx, double dy, double rotation, int parity, double ex, double ey,
		   double bend)
{
	double place[STARS][2];

	memset(s, 0, sizeof *s);
	s->true_reference = (struct sky){wcs_tan(150, 2, SIZE / 2.0, SIZE / 2.0, SCALE, 0, -1), 0};
	s->true_science = (struct sky){
		wcs_tan(150, 2, SIZE / 2.0 + dx, SIZE / 2.0 + dy, SCALE, rotation, parity), bend};
	for (int i = 0; i < STARS; i++)
		assert_int_equal(wcs_pix2sky(s->true_reference.wcs, SIZE * uniform(), SIZE * uniform(),
									 &place[i][0], &place[i][1]),
						 0);
	fill(&s->stars, &s->true_science, place);
	fill(&s->ref_stars, &s->true_reference, place);
	s->science.im.width = s->science.im.height = SIZE;
	s->reference.im = s->science.im;
	s->science.wcs =
		wcs_tan(150, 2, SIZE / 2.0 + dx + ex, SIZE / 2.0 + dy + ey, SCALE, rotation, parity);
	s->reference.wcs = wcs_copy(s->true_reference.wcs);
}

static void
drop_scene(struct scene *s)
{
	wcs_free(s->true_science.wcs);
	wcs_free(s->true_reference.wcs);
	wcs_free(s->science.wcs);
	wcs_free(s->reference.wcs);
	source_list_free(&s->stars);
	source_list_free(&s->ref_stars);
}

/* Largest error of the map and of the refined WCS over the part that both frames see, px. */
static void
check_scene(struct scene *s, enum register_method method, double tolerance)
{
	struct registration r;
	struct wcs *refined;
	double worst_map = 0, worst_wcs = 0;

	assert_int_equal(
		register_frames(&s->science, &s->stars, &s->reference, &s->ref_stars, &params, &r), 0);
	assert_int_equal(r.method, method);
	assert_int_equal(registration_wcs(&r, &s->science, &s->reference, &refined), 0);
	assert_non_null(refined);
	for (int k = 0; k < 100; k++)
	{
		double x = 100 + 80 * (k % 10), y = 100 + 80 * (k / 10), ra, dec, u, v, xs, ys;

		assert_int_equal(wcs_pix2sky(s->true_reference.wcs, x, y, &ra, &dec), 0);
		assert_int_equal(wcs_sky2pix(s->true_science.wcs, ra, dec, &xs, &ys), 0);
		distort(s->true_science.bend, &xs, &ys);
		if (xs < 50 || ys < 50 || xs > SIZE - 50 || ys > SIZE - 50)
			continue;
		assert_int_equal(registration_map(&r, xs, ys, &u, &v), 0);
		worst_map = fmax(worst_map, hypot(u - x, v - y));
		assert_int_equal(wcs_sky2pix(refined, ra, dec, &u, &v), 0);
		worst_wcs = fmax(worst_wcs, hypot(u - xs, v - ys));
	}
	print_message("# %s, order %d, %zu stars: map %.4f px, WCS %.4f px\n",
				  register_method_name(r.method), r.quality.order, r.quality.n_used, worst_map,
				  worst_wcs);
	assert_true(worst_map < tolerance && worst_wcs < tolerance);
	wcs_free(refined);
	registration_free(&r);
}

static void
test_wcs_a_little_off(void **unused)
{
	struct scene s;

	(void) unused;
	make_scene(&s, 60, -100, 0.5, -1, 0.7, -0.5, 0);
	check_scene(&s, REGISTER_WCS, 0.02);
	drop_scene(&s);
}

static void
test_wcs_far_off(void **unused)
{
	struct scene s;

	(void) unused;
	make_scene(&s, 60, -100, 0.1, -1, 85, 130, 0);
	check_scene(&s, REGISTER_OFFSET, 0.02);
	drop_scene(&s);
}

static void
test_distortion(void **unused)
{
	struct scene s;

	(void) unused;
	make_scene(&s, 10, -30, 0.5, -1, 0.3, 0.4, 8);
	check_scene(&s, REGISTER_WCS, 0.05);
	drop_scene(&s);
}

static void
test_no_wcs(void **unused)
{
	struct scene s;

	(void) unused;
	make_scene(&s, 40, -80, 143, 1, 0, 0, 0); /* turned and mirrored */
	wcs_free(s.science.wcs);
	s.science.wcs = NULL;
	check_scene(&s, REGISTER_PATTERN, 0.02);
	drop_scene(&s);
}

static void
test_lying_wcs(void **unused)
{
	struct scene s;

	(void) unused;
	make_scene(&s, 40, -80, 0, -1, 0, 0, 0);
	wcs_free(s.science.wcs);
	s.science.wcs = wcs_tan(12, -40, 0, 0, 0.2, 77, 1);
	check_scene(&s, REGISTER_SHIFT, 0.02);
	drop_scene(&s);
}

static void
test_refusals(void **unused)
{
	struct scene s, other;
	struct registration r;

	(void) unused;
	make_scene(&s, 0, 0, 0, -1, 0, 0, 0);
	make_scene(&other, 0, 0, 0, -1, 0, 0, 0); /* another sky */
	assert_int_equal(
		register_frames(&s.science, &s.stars, &other.reference, &other.ref_stars, &params, &r), -1);
	assert_int_equal(err_code(), ASTRID_E_TOO_FEW_STARS);
	err_clear();
	wcs_free(s.science.wcs);
	s.science.wcs = wcs_tan(12, -40, 0, 0, SCALE, 0, -1);
	assert_int_equal(
		register_frames(&s.science, &s.stars, &other.reference, &other.ref_stars, &params, &r), -1);
	assert_int_equal(err_code(), ASTRID_E_NO_OVERLAP);
	err_clear();
	s.stars.n = 0;
	assert_int_equal(register_frames(&s.science, &s.stars, &s.reference, &s.ref_stars, &params, &r),
					 -1);
	err_clear();
	drop_scene(&s);
	drop_scene(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wcs_a_little_off), cmocka_unit_test(test_wcs_far_off),
		cmocka_unit_test(test_distortion),       cmocka_unit_test(test_no_wcs),
		cmocka_unit_test(test_lying_wcs),        cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
