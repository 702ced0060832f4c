/* Projection, PSF and galaxies of the simulator against integrals and closed forms.
 * SPDX-License-Identifier: PostgreSQL */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "simulate/galaxy.h"

#define SIZE  256
#define SCALE 0.4

static struct camera
test_camera(void)
{
	const struct camera cam = {
		.ra0 = 150.1,
		.dec0 = 2.2,
		.x0 = 130.2,
		.y0 = 124.7,
		.scale = SCALE,
		.rotation = 0.01,
		.half = SIZE / 2.0,
		.distortion = {{0.1, -0.1, 0.05, 0.5, 0, 0.5, 0}, {-0.1, 0.02, 0.1, 0, 0.5, 0, 0.5}}};

	return cam;
}

static struct seeing
test_seeing(double fwhm_px)
{
	const struct seeing seeing = {.fwhm = fwhm_px * SCALE,
								  .beta = 3,
								  .aureole = 0.02,
								  .tilt = {0.03, -0.02},
								  .curvature = 0.03,
								  .e = {0.05, -0.04},
								  .e_slope = {{0.02, 0.01}, {-0.01, 0.03}}};

	return seeing;
}

static double
canvas_sum(const struct canvas *canvas)
{
	double sum = 0;

	for (int i = 0; i < canvas->width * canvas->height; i++)
		sum += canvas->e[i];
	return sum;
}

static void
unproject_undoes_project(void **state)
{
	const struct camera cam = test_camera();

	(void) state;
	for (double xi = -60; xi <= 60; xi += 17)
		for (double eta = -60; eta <= 60; eta += 17)
		{
			double x, y, a, b;

			camera_project(&cam, xi, eta, &x, &y);
			camera_unproject(&cam, x, y, &a, &b);
			assert_true(hypot(a - xi, b - eta) < 1e-7);
		}
}

/* A gnomonic radius is the tangent of the distance on the sphere, here by the haversine formula. */
static void
gnomonic_radius_is_the_tangent_of_the_distance(void **state)
{
	const double rad = M_PI / 180;

	(void) state;
	for (double dec0 = -80; dec0 <= 80; dec0 += 40)
		for (double xi = -2000; xi <= 2000; xi += 900)
		{
			const double eta = 700 - xi / 3;
			double ra, dec, a, b, h;

			gnomonic_deproject(359.9, dec0, xi, eta, &ra, &dec);
			h = pow(sin((dec - dec0) * rad / 2), 2) +
				cos(dec * rad) * cos(dec0 * rad) * pow(sin((ra - 359.9) * rad / 2), 2);
			assert_true(fabs(tan(2 * asin(sqrt(h))) / rad * 3600 - hypot(xi, eta)) < 1e-6);
			gnomonic_project(359.9, dec0, ra, dec, &a, &b);
			assert_true(hypot(a - xi, b - eta) < 1e-6);
			assert_true(ra >= 0 && ra < 360);
		}
}

/* Integrate in rings out to where the known tail of the aureole begins to count, and add that tail.
 */
static void
psf_integrates_to_one(void **state)
{
	const struct camera cam = test_camera();
	const struct seeing seeing = test_seeing(2.3);

	(void) state;
	for (double x = 10; x < SIZE; x += 115)
	{
		const struct psf psf = psf_at(&seeing, &cam, x, 250 - x);
		double sum = 0;

		for (double lr = log(1e-3); lr < log(3e4); lr += 0.01)
			for (int k = 0; k < 64; k++)
			{
				const double r = exp(lr), phi = 2 * M_PI * (k + 0.5) / 64;

				sum += psf_density(&psf, r * cos(phi), r * sin(phi)) * r * r * 0.01 * 2 * M_PI / 64;
			}
		assert_true(fabs(sum - 1) < 1e-3);
	}
}

static void
psf_falls_to_half_at_half_its_width(void **state)
{
	const struct camera cam = {.scale = SCALE, .half = SIZE / 2.0, .x0 = 128, .y0 = 128};
	const struct seeing seeing = {.fwhm = 3 * SCALE, .beta = 3.3};
	const struct psf psf = psf_at(&seeing, &cam, 128, 128);

	(void) state;
	assert_true(fabs(psf.fwhm - 3) < 1e-6);
	assert_true(fabs(psf_density(&psf, 1.5, 0) / psf_density(&psf, 0, 0) - 0.5) < 1e-6);
	assert_true(fabs(psf_density(&psf, 0, -1.5) / psf_density(&psf, 0, 0) - 0.5) < 1e-6);
}

/* A pixel's share by brute force, at the sharpest PSF and an awkward phase. */
static void
pixel_integral_agrees_with_fine_sampling(void **state)
{
	const struct camera cam = test_camera();
	const struct seeing seeing = test_seeing(2.3);
	const struct psf psf = psf_at(&seeing, &cam, 100, 100);
	const int n = 60;

	(void) state;
	for (double d = 0; d < 4; d += 0.7)
	{
		double sum = 0;

		for (int i = 0; i < n; i++)
			for (int j = 0; j < n; j++)
				sum += psf_density(&psf, d + (i + 0.5) / n - 0.5, 0.3 + (j + 0.5) / n - 0.5);
		sum /= n * n;
		assert_true(fabs(psf_pixel(&psf, d, 0.3) / sum - 1) < 2e-3);
	}
}

