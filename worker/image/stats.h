/* Robust statistics. NaN values must be left out by the caller. SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_STATS_H
#define IMAGE_STATS_H

#include <stddef.h>
#include "image/image.h"

float stats_median_f(float *values, size_t n); /* reorders values; NaN for n = 0 */
double stats_median(double *values, size_t n); /* reorders values; NaN for n = 0 */
double stats_mad(double *values, size_t n,
				 double median); /* 1.4826 x median |v - median|; reorders */
double stats_quantile(double *values, size_t n,
					  double q); /* linear between order statistics; reorders */

struct clipped
{
	double mean, median, std;
	size_t n;
};
/* kappa-sigma clipping about the median until nothing is clipped or `iterations` is reached. */
struct clipped stats_clip(const double *values, size_t n, double kappa, int iterations);

#endif
