/* See snr.h. SPDX-License-Identifier: PostgreSQL */
#include "simulate/snr.h"

#include <math.h>

#define N SNR_STAMP

/* A discrete Fourier transform by its definition, rows then columns: the stamps are small. */
static void
power_spectrum(const double *stamp, double *power)
{
	double c[N], s[N], re[N][N], im[N][N];

	for (int k = 0; k < N; k++)
	{
		c[k] = cos(2 * M_PI * k / N);
		s[k] = sin(2 * M_PI * k / N);
	}
	for (int y = 0; y < N; y++)
		for (int k = 0; k < N; k++)
		{
			re[y][k] = im[y][k] = 0;
			for (int x = 0; x < N; x++)
			{
				re[y][k] += stamp[y * N + x] * c[k * x % N];
				im[y][k] -= stamp[y * N + x] * s[k * x % N];
			}
		}
	for (int l = 0; l < N; l++)
		for (int k = 0; k < N; k++)
		{
			double a = 0, b = 0;

			for (int y = 0; y < N; y++)
			{
				a += re[y][k] * c[l * y % N] + im[y][k] * s[l * y % N];
				b += im[y][k] * c[l * y % N] - re[y][k] * s[l * y % N];
			}
			power[l * N + k] = a * a + b * b;
		}
}

void
snr_prepare(struct snr_side *side)
{
	double square = 0, cube = 0;

	power_spectrum(side->stamp, side->power);
	for (int i = 0; i < N * N; i++)
	{
		square += side->stamp[i] * side->stamp[i];
		cube += side->stamp[i] * side->stamp[i] * side->stamp[i];
	}
	side->own = cube / square;
}

double
snr_per_electron(const struct snr_side *science, const struct snr_side *reference, double v_n,
				 double v_r, double s)
{
	double sum = 0;

	for (int k = 0; k < N * N; k++)
	{
		const double n = science->power[k], r = reference->power[k];
		const double noise = v_n * r + s * s * v_r * n;

		if (noise > 0)
			sum += n * r / noise;
	}
	return sqrt(sum / (N * N));
}

double
snr_of_change(const struct snr_side *science, const struct snr_side *reference, double f_n,
			  double f_r, double s)
{
	return fabs(f_n - s * f_r) * snr_per_electron(science, reference,
												  science->variance + f_n * science->own,
												  reference->variance + f_r * reference->own, s);
}

double
snr_flux_for(const struct snr_side *science, const struct snr_side *reference, double s,
			 double target, int sign)
{
	double flux = 0;

	/* the own light adds less noise than flux: a contraction */
	for (int round = 0; round < 40; round++)
	{
		const double f_n = sign > 0 ? flux : 0, f_r = sign > 0 ? 0 : flux / s;

		flux = target / snr_per_electron(science, reference, science->variance + f_n * science->own,
										 reference->variance + f_r * reference->own, s);
	}
	return sign > 0 ? flux : -flux;
}
