/*
 * See source.h. Called by align, difference (PSF stars) and calibrate (quality). SEP stops with an
 * error where its buffers end (sep issues 24, 33, 75), so extraction climbs down a ladder of
 * settings. SPDX-License-Identifier: PostgreSQL
 */
#include "image/source.h"

#include <math.h>
#include <sep.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define MIN_AREA         5
#define DEBLEND_CONTRAST 0.005
#define MIN_PIXSTACK     ((size_t) 1000000)
#define SUB_OBJECTS      4096
#define SIGMA_PER_FWHM   0.42466090014400953 /* 1 / (2 sqrt(2 ln 2)) */
#define APERTURE_SIGMAS  2.5
#define RADIUS_PER_A     6.0 /* flux is summed out to 6 a, as SExtractor does for FLUX_RADIUS */
#define NEAR_PER_A       2.0

static const float smoothing[9] = {1, 2, 1, 2, 4, 2, 1, 2, 1};

/* What is tried in turn: deblending thresholds, factor on the detection threshold, pixel stack per
 * pixel. */
static const struct rung
{
	int deblend;
	double thresh;
	size_t stack_divisor;
} ladder[] = {{32, 1, 4}, {32, 1, 1}, {1, 1, 1}, {1, 2, 1}, {1, 4, 1}, {1, 16, 1}};

struct planes /* what SEP reads: sky subtracted, and a byte mask */
{
	float *data;
	unsigned char *mask;
	sep_image si;
};

static int
planes_make(const struct image *im, const struct background *bkg, struct planes *p)
{
	size_t n = image_size(im);

	p->data = malloc(n * sizeof *p->data);
	p->mask = malloc(n);
	if (p->data == NULL || p->mask == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory to extract sources");
	for (size_t i = 0; i < n; i++)
	{
		p->mask[i] = !isfinite(im->sci[i]) ||
					 (im->mask != NULL && (im->mask[i] & MASK_EXCLUDED & ~MASK_SAT));
		p->data[i] = p->mask[i] ? 0 : im->sci[i] - bkg->level[i];
	}
	p->si = (sep_image){.data = p->data,
						.noise = bkg->rms,
						.mask = p->mask,
						.dtype = SEP_TFLOAT,
						.ndtype = SEP_TFLOAT,
						.mdtype = SEP_TBYTE,
						.noise_type = SEP_NOISE_STDDEV,
						.w = im->width,
						.h = im->height};
	return 0;
}

static int
extract(sep_image *si, double thresh, sep_catalog **cat)
{
	size_t n = (size_t) si->w * (size_t) si->h;
	char text[61] = "";
	int status = 0;

	for (size_t i = 0; i < sizeof ladder / sizeof ladder[0]; i++)
	{
		size_t stack = n / ladder[i].stack_divisor;

		sep_set_extract_pixstack(stack > MIN_PIXSTACK ? stack : MIN_PIXSTACK);
		sep_set_sub_object_limit(SUB_OBJECTS);
		*cat = NULL;
		status = sep_extract(si, (float) (thresh * ladder[i].thresh), SEP_THRESH_REL, MIN_AREA,
							 smoothing, 3, 3, SEP_FILTER_CONV, ladder[i].deblend, DEBLEND_CONTRAST,
							 1, 1.0, cat);
		if (status == 0 && *cat != NULL)
			return 0;
	}
	sep_get_errmsg(status, text);
	return err_raise(ASTRID_E_INTERNAL, "sep: %s", text);
}

/* Look for mask bits within the radius r of (x, y). */
static int32_t
mask_around(const struct image *im, double x, double y, double r)
{
	int x0 = (int) fmax(0, ceil(x - r)), x1 = (int) fmin(im->width - 1, floor(x + r));
	int y0 = (int) fmax(0, ceil(y - r)), y1 = (int) fmin(im->height - 1, floor(y + r));
	int32_t bits = 0;

	for (int j = y0; im->mask != NULL && j <= y1; j++)
		for (int i = x0; i <= x1; i++)
			if ((i - x) * (i - x) + (j - y) * (j - y) <= r * r)
				bits |= im->mask[(size_t) j * (size_t) im->width + (size_t) i];
	return bits;
}

/* Half-flux radius, windowed centroid (Bertin's XWIN with sigma = 2 r50 / 2.35) and aperture flux.
 */
static void
measure(const struct image *im, const sep_image *si, const sep_catalog *cat, int i,
		struct source *s)
{
	const double half = 0.5;
	double r50 = NAN, area, sigma, near;
	short flag;
	int iterations;
	int32_t bits;

	*s = (struct source){.x = cat->x[i],
						 .y = cat->y[i],
						 .peak = cat->peak[i],
						 .a = cat->a[i],
						 .b = cat->b[i],
						 .theta = cat->theta[i],
						 .flags = cat->flag[i],
						 .npix = cat->npix[i]};
	sep_flux_radius(si, s->x, s->y, fmax(RADIUS_PER_A * s->a, 4), 0, 5, 0, NULL, &half, 1, &r50,
					&flag);
	if (!isfinite(r50) || r50 < 0.3)
		r50 = 1.1774100225154747 * sqrt(fmax(s->a * s->b, 0.1)); /* of a Gaussian of that size */
	s->fwhm = 2 * r50;
	sigma = s->fwhm * SIGMA_PER_FWHM;
	if (sep_windowed(si, cat->x[i], cat->y[i], sigma, 11, 0, &s->x, &s->y, &iterations, &flag) !=
			0 ||
		!isfinite(s->x) || !isfinite(s->y) || hypot(s->x - cat->x[i], s->y - cat->y[i]) > s->fwhm)
	{
		s->x = cat->x[i];
		s->y = cat->y[i];
	}
	sep_sum_circle(si, s->x, s->y, APERTURE_SIGMAS * sigma, 0, 5, 0, &s->flux, &s->flux_err, &area,
				   &flag);
	near = fmax(NEAR_PER_A * s->a, 1.5);
	bits = mask_around(im, s->x, s->y, near);
	s->saturated = (bits & MASK_SAT) != 0;
	s->masked = (bits & MASK_EXCLUDED) != 0;
}

static int
brighter(const void *a, const void *b)
{
	double fa = ((const struct source *) a)->flux, fb = ((const struct source *) b)->flux;

	return (fa < fb) - (fa > fb);
}

static int
measure_all(const struct image *im, const sep_image *si, const sep_catalog *cat,
			struct source_list *out)
{
	out->v = malloc(((size_t) cat->nobj + 1) * sizeof *out->v);
	if (out->v == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %d sources", cat->nobj);
	for (int i = 0; i < cat->nobj; i++)
	{
		measure(im, si, cat, i, &out->v[out->n]);
		/* the sort needs ordered fluxes; a source without one is of no use anyway */
		out->n += isfinite(out->v[out->n].flux);
	}
	qsort(out->v, out->n, sizeof *out->v, brighter);
	return 0;
}

int
source_extract(const struct image *im, const struct background *bkg, double thresh,
			   struct source_list *out)
{
	struct planes p = {0};
	sep_catalog *cat = NULL;
	int status = -1;

	*out = (struct source_list){0};
	if (planes_make(im, bkg, &p) == 0 && extract(&p.si, thresh, &cat) == 0)
		status = measure_all(im, &p.si, cat, out);
	sep_catalog_free(cat);
	free(p.data);
	free(p.mask);
	return status;
}

void
source_list_free(struct source_list *list)
{
	free(list->v);
	*list = (struct source_list){0};
}