static void
drawn_star_has_its_flux_at_any_phase(void **state)
{
	const struct camera cam = test_camera();
	struct seeing seeing = test_seeing(2.5);

	(void) state;
	seeing.aureole = 0; /* its tail leaves the frame */
	for (double phase = 0; phase < 1; phase += 0.3)
	{
		struct canvas canvas = {SIZE, SIZE, calloc(SIZE * SIZE, sizeof(float))};
		const struct psf psf = psf_at(&seeing, &cam, 128 + phase, 127 - phase);

		assert_non_null(canvas.e);
		psf_draw(&psf, &canvas, 128 + phase, 127 - phase, 1e5);
		assert_true(fabs(canvas_sum(&canvas) / 1e5 - 1) < 2e-3);
		free(canvas.e);
	}
}

static void
star_beyond_the_edge_is_clipped(void **state)
{
	const struct camera cam = test_camera();
	const struct seeing seeing = test_seeing(3);
	const struct psf psf = psf_at(&seeing, &cam, 0, 0);
	struct canvas canvas = {SIZE, SIZE, calloc(SIZE * SIZE, sizeof(float))};

	(void) state;
	assert_non_null(canvas.e);
	psf_draw(&psf, &canvas, -1e6, 40, 1e6);
	assert_true(canvas_sum(&canvas) == 0);
	psf_draw(&psf, &canvas, -0.5, 128, 1e5);
	assert_true(canvas_sum(&canvas) > 0.4e5 && canvas_sum(&canvas) < 0.55e5);
	free(canvas.e);
}

/* Half of the light of a Sersic law lies within its effective radius (what b(n) is made for). */
static void
sersic_mixture_keeps_the_half_light_radius(void **state)
{
	static const double indices[] = {0.7, 1, 2.5, 4};

	(void) state;
	for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++)
	{
		struct galaxy g = {.n = indices[i]};
		double inside = 0, total = 0;

		galaxy_set_profile(&g);
		for (int k = 0; k < g.profile.n; k++)
		{
			total += g.profile.weight[k];
			inside +=
				g.profile.weight[k] * (1 - exp(-1 / (2 * g.profile.sigma[k] * g.profile.sigma[k])));
		}
		assert_true(fabs(total - 1) < 1e-6);
		/* the mixture ends at seven radii, where a de Vaucouleurs law still has a few per cent to
		 * come */
		assert_true(inside > 0.48 && inside < 0.56);
	}
}

static void
drawn_galaxy_has_its_flux_and_place(void **state)
{
	const struct camera cam = test_camera();
	const struct seeing seeing = test_seeing(3);
	const struct psf_mixture mix = psf_mixture_fit(&seeing);
	struct galaxy g = {.flux = 2e5, .n = 1, .re = 3 * SCALE, .q = 0.5, .angle = 0.7};
	struct canvas canvas = {SIZE, SIZE, calloc(SIZE * SIZE, sizeof(float))};
	double x = 0, y = 0, sum = 0;

	(void) state;
	assert_non_null(canvas.e);
	galaxy_set_profile(&g);
	galaxy_draw(&g, &cam, &seeing, &mix, &canvas, 0.5);
	for (int j = 0; j < SIZE; j++)
		for (int i = 0; i < SIZE; i++)
		{
			sum += canvas.e[j * SIZE + i];
			x += i * (double) canvas.e[j * SIZE + i];
			y += j * (double) canvas.e[j * SIZE + i];
		}
	assert_true(fabs(sum / 1e5 - 1) < 0.03); /* faintest wings are not drawn */
	assert_true(hypot(x / sum - cam.x0, y / sum - cam.y0) < 0.05);
	free(canvas.e);
}

/* A galaxy much smaller than the seeing must look like a star: two ways of drawing, one picture. */
static void
compact_galaxy_looks_like_a_star(void **state)
{
	const struct camera cam = test_camera();
	const struct seeing seeing = test_seeing(3);
	const struct psf_mixture mix = psf_mixture_fit(&seeing);
	const struct psf psf = psf_at(&seeing, &cam, cam.x0, cam.y0);
	struct galaxy g = {.flux = 1e6, .n = 1, .re = 0.001, .q = 1};
	struct canvas galaxy = {SIZE, SIZE, calloc(SIZE * SIZE, sizeof(float))};
	struct canvas star = {SIZE, SIZE, calloc(SIZE * SIZE, sizeof(float))};
	double peak = 0, worst = 0;

	(void) state;
	assert_true(galaxy.e != NULL && star.e != NULL);
	galaxy_set_profile(&g);
	galaxy_draw(&g, &cam, &seeing, &mix, &galaxy, 1);
	psf_draw(&psf, &star, cam.x0, cam.y0, 1e6);
	for (int i = 0; i < SIZE * SIZE; i++)
	{
		peak = fmax(peak, star.e[i]);
		worst = fmax(worst, fabs((double) galaxy.e[i] - star.e[i]));
	}
	assert_true(worst < 0.01 * peak);
	free(galaxy.e);
	free(star.e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unproject_undoes_project),
		cmocka_unit_test(gnomonic_radius_is_the_tangent_of_the_distance),
		cmocka_unit_test(psf_integrates_to_one),
		cmocka_unit_test(psf_falls_to_half_at_half_its_width),
		cmocka_unit_test(pixel_integral_agrees_with_fine_sampling),
		cmocka_unit_test(drawn_star_has_its_flux_at_any_phase),
		cmocka_unit_test(star_beyond_the_edge_is_clipped),
		cmocka_unit_test(sersic_mixture_keeps_the_half_light_radius),
		cmocka_unit_test(drawn_galaxy_has_its_flux_and_place),
		cmocka_unit_test(compact_galaxy_looks_like_a_star),
	};

	return cmocka_run_group_tests_name("simulate optics", tests, NULL, NULL);
}
