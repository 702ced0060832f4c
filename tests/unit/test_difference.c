/*
 * The subtraction on scenes whose truth is known: the kernel, white noise, the flux scale and the
 * calibration of errors. SPDX-License-Identifier: PostgreSQL
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gsl/gsl_randist.h>

#include "core/err.h"
#include "image/alard_lupton.h"
#include "image/convolve.h"
#include "image/decorrelate.h"
#include "image/image.h"
#include "image/psf.h"
#include "image/score.h"
#include "image/subtract.h"

#define SIZE  512
#define STARS 150
#define SKY   400.0 /* electrons: noise 20 */

static gsl_rng *rng;

struct scene
{
	double x[STARS], y[STARS], flux[STARS];
};

/* The integral of a round Gaussian over a pixel, by 3 x 3 midpoints. */
static double
gauss_pixel(double dx, double dy, double sigma)
{
	double sum = 0;

	for (int i = -1; i <= 1; i++)
		for (int j = -1; j <= 1; j++)
		{
			const double x = dx + i / 3.0, y = dy + j / 3.0;

			sum += exp(-0.5 * (x * x + y * y) / (sigma * sigma));
		}
	return sum / 9 / (2 * M_PI * sigma * sigma);
}

static void
add_star(struct image *im, double x, double y, double flux, double sigma)
{
	const int r = (int) ceil(6 * sigma), cx = (int) lround(x), cy = (int) lround(y);

	for (int j = cy - r; j <= cy + r; j++)
		for (int i = cx - r; i <= cx + r; i++)
			if (i >= 0 && j >= 0 && i < im->width && j < im->height)
				im->sci[j * im->width + i] += (float) (flux * gauss_pixel(i - x, j - y, sigma));
}

static void
make_scene(struct scene *s)
{
	for (int i = 0; i < STARS; i++)
	{
		s->x[i] = gsl_ran_flat(rng, 0, SIZE);
		s->y[i] = gsl_ran_flat(rng, 0, SIZE);
		s->flux[i] = 2000 * pow(gsl_rng_uniform_pos(rng), -0.8);
		s->flux[i] = s->flux[i] > 3e5 ? 3e5 : s->flux[i];
	}
}

/* One exposure: the scene times scale, sky noise and Poisson noise, VAR as it truly is. */
static void
expose(struct frame *f, const struct scene *s, double scale, double sigma, double dx)
{
	memset(f, 0, sizeof *f);
	assert_int_equal(image_alloc(&f->im, SIZE, SIZE, true), 0);
	for (int i = 0; i < STARS; i++)
		add_star(&f->im, s->x[i] + dx, s->y[i], s->flux[i] * scale, sigma);
}

static void
add_noise(struct frame *f)
{
	for (int i = 0; i < SIZE * SIZE; i++)
	{
		const double var = SKY + f->im.sci[i];

		f->im.var[i] = (float) var;
		f->im.sci[i] += (float) (SKY + gsl_ran_gaussian_ziggurat(rng, sqrt(var)));
	}
}

static const struct subtract_options defaults = {
	.convolve = CONVOLVE_SHARPER, .kernel_order = -1, .background_order = 1, .max_stamps = 200};

static void
assert_near(double value, double expected, double tolerance, const char *what)
{
	if (!(fabs(value - expected) <= tolerance))
		print_error("%s: %g, expected %g +- %g\n", what, value, expected, tolerance);
	assert_true(fabs(value - expected) <= tolerance);
}

static void
check_centred(const float *stamp, int size)
{
	double sum = 0, mx = 0, my = 0, core = 0;
	const int half = size / 2;

	for (int y = -half; y <= half; y++)
		for (int x = -half; x <= half; x++)
		{
			const double v = stamp[(y + half) * size + x + half];

			sum += v;
			if (x * x + y * y <= 25)
			{
				core += v;
				mx += v * x;
				my += v * y;
			}
		}
	assert_near(sum, 1, 1e-5, "PSF sum");
	assert_near(mx / core, 0, 0.02, "PSF centroid x");
	assert_near(my / core, 0, 0.02, "PSF centroid y");
}

/* The two directions of the convolution, at another flux scale and half a pixel off: the numbers
 * that must hold. */
