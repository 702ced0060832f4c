/*
 * See streak.h. Called by calibrate. The image is averaged in blocks, which gains S/N for what is
 * long and thin; blocks above the noise vote for the lines through them (Hough 1962; angle and
 * distance after Duda & Hart 1972). A line counts when a long, nearly unbroken run of its blocks is
 * bright: stars along it leave gaps, a trail does not. Its width is measured on the profile across
 * it. SPDX-License-Identifier: PostgreSQL
 */
#include "image/streak.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/stats.h"

#define BLOCK 4
#define BLOCK_SIGMA                                                                                \
	2.5f /* of a block's mean; more where more than MAX_LIT of the blocks reach it */
#define MAX_LIT 0.06
#define BRIGHT_MAX                                                                                 \
	40.0f /* sigma of a block: brighter are stars, whose haloes would vote for every line */
#define ANGLES         720 /* quarter degrees */
#define MAX_TRAILS     6
#define MIN_VOTES      20
#define MAX_GAP        6   /* blocks */
#define MIN_FILL       0.7 /* share of bright blocks in a run */
#define PROFILE        20  /* px to each side */
#define MAX_HALF_WIDTH 16
#define REFINE_REACH   12   /* px beside the voted line */
#define PARTS          16   /* of a line, each with a ridge of its own */
#define MAX_PART       256  /* px of a part that are looked at */
#define MIN_LIGHT      0.25 /* of a pixel's noise: less does not hurt a measurement */
#define MIN_PEAK_SIGMA 8.0  /* of the profile's own scatter beside the trail */

struct votes
{
	int w, h; /* blocks */
	unsigned char *lit;
	int *count; /* [angle][distance] */
	int n_distance;
	double cosine[ANGLES], sine[ANGLES];
};

struct line /* x cos + y sin = distance, in px; from a to b along (-sin, cos) */
{
	double cosine, sine, distance, from, to;
};

/* S/N of each block's mean; NaN where too few pixels are good. */
static void
measure_blocks(const struct image *im, const struct background *bkg, const struct votes *v,
			   float *snr)
{
	for (int by = 0; by < v->h; by++)
		for (int bx = 0; bx < v->w; bx++)
		{
			float sum = 0, rms = 0;
			int n = 0;

			for (int y = by * BLOCK; y < (by + 1) * BLOCK; y++)
				for (int x = bx * BLOCK; x < (bx + 1) * BLOCK; x++)
				{
					size_t i = (size_t) y * (size_t) im->width + (size_t) x;

					if (im->mask[i] & (MASK_EXCLUDED & ~MASK_CR))
						continue;
					sum += im->sci[i] - bkg->level[i];
					rms += bkg->rms[i];
					n++;
				}
			snr[by * v->w + bx] =
				n >= BLOCK * BLOCK / 2 ? sum / n / (rms / (float) n) * sqrtf((float) n) : NAN;
		}
}

static int
find_lit(const struct image *im, const struct background *bkg, struct votes *v)
{
	size_t n = (size_t) v->w * (size_t) v->h, good = 0;
	float *snr = malloc(n * sizeof *snr);
	double *sorted = malloc(n * sizeof *sorted), limit;

	if (snr != NULL && sorted != NULL)
	{
		measure_blocks(im, bkg, v, snr);
		for (size_t i = 0; i < n; i++)
			if (isfinite(snr[i]))
				sorted[good++] = snr[i];
		limit = good > 0 ? fmax(stats_quantile(sorted, good, 1 - MAX_LIT), BLOCK_SIGMA) : INFINITY;
		for (size_t i = 0; i < n; i++)
			v->lit[i] = snr[i] > limit && snr[i] < BRIGHT_MAX;
	}
	free(snr);
	free(sorted);
	return snr != NULL && sorted != NULL ? 0 : -1;
}

static void
vote(struct votes *v)
{
	memset(v->count, 0, (size_t) ANGLES * (size_t) v->n_distance * sizeof *v->count);
	for (int y = 0; y < v->h; y++)
		for (int x = 0; x < v->w; x++)
			if (v->lit[y * v->w + x])
				for (int a = 0; a < ANGLES; a++)
				{
					int d = (int) lround(x * v->cosine[a] + y * v->sine[a]) + v->n_distance / 2;

					v->count[a * v->n_distance + d]++;
				}
}

static bool
is_lit(const struct votes *v, double x, double y, const double across[2])
{
	for (int k = -1; k <= 1; k++)
	{
		int i = (int) lround(x + k * across[0]), j = (int) lround(y + k * across[1]);

		if (i >= 0 && i < v->w && j >= 0 && j < v->h && v->lit[j * v->w + i])
			return true;
	}
	return false;
}

/* The longest run of bright blocks along a line, gaps of MAX_GAP allowed; 0 where it is too thin.
 */
