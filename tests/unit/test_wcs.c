/* World coordinates against closed forms of the gnomonic projection (Calabretta & Greisen 2002, eq.
 * 54, 55) and known positions. SPDX-License-Identifier: PostgreSQL */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/err.h"
#include "image/wcs.h"

#define RAD           (M_PI / 180)
#define NEAR(a, b, e) assert_true(fabs((a) - (b)) <= (e))
#define MICROARCSEC   (1e-6 / 3600)

/* Inverse gnomonic projection of standard coordinates (deg) about (ra0, dec0). */
static void
tangent_plane(double xi, double eta, double ra0, double dec0, double *ra, double *dec)
{
	double x = xi * RAD, y = eta * RAD, d = cos(dec0 * RAD) - y * sin(dec0 * RAD);

	*ra = ra0 + atan2(x, d) / RAD;
	*dec = atan2(sin(dec0 * RAD) + y * cos(dec0 * RAD), hypot(x, d)) / RAD;
}

static struct wcs *
from_text(const char *const *lines, int n)
{
	char *cards = malloc((size_t) n * 80 + 1);
	struct wcs *w;

	for (int i = 0; i < n; i++)
		snprintf(cards + 80 * i, 81, "%-80.80s", lines[i]);
	w = wcs_from_header(cards, n);
	free(cards);
	return w;
}

static void
tan_agrees_with_its_closed_form(void **state)
{
	struct wcs *w = wcs_tan(150.1, 2.2, 500, 400, 0.5, 0, -1);
	double ra, dec, want_ra, want_dec, x, y;

	(void) state;
	assert_non_null(w);
	assert_int_equal(wcs_pix2sky(w, 620, 310, &ra, &dec), 0);
	tangent_plane(-120 * 0.5 / 3600, -90 * 0.5 / 3600, 150.1, 2.2, &want_ra, &want_dec);
	NEAR(ra, want_ra, MICROARCSEC);
	NEAR(dec, want_dec, MICROARCSEC);
	assert_int_equal(wcs_sky2pix(w, ra, dec, &x, &y), 0);
	NEAR(x, 620, 1e-8);
	NEAR(y, 310, 1e-8);
	NEAR(wcs_pixel_scale(w, 500, 400), 0.5, 1e-6);
	assert_int_equal(wcs_parity(w), -1);
	wcs_free(w);
}

/* rotation: +y points to position angle 90, so a step in +y goes East. */
static void
rotation_is_a_position_angle(void **state)
{
	struct wcs *w = wcs_tan(10, 0, 0, 0, 3600, 90, -1);
	double ra, dec;

	(void) state;
	assert_int_equal(wcs_pix2sky(w, 0, 1, &ra, &dec), 0);
	NEAR(ra, 11, 1e-3);
	NEAR(dec, 0, 1e-9);
	assert_int_equal(wcs_pix2sky(w, 1, 0, &ra, &dec), 0);
	NEAR(dec, 1, 1e-3); /* East left at rotation 0: turned by 90 deg, +x is North */
	wcs_free(w);
}

static void
points_behind_the_plane_have_no_image(void **state)
{
	struct wcs *w = wcs_tan(10, 0, 0, 0, 1, 0, -1);
	double x, y;

	(void) state;
	assert_int_equal(wcs_sky2pix(w, 190, 0, &x, &y), -1);
	assert_false(err_is_set());
	wcs_free(w);
}

static void
refining_is_composition(void **state)
{
	const double a[3] = {3.25, 0.999, 0.01}, b[3] = {-2.5, -0.012, 1.001};
	struct wcs *w = wcs_tan(200, -45, 512, 512, 0.3, 30, 1), *r = wcs_refine(w, a, b);

	(void) state;
	assert_non_null(r);
	for (int i = 0; i < 5; i++)
	{
		double x = 250 * i, y = 900 - 200 * i, ra, dec, want_ra, want_dec;

		wcs_pix2sky(w, a[0] + a[1] * x + a[2] * y, b[0] + b[1] * x + b[2] * y, &want_ra, &want_dec);
		wcs_pix2sky(r, x, y, &ra, &dec);
		NEAR(ra, want_ra, MICROARCSEC);
		NEAR(dec, want_dec, MICROARCSEC);
	}
	wcs_free(r);
	wcs_free(w);
}

static const char *const sip[] = {"CTYPE1  = 'RA---TAN-SIP'",
								  "CTYPE2  = 'DEC--TAN-SIP'",
								  "CRVAL1  = 202.5",
								  "CRVAL2  = 47.2",
								  "CRPIX1  = 128",
								  "CRPIX2  = 128",
								  "CD1_1   = 0.000249",
								  "CD1_2   = -0.0002",
								  "CD2_1   = -0.0002",
								  "CD2_2   = -0.000249",
								  "A_ORDER = 3",
								  "B_ORDER = 3",
								  "A_2_0   = 2.5E-05",
								  "A_1_1   = -1E-05",
								  "A_0_3   = 3E-08",
								  "B_0_2   = 1.5E-05",
								  "B_2_1   = -2E-08",
								  "B_1_1   = 7E-06"};

/* u' = u + A(u, v), v' = v + B(u, v) before the linear part (Shupe et al. 2005, eq. 1, 2). */
static void
sip_agrees_with_its_definition(void **state)
{
	struct wcs *w = from_text(sip, 18);
	double u = 100 + 1 - 128, v = 30 + 1 - 128, ra, dec, want_ra, want_dec;
	double du = 2.5e-5 * u * u - 1e-5 * u * v + 3e-8 * v * v * v;
	double dv = 1.5e-5 * v * v - 2e-8 * u * u * v + 7e-6 * u * v;

	(void) state;
	assert_non_null(w);
	wcs_pix2sky(w, 100, 30, &ra, &dec);
	tangent_plane(0.000249 * (u + du) - 0.0002 * (v + dv), -0.0002 * (u + du) - 0.000249 * (v + dv),
				  202.5, 47.2, &want_ra, &want_dec);
	NEAR(ra, want_ra, MICROARCSEC);
	NEAR(dec, want_dec, MICROARCSEC);
	wcs_free(w);
}

