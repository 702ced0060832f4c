/* The true S/N of a change against the matched filter and a real-space computation.
 * SPDX-License-Identifier: PostgreSQL */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <cmocka.h>

#include "simulate/psf.h"
#include "simulate/snr.h"

#define N SNR_STAMP

static struct snr_side
side_of(double fwhm, double variance)
{
	const struct camera cam = {.scale = 1, .half = 500, .x0 = 500, .y0 = 500};
	const struct seeing seeing = {.fwhm = fwhm, .beta = 3, .aureole = 0.01, .e = {0.05, 0.02}};
	const struct psf psf = psf_at(&seeing, &cam, 500, 500);
	struct snr_side side = {.variance = variance};

	psf_stamp(&psf, N, side.stamp);
	snr_prepare(&side);
	return side;
}

static double
matched_filter(const struct snr_side *side)
{
	double square = 0;

	for (int i = 0; i < N * N; i++)
		square += side->stamp[i] * side->stamp[i];
	return sqrt(square / side->variance);
}

static void
power_obeys_parseval(void **state)
{
	const struct snr_side side = side_of(2.5, 1);
	double pixels = 0, modes = 0;

	(void) state;
	for (int i = 0; i < N * N; i++)
	{
		pixels += side.stamp[i] * side.stamp[i];
		modes += side.power[i];
	}
	assert_true(fabs(modes / (N * N) / pixels - 1) < 1e-12);
}

static void
noiseless_reference_leaves_the_matched_filter(void **state)
{
	const struct snr_side science = side_of(3, 400), reference = side_of(2.5, 1e-9);

	(void) state;
	assert_true(
		fabs(snr_per_electron(&science, &reference, 400, 1e-9, 1.3) / matched_filter(&science) -
			 1) < 1e-6);
}

static void
equal_frames_cost_a_factor_of_root_two(void **state)
{
	const struct snr_side side = side_of(3, 400);

	(void) state;
	assert_true(fabs(snr_per_electron(&side, &side, 400, 400, 1) * sqrt(2) / matched_filter(&side) -
					 1) < 1e-9);
}

/* (P x Q)(x, y) on a torus, where circular convolution is exact. */
static double
cyclic(const double *stamp, int dx, int dy)
{
	const int half = N / 2;

	return stamp[((dy + half) % N + N) % N * N + ((dx + half) % N + N) % N];
}

/* The covariance of D = R * N_image - s N * R_image, from which any common scene cancels: D's noise
 * is that of the two frames, each convolved with the other's PSF; its signal is R * N. */
static double
real_space_snr(const struct snr_side *n, const struct snr_side *r, double v_n, double v_r, double s)
{
	gsl_matrix *rm = gsl_matrix_alloc(N * N, N * N), *nm = gsl_matrix_alloc(N * N, N * N);
	gsl_matrix *c = gsl_matrix_alloc(N * N, N * N);
	gsl_vector *source = gsl_vector_alloc(N * N), *signal = gsl_vector_alloc(N * N);
	gsl_vector *solved = gsl_vector_alloc(N * N);
	double square;

	for (int a = 0; a < N * N; a++)
		for (int b = 0; b < N * N; b++)
		{
			gsl_matrix_set(rm, (size_t) a, (size_t) b,
						   cyclic(r->stamp, a % N - b % N, a / N - b / N));
			gsl_matrix_set(nm, (size_t) a, (size_t) b,
						   cyclic(n->stamp, a % N - b % N, a / N - b / N));
		}
	for (int a = 0; a < N * N; a++)
		gsl_vector_set(source, (size_t) a, n->stamp[a]);
	gsl_blas_dgemv(CblasNoTrans, 1, rm, source, 0, signal);
	gsl_blas_dsyrk(CblasLower, CblasNoTrans, v_n, rm, 0, c);
	gsl_blas_dsyrk(CblasLower, CblasNoTrans, s * s * v_r, nm, 1, c);
	gsl_linalg_cholesky_decomp1(c);
	gsl_linalg_cholesky_solve(c, signal, solved);
	gsl_blas_ddot(signal, solved, &square);
	gsl_matrix_free(rm);
	gsl_matrix_free(nm);
	gsl_matrix_free(c);
	gsl_vector_free(source);
	gsl_vector_free(signal);
	gsl_vector_free(solved);
	return sqrt(square);
}

static void
formula_agrees_with_the_covariance_in_real_space(void **state)
{
	const struct snr_side science = side_of(2.3, 300), reference = side_of(2.6, 500);
	const double formula = snr_per_electron(&science, &reference, 300, 500, 0.8);
	const double direct = real_space_snr(&science, &reference, 300, 500, 0.8);

	(void) state;
	assert_true(fabs(formula / direct - 1) < 1e-4);
}

static void
flux_for_reaches_its_target(void **state)
{
	const struct snr_side science = side_of(3, 300), reference = side_of(2.4, 350);

	(void) state;
	for (double target = 5; target < 200; target *= 3)
	{
		const double up = snr_flux_for(&science, &reference, 0.7, target, 1);
		const double down = snr_flux_for(&science, &reference, 0.7, target, -1);

		assert_true(up > 0 && down < 0);
		assert_true(fabs(snr_of_change(&science, &reference, up, 0, 0.7) / target - 1) < 1e-6);
		assert_true(fabs(snr_of_change(&science, &reference, 0, -down / 0.7, 0.7) / target - 1) <
					1e-6);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_obeys_parseval),
		cmocka_unit_test(noiseless_reference_leaves_the_matched_filter),
		cmocka_unit_test(equal_frames_cost_a_factor_of_root_two),
		cmocka_unit_test(formula_agrees_with_the_covariance_in_real_space),
		cmocka_unit_test(flux_for_reaches_its_target),
	};

	return cmocka_run_group_tests_name("simulate snr", tests, NULL, NULL);
}
