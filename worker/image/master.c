/* See master.h. Called by combine and calibrate. SPDX-License-Identifier: PostgreSQL */
#include "image/master.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/header.h"
#include "image/planes.h"
#include "image/stats.h"

#define SAMPLE            100000
#define MAX_FRAMES        200
#define FINISHED_FLAT_MAX 10.0 /* a flat whose median is below is normalised, so it is a master */
#define BIAS_IN_DARK      0.5 /* a dark whose median is above that share of the bias still has it */

static const char *const kind_names[] = {"bias", "dark", "flat"};

double
image_median(const struct image *im)
{
	size_t step = image_size(im) / SAMPLE + 1, n = 0;
	double *v = malloc((image_size(im) / step + 1) * sizeof *v), median;

	for (size_t i = 0; v != NULL && i < image_size(im); i += step)
		if (isfinite(im->sci[i]) && (im->mask == NULL || !(im->mask[i] & MASK_EXCLUDED)))
			v[n++] = im->sci[i];
	median = stats_median(v, n);
	free(v);
	return median;
}

int
master_subtract(struct image *im, const struct master *m, double scale, const char *what)
{
	if (im->width != m->im.width || im->height != m->im.height)
		return err_raise(ASTRID_E_SHAPE_MISMATCH, "the %s is %d x %d, the frame %d x %d", what,
						 m->im.width, m->im.height, im->width, im->height);
	for (size_t i = 0; i < image_size(im); i++)
		im->sci[i] -= (float) (scale * m->im.sci[i]);
	return 0;
}

/* ---- single frames ---- */

static bool
has_bias(const struct image *dark, const struct master *bias)
{
	return bias != NULL && image_median(dark) > BIAS_IN_DARK * bias->median;
}

/* What goes off a single frame before it is combined. */
static int
subtract_from_single(const struct master_request *req, struct frame *f)
{
	if (req->kind == MASTER_DARK && has_bias(&f->im, req->bias))
		return master_subtract(&f->im, req->bias, 1, "bias");
	if (req->kind != MASTER_FLAT)
		return 0;
	if (req->bias != NULL && master_subtract(&f->im, req->bias, 1, "bias") < 0)
		return -1;
	if (req->dark == NULL || !(req->dark->meta.exptime > 0) || !(f->meta.exptime >= 0))
		return 0;
	return master_subtract(&f->im, req->dark, f->meta.exptime / req->dark->meta.exptime, "dark");
}

static bool
is_finished(const struct master_request *req, const struct frame *f)
{
	double n;

	if (req->n > 1)
		return false;
	return (f->header != NULL && header_number(f->header, "NCOMBINE", &n, NULL)) ||
		   (req->kind == MASTER_FLAT && image_median(&f->im) < FINISHED_FLAT_MAX);
}

static int
read_frame(const struct master_request *req, size_t i, struct frame *f, struct frame_notes *notes)
{
	struct frame_request read = *req->read;
	struct detector d;
	int status;

	/* a finished master has its image where astrid writes it; single frames are laid out like the
	 * raw one */
	if (req->n == 1)
		read.hdu = read.plane = -1;
	read.need_planes = false;
	if (frame_read(req->uri[i], &read, f, NULL) < 0)
		return err_context("reading a %s", kind_names[req->kind]);
	status = planes_mask_missing(&f->im);
	if (status == 0 && !is_finished(req, f))
	{
		planes_mask_saturated(&f->im, f->meta.saturation, 0);
		status = detector_describe(f, req->overscan, req->trim, &d, notes);
		if (status == 0)
			detector_correct(f, &d, req->overscan_order, &status);
		if (status == 0)
			status = subtract_from_single(req, f);
	}
	if (status < 0)
	{
		err_at(req->uri[i], -1, NULL);
		frame_free(f);
	}
	return status;
}

/* The factor that brings a frame to the scale of the master. */
static double
scale_of(const struct master_request *req, const struct frame *f, const struct frame *first)
{
	double median;

	if (req->kind == MASTER_DARK && req->bias != NULL && f->meta.exptime > 0 &&
		first->meta.exptime > 0)
		return first->meta.exptime / f->meta.exptime;
	if (req->kind != MASTER_FLAT)
		return 1;
	median = image_median(&f->im);
	return median > 0 ? 1 / median : NAN;
}