static void
refining_keeps_sip(void **state)
{
	const double a[3] = {1.5, 1.002, 0.003}, b[3] = {-0.7, -0.004, 0.998};
	struct wcs *w = from_text(sip, 18), *r = wcs_refine(w, a, b);
	double ra, dec, want_ra, want_dec;

	(void) state;
	assert_non_null(r);
	wcs_pix2sky(w, a[0] + a[1] * 20 + a[2] * 240, b[0] + b[1] * 20 + b[2] * 240, &want_ra,
				&want_dec);
	wcs_pix2sky(r, 20, 240, &ra, &dec);
	NEAR(ra, want_ra, MICROARCSEC);
	NEAR(dec, want_dec, MICROARCSEC);
	wcs_free(r);
	wcs_free(w);
}

/* TAN with PV terms of 5 and above is TPV; the radial term PV1_1 = 1 alone is the plain projection.
 */
static void
old_scamp_headers_are_tpv(void **state)
{
	static const char *const scamp[] = {
		"CTYPE1  = 'RA---TAN'", "CTYPE2  = 'DEC--TAN'", "CRVAL1  = 30",      "CRVAL2  = 10",
		"CRPIX1  = 1",          "CRPIX2  = 1",          "CD1_1   = -0.0001", "CD2_2   = 0.0001",
		"PV1_1   = 1",          "PV2_1   = 1",          "PV1_4   = 0",       "PV1_7   = 0.5",
		"PV2_10  = 0"};
	struct wcs *w = from_text(scamp, 13);
	double ra, dec, want_ra, want_dec, xi = -0.0001 * 800;

	(void) state;
	assert_non_null(w);
	wcs_pix2sky(w, 800, 0, &ra, &dec);
	tangent_plane(xi + 0.5 * xi * xi * xi, 0, 30, 10, &want_ra, &want_dec);
	NEAR(ra, want_ra, MICROARCSEC);
	NEAR(dec, want_dec, MICROARCSEC);
	wcs_free(w);
}

/* The Galactic centre: l = b = 0 is 17h45m37.2s -28 56 10 in J2000 (IAU 1958, transferred). */
static void
galactic_axes_are_turned_to_icrs(void **state)
{
	static const char *const galactic[] = {
		"CTYPE1  = 'GLON-CAR'", "CTYPE2  = 'GLAT-CAR'", "CRVAL1  = 0",     "CRVAL2  = 0",
		"CRPIX1  = 1",          "CRPIX2  = 1",          "CDELT1  = -0.01", "CDELT2  = 0.01"};
	struct wcs *w = from_text(galactic, 8);
	double ra, dec, x, y;

	(void) state;
	assert_non_null(w);
	wcs_pix2sky(w, 0, 0, &ra, &dec);
	NEAR(ra, 266.4050, 2e-4);
	NEAR(dec, -28.9362, 2e-4);
	wcs_sky2pix(w, ra, dec, &x, &y);
	NEAR(x, 0, 1e-6);
	NEAR(y, 0, 1e-6);
	wcs_free(w);
}

static void
what_is_not_celestial_is_no_error_and_what_is_broken_is(void **state)
{
	static const char *const spectrum[] = {"CTYPE1  = 'WAVE'", "CTYPE2  = 'LINEAR'"};
	static const char *const unknown[] = {"CTYPE1  = 'RA---XYZ'", "CTYPE2  = 'DEC--XYZ'",
										  "CRVAL1  = 1",          "CRVAL2  = 1",
										  "CD1_1   = 1",          "CD2_2   = 1"};

	(void) state;
	assert_null(from_text(spectrum, 2));
	assert_false(err_is_set());
	assert_null(from_text(unknown, 6));
	assert_int_equal(err_code(), ASTRID_E_BAD_WCS);
	err_clear();
}

static void
cards_and_copies_say_the_same(void **state)
{
	struct wcs *w = from_text(sip, 18), *copy = wcs_copy(w), *again;
	double corners[2][4][2];
	int n;
	char *cards = wcs_to_header(w, &n);

	(void) state;
	again = wcs_from_header(cards, n);
	assert_int_equal(strlen(cards), (size_t) n * 80);
	assert_int_equal(wcs_footprint(copy, 256, 256, corners[0]), 0);
	assert_int_equal(wcs_footprint(again, 256, 256, corners[1]), 0);
	assert_memory_equal(corners[0], corners[1], sizeof corners[0]);
	free(cards);
	wcs_free(again);
	wcs_free(copy);
	wcs_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tan_agrees_with_its_closed_form),
		cmocka_unit_test(rotation_is_a_position_angle),
		cmocka_unit_test(points_behind_the_plane_have_no_image),
		cmocka_unit_test(refining_is_composition),
		cmocka_unit_test(sip_agrees_with_its_definition),
		cmocka_unit_test(refining_keeps_sip),
		cmocka_unit_test(old_scamp_headers_are_tpv),
		cmocka_unit_test(galactic_axes_are_turned_to_icrs),
		cmocka_unit_test(what_is_not_celestial_is_no_error_and_what_is_broken_is),
		cmocka_unit_test(cards_and_copies_say_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