static double
longest_run(const struct votes *v, double c, double s, double d, double *from, double *to)
{
	const double across[2] = {c, s};
	int reach = v->w + v->h, begin = 0, last = -1000000, lit = 0;
	double best = 0;

	for (int t = -reach; t <= reach; t++)
	{
		double x = c * d - s * t, y = s * d + c * t;

		if (x < -0.5 || y < -0.5 || x > v->w - 0.5 || y > v->h - 0.5 || !is_lit(v, x, y, across))
			continue;
		if (t - last > MAX_GAP)
		{
			begin = t;
			lit = 0;
		}
		lit++;
		last = t;
		if (last - begin > best && lit >= MIN_FILL * (last - begin + 1))
		{
			best = last - begin;
			*from = begin;
			*to = last;
		}
	}
	return best;
}

/* The longest run among the lines with the most votes. */
static bool
best_line(const struct votes *v, double min_run, struct line *line)
{
	double best = 0;
	int most = 0;

	for (int i = 0; i < ANGLES * v->n_distance; i++)
		most = v->count[i] > most ? v->count[i] : most;
	for (int i = 0; i < ANGLES * v->n_distance; i++)
	{
		int a = i / v->n_distance, d = i % v->n_distance - v->n_distance / 2;
		double from = 0, to = 0, run;

		if (v->count[i] < MIN_VOTES || v->count[i] < most / 2 || v->count[i] < min_run / 2)
			continue;
		run = longest_run(v, v->cosine[a], v->sine[a], d, &from, &to);
		if (run <= best || run < min_run)
			continue;
		best = run;
		*line = (struct line){v->cosine[a], v->sine[a],
							  BLOCK * d + (BLOCK - 1) / 2.0 * (v->cosine[a] + v->sine[a]),
							  BLOCK * (from - 1), BLOCK * (to + 1)};
	}
	return best > 0;
}

/* S/N of the pixel at `d` from the origin and `t` along the line; NaN where it cannot be used. */
static double
pixel_snr(const struct image *im, const struct background *bkg, const struct line *l, double d,
		  double t)
{
	const int x = (int) lround(l->cosine * d - l->sine * t);
	const int y = (int) lround(l->sine * d + l->cosine * t);
	const size_t i = (size_t) y * (size_t) im->width + (size_t) x;

	if (x < 0 || y < 0 || x >= im->width || y >= im->height ||
		(im->mask[i] & (MASK_EXCLUDED & ~MASK_CR)))
		return NAN;
	return (im->sci[i] - bkg->level[i]) / bkg->rms[i];
}

/* The ridge of one part of the line, in px beside it; NaN where none stands out. */
static double
ridge_offset(const struct image *im, const struct background *bkg, const struct line *l,
			 double from, double to)
{
	double v[MAX_PART], sum = 0, moment = 0;

	for (int k = -REFINE_REACH; k <= REFINE_REACH; k++)
	{
		double level;
		size_t n = 0;

		for (double t = from; t < to && n < MAX_PART; t++)
		{
			const double snr = pixel_snr(im, bkg, l, l->distance + k, t);

			if (!isnan(snr))
				v[n++] = snr;
		}
		level = n > 0 ? stats_median(v, n) : 0;
		if (n > 0 && level > 4 * 1.25 / sqrt((double) n))
		{
			sum += level;
			moment += level * k;
		}
	}
	return sum > 0 ? moment / sum : NAN;
}

/* The votes know a line to a block and a fraction of a degree, which is pixels at its ends: put it
 * on the ridge, a straight line fitted to the parts, twice because the first look is askew. */
static void
refine(const struct image *im, const struct background *bkg, struct line *l)
{
	for (int round = 0; round < 2; round++)
	{
		const double part = fmin((l->to - l->from) / PARTS, MAX_PART);
		double n = 0, st = 0, sk = 0, stt = 0, stk = 0, a, b, norm;
		struct line old = *l;

		for (int p = 0; p < PARTS; p++)
		{
			const double t = l->from + (p + 0.5) * (l->to - l->from) / PARTS;
			const double k = ridge_offset(im, bkg, l, t - part / 2, t + part / 2);

			if (isnan(k))
				continue;
			n++;
			st += t;
			sk += k;
			stt += t * t;
			stk += t * k;
		}
		if (n < PARTS / 2.0)
			return;
		b = (n * stk - st * sk) / (n * stt - st * st);
		a = (sk - b * st) / n;
		norm = 1 / sqrt(1 + b * b);
		l->cosine = (old.cosine + b * old.sine) * norm;
		l->sine = (old.sine - b * old.cosine) * norm;
		l->distance = (old.distance + a) * norm;
		l->from = (old.from + b * (old.distance + a + b * old.from)) * norm;
		l->to = (old.to + b * (old.distance + a + b * old.to)) * norm;
	}
}

/* Does the line hold light over its whole length? Profile across it: medians along the line, so
 * that stars drop out. */