static void
check_subtraction(double sigma_science, double sigma_reference, double scale, double *pull)
{
	struct scene scene;
	struct frame science, reference;
	struct subtraction sub;
	struct score score;
	const int n_fakes = 16;
	float *stamp;

	make_scene(&scene);
	expose(&science, &scene, scale, sigma_science, 0.4);
	expose(&reference, &scene, 1, sigma_reference, 0);
	for (int i = 0; i < n_fakes; i++)
		add_star(&science.im, 64 + 128 * (i % 4) + 0.3, 64 + 128 * (i / 4) - 0.2,
				 (i % 2 ? -1 : 1) * 1500.0, sigma_science);
	add_noise(&science);
	add_noise(&reference);
	if (subtract(&science, &reference, &defaults, &sub) < 0)
		fail_msg("%s", err_message());
	if (sigma_science != sigma_reference)
		assert_int_equal(sub.science_convolved, sigma_science < sigma_reference);
	assert_near(sub.kernel_sum, sub.science_convolved ? 1 / scale : scale, 0.03 * sub.kernel_sum,
				"kernel sum");
	assert_near(sub.flux_ratio, sub.kernel_sum, 0.04 * sub.kernel_sum, "flux ratio");
	assert_near(sub.variance_scale, 1, 0.12, "variance scale");
	assert_near(sub.lag1, 0, 0.05, "lag 1");
	assert_true(sub.used_fraction > 0.97);
	assert_near(sub.footprint_ratio, 0, 0.03, "residual in footprints");
	stamp = malloc(sizeof *stamp * (size_t) (sub.psf.size * sub.psf.size));
	psf_evaluate(&sub.psf, 100, 400, stamp);
	check_centred(stamp, sub.psf.size);
	free(stamp);
	assert_int_equal(score_make(&sub.diff, sub.model, &sub.psf, &sub.stars, &score), 0);
	assert_near(score.z_mad, 1, 0.05, "MAD of the noise-scaled difference");
	assert_near(score.scale, 1, 0.07, "MAD of the score before scaling");
	assert_true(score.z_std < 1.1);
	for (int i = 0; i < n_fakes; i++)
	{
		const int p = (64 + 128 * (i / 4)) * SIZE + 64 + 128 * (i % 4);

		pull[i] = score.value[p] * (i % 2 ? -1 : 1);
	}
	score_free(&score);
	subtraction_free(&sub);
	frame_free(&science);
	frame_free(&reference);
}

static void
test_reference_convolved(void **state)
{
	double pull[16];

	(void) state;
	check_subtraction(1.9, 1.4, 0.6, pull);
}

static void
test_science_convolved(void **state)
{
	double pull[16];

	(void) state;
	check_subtraction(1.4, 1.9, 0.6, pull);
}

static void
test_equal_seeing(void **state)
{
	double pull[16];

	(void) state;
	check_subtraction(1.5, 1.5, 1, pull);
}

/* Two Gaussians differ by a Gaussian: sigma^2 subtract, the sum is the flux ratio, the centroid the
 * offset. */
static void
test_known_kernel(void **state)
{
	struct scene scene;
	struct frame science, reference;
	struct source_list stars = {calloc(STARS, sizeof(struct source)), STARS};
	const struct al_options options = {.order = 0,
									   .background_order = 0,
									   .fwhm_sharp = 2.355 * 1.3,
									   .fwhm_blunt = 2.355 * 1.7,
									   .max_stamps = 100};
	struct al_kernel *kernel = malloc(sizeof *kernel);
	float stamp[(2 * AL_MAX_HALF + 1) * (2 * AL_MAX_HALF + 1)];
	double sum = 0, mx = 0, mxx = 0, worst = 0;
	int size;

	(void) state;
	make_scene(&scene);
	expose(&science, &scene, 2.7, 1.7, 0.3);
	expose(&reference, &scene, 1, 1.3, 0);
	for (int i = 0; i < SIZE * SIZE; i++)
		science.im.var[i] = reference.im.var[i] = 1e-3f;
	for (int i = 0; i < STARS; i++)
		stars.v[i] = (struct source){.x = scene.x[i], .y = scene.y[i], .flux = scene.flux[i]};
	assert_int_equal(al_fit(&reference.im, &science.im, &stars, &options, kernel), 0);
	size = 2 * kernel->basis.half + 1;
	al_kernel_at(kernel, SIZE / 2.0, SIZE / 2.0, stamp);
	for (int v = 0; v < size; v++)
		for (int u = 0; u < size; u++)
		{
			const double k = stamp[v * size + u], x = u - kernel->basis.half;

			sum += k;
			mx += k * x;
			mxx += k * x * x;
			worst = fmax(worst, fabs(k - 2.7 * gauss_pixel(x - 0.3, v - kernel->basis.half,
														   sqrt(1.7 * 1.7 - 1.3 * 1.3))));
		}
	assert_near(kernel->sum, 2.7, 0.005, "kernel sum");
	assert_near(sum, 2.7, 0.005, "sum of the kernel's stamp");
	assert_near(mx / sum, 0.3, 0.01, "kernel centroid");
	assert_near(mxx / sum - pow(mx / sum, 2), 1.7 * 1.7 - 1.3 * 1.3, 0.08, "kernel width^2");
	assert_near(worst, 0, 0.05, "worst pixel of the kernel");
	free(stars.v);
	free(kernel);
	frame_free(&science);
	frame_free(&reference);
}