static int
combine_frames(const struct master_request *req, const struct frame *f, struct master *out)
{
	const struct image *im[MAX_FRAMES];
	double scale[MAX_FRAMES];

	for (size_t i = 0; i < req->n; i++)
	{
		im[i] = &f[i].im;
		scale[i] = scale_of(req, &f[i], &f[0]);
		if (!isfinite(scale[i]))
			return astrid_raise(ASTRID_E_NO_PIXELS, req->uri[i], -1, NULL,
								"the %s has no light in it", kind_names[req->kind]);
		if (f[i].im.width != f[0].im.width || f[i].im.height != f[0].im.height)
			return astrid_raise(ASTRID_E_SHAPE_MISMATCH, req->uri[i], -1, "NAXIS1",
								"%s frames of %d x %d and %d x %d", kind_names[req->kind],
								f[0].im.width, f[0].im.height, f[i].im.width, f[i].im.height);
	}
	return combine_images(im, scale, req->n, &req->combine, &out->im);
}

/* A single frame, or a master that is used as it is: its planes as they were read. */
static int
take_frame(struct frame *f, struct master *out)
{
	if (f->im.var == NULL)
		f->im.var = calloc(image_size(&f->im), sizeof *f->im.var);
	if (f->im.var == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a master frame");
	for (size_t i = 0; i < image_size(&f->im); i++)
	{
		f->im.sci[i] = isfinite(f->im.sci[i]) ? f->im.sci[i] : 0;
		f->im.var[i] = isfinite(f->im.var[i]) ? f->im.var[i] : 0;
	}
	out->im = f->im;
	f->im = (struct image){0};
	return 0;
}

/* ---- what is wrong with pixels ---- */

static int
measure(struct master *m)
{
	size_t step = image_size(&m->im) / SAMPLE + 1, n = 0;
	double *v = malloc((image_size(&m->im) / step + 1) * sizeof *v);

	if (v == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory to measure a master frame");
	for (size_t i = 0; i < image_size(&m->im); i += step)
		if (!(m->im.mask[i] & MASK_EXCLUDED))
			v[n++] = m->im.sci[i];
	m->median = stats_median(v, n);
	m->scatter = stats_mad(v, n, m->median);
	free(v);
	return n > 0 ? 0 : err_raise(ASTRID_E_NO_PIXELS, "a master frame without a good pixel");
}

static void
mark_bad(const struct master_request *req, struct master *m)
{
	const double limit = req->hot_sigma * m->scatter;

	for (size_t i = 0; i < image_size(&m->im); i++)
	{
		double v = m->im.sci[i];

		if (req->kind == MASTER_FLAT ? v < req->flat_min || v > req->flat_max
									 : limit > 0 && fabs(v - m->median) > limit)
			m->im.mask[i] |= MASK_BAD;
		m->n_bad += (m->im.mask[i] & MASK_BAD) != 0;
	}
}

static void
normalise(struct image *im, double median)
{
	for (size_t i = 0; i < image_size(im); i++)
	{
		im->sci[i] /= (float) median;
		im->var[i] /= (float) (median * median);
	}
}

int
master_load(const struct master_request *req, struct master *out, struct frame_notes *notes)
{
	struct frame *f = calloc(req->n, sizeof *f);
	size_t n_read = 0;
	int status = 0;

	memset(out, 0, sizeof *out);
	if (f == NULL || req->n > MAX_FRAMES)
		status = err_raise(f == NULL ? ASTRID_E_NO_MEMORY : ASTRID_E_USAGE, "%zu frames to combine",
						   req->n);
	for (; status == 0 && n_read < req->n; n_read += status == 0)
		status = read_frame(req, n_read, &f[n_read], notes);
	if (status == 0)
	{
		out->meta = f[0].meta;
		out->n = req->n;
		status = req->n == 1 ? take_frame(&f[0], out) : combine_frames(req, f, out);
	}
	if (status == 0)
		status = measure(out);
	if (status == 0 && req->kind == MASTER_FLAT && out->median > 0)
	{
		normalise(&out->im, out->median);
		out->scatter /= out->median;
		out->median = 1;
	}
	if (status == 0)
		mark_bad(req, out);
	for (size_t i = 0; i < n_read; i++)
		frame_free(&f[i]);
	free(f);
	if (status < 0)
		master_free(out);
	return status;
}

void
master_free(struct master *m)
{
	image_free(&m->im);
}
