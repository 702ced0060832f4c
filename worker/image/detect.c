/* See detect.h. SPDX-License-Identifier: PostgreSQL */
#include "image/detect.h"

#include <math.h>
#include <sep.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/photometry.h"

#define MIN_AREA         1
#define DEBLEND_LEVELS   32
#define DEBLEND_CONTRAST 0.02
#define SAME_SOURCE      0.7  /* FWHM: two detections nearer than this are one */
#define MAX_SHIFT        1.0  /* FWHM, from the peak of the score */
#define LOST_LIMIT       0.55 /* of the PSF's weight on excluded pixels */
#define LOST_STREAK      0.25 /* the same to a trail, whose wings go on beside its mask */
#define DIPOLE_REACH     1.6  /* FWHM to the other half */
#define DIPOLE_RATIO     0.4  /* its peak over this one's */
#define DIPOLE_LEAST     4.0
#define SHARP_SCALE      0.5  /* times the PSF's width: what a cosmic ray looks like */
#define SHARP_GAIN       12.0 /* in chi2 over the PSF */
#define SCALE_ERROR      0.01 /* of any flux: light beyond the PSF's stamp, flat field */
#define BADFIT_CHI2      4.0
#define EDGE_REACH       1.0 /* FWHM */
#define SATURATED_REACH  3.0 /* FWHM */
#define SATURATED_PIXELS 5
#define SATURATED_SHARE  0.6  /* of the light under the PSF, near a saturated star */
#define BRIGHT_SHARE     0.01 /* the same near any other */

static float *
signed_copy(const float *score, size_t n, float sign)
{
	float *out = malloc(sizeof *out * n);

	for (size_t i = 0; out != NULL && i < n; i++)
		out[i] = isnan(score[i]) ? 0 : sign * score[i];
	return out;
}

static int
raise_sep(int status)
{
	char text[61] = "";

	sep_get_errmsg(status, text);
	return err_raise(ASTRID_E_INTERNAL, "sep: %s", text);
}

/* Peaks above the threshold. Without deblending where SEP's buffers end. */
static int
find(const struct image *diff, float *plane, double threshold, sep_catalog **cat)
{
	static const int levels[] = {DEBLEND_LEVELS, 1};
	sep_image si = {.data = plane,
					.dtype = SEP_TFLOAT,
					.noise_type = SEP_NOISE_NONE,
					.w = diff->width,
					.h = diff->height};
	int status = 0;

	sep_set_extract_pixstack(image_size(diff) > 1000000 ? image_size(diff) : 1000000);
	sep_set_sub_object_limit(4096);
	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
	{
		*cat = NULL;
		status = sep_extract(&si, (float) threshold, SEP_THRESH_ABS, MIN_AREA, NULL, 0, 0,
							 SEP_FILTER_CONV, levels[i], DEBLEND_CONTRAST, 0, 1.0, cat);
		if (status == 0 && *cat != NULL)
			return 0;
	}
	return raise_sep(status);
}