/* What the kernel did to white noise is undone: lag 1 falls, the flux scale stays. */
static void
test_decorrelation(void **state)
{
	enum
	{
		K = 9,
		N = 256
	};
	float kernel[K * K], phi[WHITENING_SIZE * WHITENING_SIZE];
	float *a = malloc(sizeof *a * N * N), *b = malloc(sizeof *b * N * N);
	unsigned char *good = malloc(N * N);
	double acf[(2 * NOISE_LAGS + 1) * (2 * NOISE_LAGS + 1)], sum = 0;
	const int middle = NOISE_LAGS * (2 * NOISE_LAGS + 1) + NOISE_LAGS;
	struct convolver c;

	(void) state;
	for (int i = 0; i < K * K; i++)
		kernel[i] = (float) gauss_pixel(i % K - K / 2, i / K - K / 2, 1.1);
	for (int i = 0; i < N * N; i++)
	{
		a[i] = (float) gsl_ran_gaussian_ziggurat(rng, 2);
		b[i] = (float) gsl_ran_gaussian_ziggurat(rng, 1);
		good[i] = 1;
	}
	assert_int_equal(convolver_init(&c, N, N, WHITENING_HALF), 0);
	convolver_set_kernel(&c, kernel, K);
	convolver_apply(&c, a, a);
	for (int i = 0; i < N * N; i++)
		a[i] = (a[i] + b[i]) / 2;
	noise_autocorrelation(a, good, N, N, acf);
	assert_true(acf[middle + 1] > 0.1);
	assert_int_equal(decorrelation_kernel(kernel, K, 1, 4, phi), 0);
	for (int i = 0; i < WHITENING_SIZE * WHITENING_SIZE; i++)
		sum += phi[i];
	assert_near(sum, 1, 1e-5, "sum of the decorrelation kernel");
	convolver_set_kernel(&c, phi, WHITENING_SIZE);
	convolver_apply(&c, a, b);
	noise_autocorrelation(b, good, N, N, acf);
	assert_near(acf[middle + 1], 0, 0.05, "lag 1 after decorrelation");
	assert_near(acf[middle + 2], 0, 0.05, "lag 2 after decorrelation");
	convolver_free(&c);
	free(a);
	free(b);
	free(good);
}

/* A stamp moved there and back is the stamp. */
static void
test_shift(void **state)
{
	enum
	{
		N = 31
	};
	float stamp[N * N], there[N * N], back[N * N];

	(void) state;
	for (int i = 0; i < N * N; i++)
		stamp[i] = (float) gauss_pixel(i % N - N / 2, i / N - N / 2, 1.6);
	assert_int_equal(psf_shift(stamp, N, 0.37, -0.21, there), 0);
	assert_near(there[N / 2 * N + N / 2 + 1], gauss_pixel(1 - 0.37, 0.21, 1.6), 3e-4, "shifted");
	assert_int_equal(psf_shift(there, N, -0.37, 0.21, back), 0);
	for (int i = 0; i < N * N; i++)
		assert_near(back[i], stamp[i], 5e-4, "there and back");
}

static int
setup(void **state)
{
	(void) state;
	rng = gsl_rng_alloc(gsl_rng_mt19937);
	return rng == NULL ? -1 : 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shift),
		cmocka_unit_test(test_known_kernel),
		cmocka_unit_test(test_decorrelation),
		cmocka_unit_test(test_reference_convolved),
		cmocka_unit_test(test_science_convolved),
		cmocka_unit_test(test_equal_seeing),
	};

	return cmocka_run_group_tests_name("difference", tests, setup, NULL);
}