static int
half_width(const struct image *im, const struct background *bkg, const struct line *l,
		   double *offset)
{
	size_t length = (size_t) fmax(l->to - l->from, 1), n;
	double *v = malloc(length * sizeof *v), profile[2 * PROFILE + 1], wings[2 * PROFILE + 1];
	double peak = 0, base, sigma;
	int at = PROFILE, left, right;
	bool lopsided = false;

	for (int k = 0; v != NULL && k <= 2 * PROFILE; k++)
	{
		double d = l->distance + k - PROFILE;

		n = 0;
		for (double t = l->from; t < l->to && n < length; t++)
		{
			const double snr = pixel_snr(im, bkg, l, d, t);

			if (!isnan(snr))
				v[n++] = snr;
		}
		/* a trail has sky on both sides; the rim of an unlit area has not */
		if ((double) n < MIN_FILL * (double) length)
			lopsided = true;
		profile[k] = n > 0 ? stats_median(v, n) : 0;
	}
	free(v);
	n = 0;
	for (int k = 0; k <= 2 * PROFILE; k++)
		if (abs(k - PROFILE) > PROFILE / 2)
			wings[n++] = profile[k];
	base = stats_median(wings, n);
	sigma = fmax(stats_mad(wings, n, base), 1.25 / sqrt((double) length));
	for (int k = 0; k <= 2 * PROFILE; k++)
		profile[k] -= base;
	for (int k = PROFILE / 2; k <= PROFILE * 3 / 2; k++)
		if (profile[k] > peak)
			peak = profile[at = k];
	if (v == NULL || lopsided || peak < MIN_PEAK_SIGMA * sigma)
		return 0;
	for (left = at; left > 0 && profile[left - 1] > fmax(MIN_LIGHT, 2 * sigma); left--)
		;
	for (right = at; right < 2 * PROFILE && profile[right + 1] > fmax(MIN_LIGHT, 2 * sigma);
		 right++)
		;
	*offset = (left + right) / 2.0 - PROFILE;
	return (right - left) / 2 + 2 < MAX_HALF_WIDTH ? (right - left) / 2 + 2 : MAX_HALF_WIDTH;
}

/* Along a row or a column it is the detector's doing. */
static bool
is_detector_line(const struct line *l)
{
	return fmin(fabs(l->cosine), fabs(l->sine)) < sin(1.5 * M_PI / ANGLES);
}

static void
mark(struct image *im, const struct line *l, double offset, int half, int32_t bit)
{
	for (int y = 0; y < im->height; y++)
		for (int x = 0; x < im->width; x++)
		{
			double d = x * l->cosine + y * l->sine - l->distance - offset;
			double t = y * l->cosine - x * l->sine;

			if (fabs(d) <= half && t >= l->from - half && t <= l->to + half)
				im->mask[(size_t) y * (size_t) im->width + (size_t) x] |= bit;
		}
}

/* Take the blocks near a line out of the vote. */
static void
unlight(struct votes *v, const struct line *l)
{
	for (int y = 0; y < v->h; y++)
		for (int x = 0; x < v->w; x++)
			if (fabs((x + 0.5) * BLOCK * l->cosine + (y + 0.5) * BLOCK * l->sine - l->distance) <
				2 * BLOCK + MAX_HALF_WIDTH)
				v->lit[y * v->w + x] = 0;
}

int
streak_mask(struct image *im, const struct background *bkg, double min_share)
{
	struct votes v = {.w = im->width / BLOCK, .h = im->height / BLOCK};
	double min_run = min_share * (v.w < v.h ? v.w : v.h), offset = 0;
	struct line line = {0};
	int found = 0;

	if (min_run < MIN_VOTES)
		return 0;
	v.n_distance = 2 * (v.w + v.h) + 3;
	v.lit = calloc((size_t) v.w * (size_t) v.h, 1);
	v.count = malloc((size_t) ANGLES * (size_t) v.n_distance * sizeof *v.count);
	for (int a = 0; a < ANGLES; a++)
	{
		v.cosine[a] = cos(a * M_PI / ANGLES);
		v.sine[a] = sin(a * M_PI / ANGLES);
	}
	if (v.lit == NULL || v.count == NULL || find_lit(im, bkg, &v) < 0)
		found = err_raise(ASTRID_E_NO_MEMORY, "no memory to look for trails");
	else
	{
		for (int i = 0; i < MAX_TRAILS; i++)
		{
			int half;

			vote(&v);
			if (!best_line(&v, min_run, &line))
				break;
			refine(im, bkg, &line);
			half = half_width(im, bkg, &line, &offset);
			if (half > 0)
			{
				bool detector = is_detector_line(&line);

				mark(im, &line, offset, half, detector ? MASK_BAD : MASK_STREAK);
				found += !detector;
			}
			unlight(&v, &line);
		}
	}
	free(v.lit);
	free(v.count);
	return found;
}
