/* See rng.h. SPDX-License-Identifier: PostgreSQL */
#include "simulate/rng.h"

#include <math.h>

static uint64_t
splitmix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

struct rng
rng_make(uint64_t seed, enum rng_stream stream, uint64_t a, uint64_t b)
{
	const uint64_t path[4] = {seed, (uint64_t) stream, a, b};
	struct rng rng = {.spare = NAN};
	uint64_t state = 0;

	for (int i = 0; i < 4; i++)
	{
		state ^= path[i];
		state = splitmix(&state);
	}
	for (int i = 0; i < 4; i++)
		rng.s[i] = splitmix(&state);
	return rng;
}

static uint64_t
rotate_left(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

uint64_t
rng_next(struct rng *rng)
{
	uint64_t *s = rng->s;
	const uint64_t result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

/* In (0, 1): never 0, so that its logarithm exists. */
static double
open_unit(struct rng *rng)
{
	return ((double) (rng_next(rng) >> 12) + 0.5) * 0x1p-52;
}

double
rng_uniform(struct rng *rng, double low, double high)
{
	return low + (high - low) * ((double) (rng_next(rng) >> 11) * 0x1p-53);
}

double
rng_exponential(struct rng *rng, double mean)
{
	return -mean * log(open_unit(rng));
}

double
rng_log_uniform(struct rng *rng, double low, double high)
{
	return low * pow(high / low, rng_uniform(rng, 0, 1));
}

/* Marsaglia's polar method. */
double
rng_normal(struct rng *rng)
{
	double u, v, q, spare = rng->spare;

	if (!isnan(spare))
	{
		rng->spare = NAN;
		return spare;
	}
	do
	{
		u = rng_uniform(rng, -1, 1);
		v = rng_uniform(rng, -1, 1);
		q = u * u + v * v;
	} while (q >= 1 || q == 0);
	q = sqrt(-2 * log(q) / q);
	rng->spare = v * q;
	return u * q;
}

/* Product of uniforms (Knuth, TAOCP 2, 3.4.1): time grows with the mean. */
static double
poisson_small(struct rng *rng, double mean)
{
	const double limit = exp(-mean);
	double product = open_unit(rng);
	int k = 0;

	for (; product > limit; k++)
		product *= open_unit(rng);
	return k;
}

/* Transformed rejection PTRS of Hoermann 1993, Insurance: Mathematics and Economics 12, 39; for
 * mean >= 10. */
static double
poisson_large(struct rng *rng, double mean)
{
	const double log_mean = log(mean);
	const double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
	const double inv_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);

	for (;;)
	{
		const double u = open_unit(rng) - 0.5, v = open_unit(rng);
		const double us = 0.5 - fabs(u), k = floor((2 * a / us + b) * u + mean + 0.43);

		if (us >= 0.07 && v <= v_r)
			return k;
		if (k < 0 || (us < 0.013 && v > us))
			continue;
		if (log(v) + log(inv_alpha) - log(a / (us * us) + b) <= k * log_mean - mean - lgamma(k + 1))
			return k;
	}
}

double
rng_poisson(struct rng *rng, double mean)
{
	if (!(mean > 0))
		return 0;
	return mean < 10 ? poisson_small(rng, mean) : poisson_large(rng, mean);
}