static int
append(struct detection_list *out, const sep_catalog *cat, const float *score, int width)
{
	struct detection *v = realloc(out->v, sizeof *v * (out->n + (size_t) cat->nobj + 1));

	if (v == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %d detections", cat->nobj);
	out->v = v;
	for (int i = 0; i < cat->nobj; i++)
		v[out->n++] = (struct detection){
			.x = cat->xpeak[i],
			.y = cat->ypeak[i],
			.npix = cat->npix[i],
			.peak = score[(size_t) cat->ypeak[i] * (size_t) width + (size_t) cat->xpeak[i]]};
	return 0;
}

static int
find_both_signs(const struct image *diff, const float *score, double threshold,
				struct detection_list *out)
{
	for (int sign = 1; sign >= -1; sign -= 2)
	{
		float *plane = signed_copy(score, image_size(diff), (float) sign);
		sep_catalog *cat = NULL;
		int status;

		if (plane == NULL)
			return err_raise(ASTRID_E_NO_MEMORY, "no memory for a score");
		status = find(diff, plane, threshold, &cat);
		if (status == 0)
			status = append(out, cat, score, diff->width);
		sep_catalog_free(cat);
		free(plane);
		if (status < 0)
			return -1;
	}
	return 0;
}

static int
stronger(const void *a, const void *b)
{
	const double x = fabs(((const struct detection *) a)->peak);
	const double y = fabs(((const struct detection *) b)->peak);

	return (x < y) - (x > y);
}

/* Second moments of the light within 1.5 FWHM, under a Gaussian of the PSF's size (Bernstein &
 * Jarvis 2002, section 3, without iteration): twice the measured variance is the source's where it
 * is as wide as the weight. */
static void
measure_shape(const struct image *diff, const struct psf *psf, struct detection *d)
{
	const double sigma = psf->fwhm / 2.3548, reach = 1.5 * psf->fwhm;
	double sum = 0, xx = 0, yy = 0, xy = 0, trace, diff_axis, big, small;

	for (int y = (int) ceil(d->y - reach); y <= d->y + reach; y++)
		for (int x = (int) ceil(d->x - reach); x <= d->x + reach; x++)
		{
			const double dx = x - d->x, dy = y - d->y;
			const size_t i = (size_t) y * (size_t) diff->width + (size_t) x;
			double w;

			if (x < 0 || y < 0 || x >= diff->width || y >= diff->height ||
				(diff->mask[i] & MASK_EXCLUDED) || !isfinite(diff->sci[i]))
				continue;
			w = diff->sci[i] * exp(-0.5 * (dx * dx + dy * dy) / (sigma * sigma));
			sum += w;
			xx += w * dx * dx;
			yy += w * dy * dy;
			xy += w * dx * dy;
		}
	trace = 2 * (xx + yy) / sum;
	diff_axis = 2 * hypot(xx - yy, 2 * xy) / fabs(sum);
	big = (trace + diff_axis) / 2;
	small = (trace - diff_axis) / 2;
	d->fwhm = big > 0 && small > 0 ? 2.3548 * sqrt(trace / 2) : NAN;
	d->ellipticity = big > 0 && small > 0 ? 1 - sqrt(small / big) : NAN;
}

/* The largest |score| of the other sign nearby. */
static double
opposite_peak(const float *score, int width, int height, const struct detection *d, double reach)
{
	double most = 0;

	for (int y = (int) ceil(d->y - reach); y <= d->y + reach; y++)
		for (int x = (int) ceil(d->x - reach); x <= d->x + reach; x++)
			if (x >= 0 && y >= 0 && x < width && y < height && hypot(x - d->x, y - d->y) <= reach)
			{
				const double s = score[(size_t) y * (size_t) width + (size_t) x];

				most = s * d->peak < 0 ? fmax(most, fabs(s)) : most;
			}
	return most;
}

/* Excluded bits within `reach` px. */
static int32_t
bits_near(const struct image *im, double x, double y, double reach)
{
	int32_t bits = 0;

	for (int j = (int) ceil(y - reach); j <= y + reach; j++)
		for (int i = (int) ceil(x - reach); i <= x + reach; i++)
			if (i >= 0 && j >= 0 && i < im->width && j < im->height)
				bits |= im->mask[(size_t) j * (size_t) im->width + (size_t) i];
			else
				bits |= MASK_EDGE;
	return bits & MASK_EXCLUDED;
}

static int
count_saturated(const struct image *im, double x, double y, double reach)
{
	int n = 0;

	for (int j = (int) ceil(y - reach); j <= y + reach; j++)
		for (int i = (int) ceil(x - reach); i <= x + reach; i++)
			if (i >= 0 && j >= 0 && i < im->width && j < im->height && hypot(i - x, j - y) <= reach)
				n += (im->mask[(size_t) j * (size_t) im->width + (size_t) i] & MASK_SAT) != 0;
	return n;
}

/* What the lost part of the PSF's weight was lost to. */
static int
mask_flags(const struct image *diff, const struct detection *d, double lost, double fwhm)
{
	const int32_t bits = bits_near(diff, d->x, d->y, 0.75 * fwhm);

	if (lost < LOST_LIMIT)
		return lost > LOST_STREAK && (bits & MASK_STREAK) ? DETECTION_STREAK : 0;
	return DETECTION_MASKED | (bits & (MASK_EDGE | MASK_NO_DATA) ? DETECTION_EDGE : 0) |
		   (bits & MASK_SAT ? DETECTION_SATURATED : 0);
}

static bool
is_suspect(const struct image *im, double x, double y)
{
	const int i = (int) lround(x), j = (int) lround(y);

	return i >= 0 && j >= 0 && i < im->width && j < im->height &&
		   (im->mask[(size_t) j * (size_t) im->width + (size_t) i] & MASK_SUSPECT);
}

/* Beside a star a small share of its light is no change but what is wrong with the subtraction;
 * beside a saturated one, whose core is missing, a large share; so, too, at the
 * border, beyond which a star may lie. Bleeding trails far from their star
 * carry no such light. */
static int
star_flags(const struct image *diff, const struct detection *d, double fwhm)
{
	const double light = fmax(d->static_flux[0], d->static_flux[1]); /* NaN: the other, or none */

	if (fabs(d->flux) < SATURATED_SHARE * light &&
		(bits_near(diff, d->x, d->y, EDGE_REACH * fwhm) & (MASK_EDGE | MASK_NO_DATA)))
		return DETECTION_EDGE;
	if (fabs(d->flux) < SATURATED_SHARE * light &&
		(is_suspect(diff, d->x, d->y) ||
		 count_saturated(diff, d->x, d->y, SATURATED_REACH * fwhm) >= SATURATED_PIXELS))
		return DETECTION_SATURATED;
	return fabs(d->flux) < BRIGHT_SHARE * light ? DETECTION_BRIGHT : 0;
}

static int
shape_flags(const struct image *diff, const struct psf *psf, const struct detection *d, int *flags)
{
	double as_psf, as_sharp;
	int n;

	if (photometry_width_chi2(diff, psf, d->x, d->y, 1, &as_psf, &n) < 0 ||
		photometry_width_chi2(diff, psf, d->x, d->y, SHARP_SCALE, &as_sharp, &n) < 0)
		return -1;
	if (as_sharp + SHARP_GAIN < as_psf)
		*flags |= DETECTION_SHARP;
	if (d->chi2_dof > BADFIT_CHI2)
		*flags |= DETECTION_BADFIT;
	return 0;
}

static int
measure_sides(const struct side *const sides[2], struct detection *d)
{
	for (int k = 0; k < 2; k++)
	{
		struct psf_flux f = {.flux = NAN, .error = NAN};

		if (sides[k] != NULL && photometry_psf(&sides[k]->im, &sides[k]->psf, d->x, d->y, &f) < 0)
			return -1;
		d->static_flux[k] = f.flux;
		d->static_err[k] = f.error;
	}
	return 0;
}

static int
measure(const struct image *diff, const float *score, const struct psf *psf,
		const struct side *const sides[2], const struct detect_options *o, struct detection *d)
{
	struct psf_flux f;
	double stat;

	if (photometry_fit(diff, psf, d->x, d->y, MAX_SHIFT * psf->fwhm, &f) < 0)
		return -1;
	/* On a neighbour's flank the fit may run to the neighbour: the flux must have the score's sign.
	 */
	if (!(f.flux * d->peak > 0) && photometry_psf(diff, psf, d->x, d->y, &f) < 0)
		return -1;
	d->x = f.x;
	d->y = f.y;
	d->flux = f.flux;
	d->chi2_dof = f.chi2_dof;
	stat = fabs(f.flux) / (f.error * o->scale);
	/* The score knows the systematic terms; S/N and flux_err follow it down, never up. */
	d->snr = fmin(stat, fmax(fabs(d->peak), 0.1));
	d->flux_err = fabs(d->flux) * hypot(1 / d->snr, SCALE_ERROR);
	d->snr = fabs(d->flux) / d->flux_err;
	photometry_aperture(diff, d->x, d->y, o->aperture * psf->fwhm, &d->ap_flux, &d->ap_flux_err);
	d->ap_flux_err *= o->scale;
	measure_shape(diff, psf, d);
	if (measure_sides(sides, d) < 0)
		return -1;
	d->flags |= star_flags(diff, d, psf->fwhm);
	d->flags |= mask_flags(diff, d, f.lost, psf->fwhm);
	if (opposite_peak(score, diff->width, diff->height, d, DIPOLE_REACH * psf->fwhm) >
		fmax(DIPOLE_LEAST, DIPOLE_RATIO * fabs(d->peak)))
		d->flags |= DETECTION_DIPOLE;
	return shape_flags(diff, psf, d, &d->flags);
}

/* Of detections of one sign that measure the same place the strongest stays; no flux, no detection.
 */
static void
drop_doubles(struct detection_list *list, double fwhm)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++)
	{
		bool drop = !isfinite(list->v[i].flux) || !(list->v[i].flux_err > 0) ||
					!(list->v[i].flux * list->v[i].peak > 0);

		for (size_t j = 0; j < kept && !drop; j++)
			drop = list->v[i].peak * list->v[j].peak > 0 &&
				   hypot(list->v[i].x - list->v[j].x, list->v[i].y - list->v[j].y) <
					   SAME_SOURCE * fwhm;
		if (!drop)
			list->v[kept++] = list->v[i];
	}
	list->n = kept;
}

int
detect(const struct image *diff, const float *score, const struct psf *psf,
	   const struct side *const sides[2], const struct detect_options *options,
	   struct detection_list *out)
{
	int status;

	*out = (struct detection_list){0};
	status = find_both_signs(diff, score, options->threshold, out);
	if (status == 0)
		qsort(out->v, out->n, sizeof *out->v, stronger);
	for (size_t i = 0; status == 0 && i < out->n; i++)
		status = measure(diff, score, psf, sides, options, &out->v[i]);
	if (status < 0)
		detection_list_free(out);
	else
		drop_doubles(out, psf->fwhm);
	return status;
}

void
detection_list_free(struct detection_list *list)
{
	free(list->v);
	*list = (struct detection_list){0};
}
