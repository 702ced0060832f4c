/*
 * Random numbers of the simulated night: the same on every machine for the same seed.
 * SPDX-License-Identifier: PostgreSQL
 *
 * xoshiro256** (Blackman & Vigna 2021, ACM TOMS 47, 36), seeded by splitmix64. Every effect draws
 * from a stream of its own, named by the seed and a path of numbers, so that switching one effect
 * leaves the others as they were.
 */
#ifndef SIMULATE_RNG_H
#define SIMULATE_RNG_H

#include <stdint.h>

struct rng
{
	uint64_t s[4];
	double spare; /* second deviate of the last normal pair; NaN: none */
};

/* What a stream is for: the first number of its path. */
enum rng_stream
{
	STREAM_SCENE,
	STREAM_EPOCH,
	STREAM_DETECTOR,
	STREAM_NOISE,
	STREAM_COSMICS,
	STREAM_TRANSIENTS,
	STREAM_CALIBRATION
};

struct rng rng_make(uint64_t seed, enum rng_stream stream, uint64_t a, uint64_t b);

uint64_t rng_next(struct rng *rng);
double rng_uniform(struct rng *rng, double low, double high); /* [low, high) */
double rng_normal(struct rng *rng);                           /* mean 0, variance 1 */
double rng_exponential(struct rng *rng, double mean);
double rng_log_uniform(struct rng *rng, double low, double high);

/* Poisson deviate; mean <= 0 gives 0. Exact at every mean. */
double rng_poisson(struct rng *rng, double mean);

#endif
