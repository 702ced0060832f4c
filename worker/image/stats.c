/*
 * Robust statistics by selection (Hoare 1961), linear in the number of values. Called by
 * background, calibration and quality code. SPDX-License-Identifier: PostgreSQL
 */
#include "image/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAD_TO_SIGMA 1.482602218505602 /* 1 / Phi^-1(3/4): MAD of a Gaussian to its sigma */

/* select_T(v, n, k): the k-th smallest of v[0..n), with no greater value before it and no smaller
 * one after. */
#define DEFINE_SELECT(T)                                                                           \
	static T select_##T(T *v, size_t n, size_t k)                                                  \
	{                                                                                              \
		size_t lo = 0, hi = n - 1;                                                                 \
                                                                                                   \
		while (lo < hi)                                                                            \
		{                                                                                          \
			T pivot = v[lo + (hi - lo) / 2];                                                       \
			size_t i = lo, j = hi;                                                                 \
                                                                                                   \
			for (;;)                                                                               \
			{                                                                                      \
				T swap;                                                                            \
                                                                                                   \
				while (v[i] < pivot)                                                               \
					i++;                                                                           \
				while (pivot < v[j])                                                               \
					j--;                                                                           \
				if (i >= j)                                                                        \
					break;                                                                         \
				swap = v[i];                                                                       \
				v[i++] = v[j];                                                                     \
				v[j--] = swap;                                                                     \
			}                                                                                      \
			if (k <= j)                                                                            \
				hi = j;                                                                            \
			else                                                                                   \
				lo = j + 1;                                                                        \
		}                                                                                          \
		return v[k];                                                                               \
	}                                                                                              \
                                                                                                   \
	static T median_##T(T *v, size_t n)                                                            \
	{                                                                                              \
		T upper = select_##T(v, n, n / 2), lower = v[0];                                           \
                                                                                                   \
		if (n % 2 == 1)                                                                            \
			return upper;                                                                          \
		for (size_t i = 1; i < n / 2; i++)                                                         \
			lower = v[i] > lower ? v[i] : lower;                                                   \
		return lower + (upper - lower) / 2;                                                        \
	}

DEFINE_SELECT(float)
DEFINE_SELECT(double)

float
stats_median_f(float *values, size_t n)
{
	return n > 0 ? median_float(values, n) : NAN;
}

double
stats_median(double *values, size_t n)
{
	return n > 0 ? median_double(values, n) : NAN;
}

double
stats_mad(double *values, size_t n, double median)
{
	for (size_t i = 0; i < n; i++)
		values[i] = fabs(values[i] - median);
	return MAD_TO_SIGMA * stats_median(values, n);
}

double
stats_quantile(double *values, size_t n, double q)
{
	double place = q * (double) (n - 1), lower, upper;
	size_t k = (size_t) place;

	if (n == 0)
		return NAN;
	lower = select_double(values, n, k);
	if (k + 1 >= n)
		return lower;
	upper = values[k + 1];
	for (size_t i = k + 2; i < n; i++)
		upper = values[i] < upper ? values[i] : upper;
	return lower + (place - (double) k) * (upper - lower);
}

/* Mean and sample standard deviation in two passes (Chan, Golub & LeVeque 1983, eq. 1.2). */
static void
moments(const double *v, size_t n, double *mean, double *std)
{
	double sum = 0, sum2 = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i];
	*mean = n > 0 ? sum / (double) n : NAN;
	for (size_t i = 0; i < n; i++)
		sum2 += (v[i] - *mean) * (v[i] - *mean);
	*std = n > 1 ? sqrt(sum2 / (double) (n - 1)) : 0;
}

static size_t
keep_within(double *v, size_t n, double centre, double limit)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (fabs(v[i] - centre) <= limit)
			v[kept++] = v[i];
	return kept;
}

/* The first pass measures the spread by the MAD: one wild value among few would otherwise hide
 * itself in the standard deviation. */
struct clipped
stats_clip(const double *values, size_t n, double kappa, int iterations)
{
	struct clipped c = {.mean = NAN, .median = NAN, .std = NAN, .n = 0};
	double *v = n > 0 ? malloc(2 * n * sizeof *v) : NULL;

	if (v == NULL)
		return c;
	memcpy(v, values, n * sizeof *v);
	c.n = n;
	for (int i = 0;; i++)
	{
		size_t kept;
		double spread = 0;

		c.median = stats_median(v, c.n);
		moments(v, c.n, &c.mean, &c.std);
		if (i == iterations)
			break;
		if (i == 0)
		{
			memcpy(v + n, v, n * sizeof *v);
			spread = stats_mad(v + n, n, c.median);
		}
		kept = keep_within(v, c.n, c.median, kappa * (spread > 0 ? spread : c.std));
		if (kept == c.n && i > 0)
			break;
		c.n = kept;
	}
	free(v);
	return c;
}
