/* See side.h. SPDX-License-Identifier: PostgreSQL */
#include "image/side.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/stats.h"

#define MESH         64
#define MESH_FILTER  3
#define SOURCE_SIGMA 4.0
#define MAX_SAMPLES  100000

static double
median_variance(const struct image *im)
{
	const size_t n = image_size(im), step = n / MAX_SAMPLES + 1;
	double *v = malloc(sizeof *v * (n / step + 1)), median;
	size_t m = 0;

	if (v == NULL)
		return NAN;
	for (size_t i = 0; i < n; i += step)
		if ((im->mask[i] & MASK_EXCLUDED) == 0 && im->var[i] > 0)
			v[m++] = im->var[i];
	median = stats_median(v, m);
	free(v);
	return median;
}

/* Excluded pixels hold 0 from here on, as NaN in them would reach others through filters; but a
 * saturated one still tells roughly how bright the star is. */
static void
blank_excluded(struct image *im)
{
	const size_t n = image_size(im);

	for (size_t i = 0; i < n; i++)
	{
		if (!isfinite(im->sci[i]) || !isfinite(im->var[i]))
			im->mask[i] |= MASK_NO_DATA;
		if (im->mask[i] & MASK_EXCLUDED & ~MASK_SAT)
			im->sci[i] = 0;
		if (!(im->var[i] > 0))
			im->var[i] = 0;
	}
}

static int
measure(const struct frame *f, struct side *out)
{
	struct background bkg = {0};
	const size_t n = image_size(&f->im);

	if (image_copy(&out->im, &f->im) < 0 || background_measure(&f->im, MESH, MESH_FILTER, &bkg) < 0)
		return -1;
	if (source_extract(&f->im, &bkg, SOURCE_SIGMA, &out->sources) < 0)
	{
		background_free(&bkg);
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		out->im.sci[i] -= bkg.level[i];
	out->rms = bkg.global_rms;
	background_free(&bkg);
	blank_excluded(&out->im);
	out->sky_var = median_variance(&out->im);
	if (!(out->sky_var > 0))
		return err_raise(ASTRID_E_NO_PIXELS, "no usable pixel");
	return psf_measure(&out->im, &out->sources, &out->psf);
}

int
side_make(const struct frame *f, const char *name, struct side *out)
{
	memset(out, 0, sizeof *out);
	if (f->im.mask == NULL || f->im.var == NULL)
		return err_raise(ASTRID_E_INTERNAL, "the %s has no mask or variance", name);
	if (measure(f, out) < 0)
	{
		side_free(out);
		return err_context("preparing the %s", name);
	}
	return 0;
}

void
side_free(struct side *s)
{
	image_free(&s->im);
	source_list_free(&s->sources);
	psf_free(&s->psf);
}

void
side_fill(struct side *s, const struct side *other, double scale)
{
	const size_t n = image_size(&s->im);

	for (size_t i = 0; i < n; i++)
	{
		if ((s->im.mask[i] & MASK_EXCLUDED) == 0)
			continue;
		if ((other->im.mask[i] & MASK_EXCLUDED) == 0)
			s->im.sci[i] = (float) (scale * other->im.sci[i]);
		s->im.var[i] = (float) (s->sky_var + 0.25 * s->im.sci[i] * s->im.sci[i]);
	}
}
