/*
 * See median.h. Called by lacosmic.c. The networks are those of Smith (1996) and Devillard (1998):
 * straight-line minima and maxima, which the compiler turns into vector instructions (the Makefile
 * compiles this file with -O3). SPDX-License-Identifier: PostgreSQL
 */
#include "image/median.h"

#include <stddef.h>
#include <string.h>

/* clang-format off */
#define SORT(a, b) do { float lo_ = (a) < (b) ? (a) : (b); (b) = (a) < (b) ? (b) : (a); (a) = lo_; } while (0)

/* out[i] = median of in[i + k * step], k = -size/2 .. size/2, for i in 0..n-1 */
#define DEFINE_RUN(NAME, SIZE, NETWORK, MIDDLE)                                                    \
	static void NAME(const float *restrict in, float *restrict out, size_t n, ptrdiff_t step)      \
	{                                                                                              \
		for (size_t i = 0; i < n; i++)                                                             \
		{                                                                                          \
			float p[SIZE];                                                                         \
			for (int k = 0; k < SIZE; k++)                                                         \
				p[k] = in[(ptrdiff_t) i + (k - SIZE / 2) * step];                                  \
			NETWORK                                                                                \
			out[i] = p[MIDDLE];                                                                    \
		}                                                                                          \
	}
#define S(a, b) SORT(p[a], p[b]);
DEFINE_RUN(run3, 3, S(0, 1) S(1, 2) S(0, 1), 1)
DEFINE_RUN(run5, 5, S(0, 1) S(3, 4) S(0, 3) S(1, 4) S(1, 2) S(2, 3) S(1, 2), 2)
DEFINE_RUN(run7, 7, S(0, 5) S(0, 3) S(1, 6) S(2, 4) S(0, 1) S(3, 5) S(2, 6) S(2, 3) S(3, 6)
					S(4, 5) S(1, 4) S(1, 3) S(3, 4), 3)
DEFINE_RUN(run9, 9, S(1, 2) S(4, 5) S(7, 8) S(0, 1) S(3, 4) S(6, 7) S(1, 2) S(4, 5) S(7, 8)
					S(0, 3) S(5, 8) S(4, 7) S(3, 6) S(1, 4) S(2, 5) S(4, 7) S(4, 2) S(6, 4) S(4, 2), 4)
/* clang-format on */

typedef void (*run_function)(const float *restrict in, float *restrict out, size_t n,
							 ptrdiff_t step);

void
median_separable(const float *in, float *out, float *work, int width, int height, int size)
{
	static const run_function runs[] = {run3, run5, run7, run9};
	const run_function run = runs[size / 2 - 1];
	const int r = size / 2;
	const size_t w = (size_t) width;

	for (int y = 0; y < height; y++)
	{
		const float *row = in + (size_t) y * w;
		float *to = work + (size_t) y * w;

		memcpy(to, row, w * sizeof *to);
		if (width > 2 * r)
			run(row + r, to + r, w - 2 * (size_t) r, 1);
	}
	for (int y = 0; y < height; y++)
	{
		const float *row = work + (size_t) y * w;

		if (y < r || y >= height - r)
			memcpy(out + (size_t) y * w, in + (size_t) y * w, w * sizeof *out);
		else
			run(row, out + (size_t) y * w, w, (ptrdiff_t) w);
	}
}
