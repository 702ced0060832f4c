/* See cutout.h: taking stamps and drawing them; cutout_fits.c writes them as FITS.
 * SPDX-License-Identifier: PostgreSQL */
#include "image/cutout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/stats.h"

#define GAP             2 /* dots between stamps */
#define MAX_SIZE        1023
#define CONTRAST        0.25 /* of zscale, IRAF's default */
#define CLIP_ROUNDS     5
#define CLIP_SIGMA      2.5
#define SYMMETRIC_SIGMA 5.0
#define CAPTION_HEIGHT  14
#define TITLE_HEIGHT    24
#define FRAME           3

static const uint8_t colour_missing[3] = {30, 40, 110}, colour_text[3] = {230, 230, 230},
					 colour_sheet[3] = {24, 24, 24};

/* ---- taking
 * ------------------------------------------------------------------------------------------------------
 */

static void
copy_pixel(const struct image *im, int x, int y, float *sci, int32_t *mask)
{
	size_t i = (size_t) y * (size_t) im->width + (size_t) x;

	if (x < 0 || y < 0 || x >= im->width || y >= im->height)
	{
		*sci = NAN;
		*mask = MASK_NO_DATA;
		return;
	}
	*sci = isfinite(im->sci[i]) ? im->sci[i] : NAN;
	*mask = im->mask != NULL ? im->mask[i] : 0;
}

int
cutout_take(const struct image *const frames[3], double x, double y, int size, struct cutout *c)
{
	*c = (struct cutout){.size = size};
	if (size < 1 || size > MAX_SIZE || !(fabs(x) < 1e8 && fabs(y) < 1e8))
		return err_raise(ASTRID_E_BAD_PARAMETER, "a cutout of %d px at (%g, %g)", size, x, y);
	c->x0 = (int) floor(x + 0.5) - size / 2;
	c->y0 = (int) floor(y + 0.5) - size / 2;
	for (int k = 0; k < 3; k++)
	{
		size_t n = (size_t) size * (size_t) size;

		if (frames[k] == NULL)
			continue;
		c->sci[k] = malloc(n * sizeof *c->sci[k]);
		c->mask[k] = malloc(n * sizeof *c->mask[k]);
		if (c->sci[k] == NULL || c->mask[k] == NULL)
		{
			cutout_free(c);
			return err_raise(ASTRID_E_NO_MEMORY, "no memory for a cutout of %d px", size);
		}
		for (size_t i = 0; i < n; i++)
			copy_pixel(frames[k], c->x0 + (int) (i % (size_t) size),
					   c->y0 + (int) (i / (size_t) size), &c->sci[k][i], &c->mask[k][i]);
	}
	return 0;
}

void
cutout_free(struct cutout *c)
{
	for (int k = 0; k < 3; k++)
	{
		free(c->sci[k]);
		free(c->mask[k]);
		c->sci[k] = NULL;
		c->mask[k] = NULL;
	}
}

/* ---- stretches
 * ---------------------------------------------------------------------------------------------------
 */

static int
by_value(const void *left, const void *right)
{
	float l = *(const float *) left, r = *(const float *) right;

	return (l > r) - (l < r);
}

/* Finite pixels in rising order; NULL without any (or memory: a picture without contrast, no
 * error). */
static float *
sorted_finite(const float *pixels, size_t n, size_t *n_finite)
{
	float *v = malloc((n + 1) * sizeof *v);

	*n_finite = 0;
	for (size_t i = 0; v != NULL && i < n; i++)
		if (isfinite(pixels[i]))
			v[(*n_finite)++] = pixels[i];
	if (*n_finite == 0)
	{
		free(v);
		return NULL;
	}
	qsort(v, *n_finite, sizeof *v, by_value);
	return v;
}

struct line
{
	double level, slope; /* at the middle of the sample; per rank */
};

/* Fit value against rank, points beyond 2.5 sigma left out: bright pixels bend the end of the
 * curve. */
static struct line
fit_ranks(const float *v, size_t n)
{
	struct line l = {v[n / 2], 0};
	double sigma = HUGE_VAL;

	for (int round = 0; round < CLIP_ROUNDS; round++)
	{
		double s = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, rest = 0;

		for (size_t i = 0; i < n; i++)
		{
			double x = (double) i - (double) n / 2, d = v[i] - l.level - l.slope * x;

			if (fabs(d) > CLIP_SIGMA * sigma)
				continue;
			s++;
			sx += x;
			sy += v[i];
			sxx += x * x;
			sxy += x * v[i];
			rest += d * d;
		}
		if (s < 3 || s * sxx - sx * sx <= 0)
			break;
		l.slope = (s * sxy - sx * sy) / (s * sxx - sx * sx);
		l.level = (sy - l.slope * sx) / s;
		if (round > 0)
			sigma = sqrt(rest / s);
	}
	return l;
}

struct stretch
stretch_zscale(const float *pixels, size_t n)
{
	size_t m;
	float *v = sorted_finite(pixels, n, &m);
	struct stretch s = {0, 1, 1};
	double half, low, high;
	struct line l;

	if (v == NULL)
		return s;
	l = fit_ranks(v, m);
	half = l.slope / CONTRAST * (double) m / 2;
	low = fmax(v[0], l.level - half);
	high = fmin(v[m - 1], l.level + half);
	s.black = low;
	s.soft = fmax((high - low) / 4, 1e-6 * fmax(fabs(low), 1e-6));
	s.white = fmax(v[m - 1], low + s.soft);
	free(v);
	return s;
}

struct stretch
stretch_symmetric(const float *pixels, size_t n)
{
	size_t m;
	float *v = sorted_finite(pixels, n, &m);
	struct stretch s = {-1, 1, 0};
	double sigma;

	if (v == NULL)
		return s;
	sigma = (v[m - 1 - m * 16 / 100] - v[m * 16 / 100]) / 2;
	s.white = fmax(SYMMETRIC_SIGMA * sigma, fmax(-v[0], v[m - 1]) / 2);
	if (s.white <= 0)
		s.white = 1;
	s.black = -s.white;
	free(v);
	return s;
}

double
stretch_apply(const struct stretch *s, double value)
{
	double t = s->soft > 0
				   ? asinh((value - s->black) / s->soft) / asinh((s->white - s->black) / s->soft)
				   : (value - s->black) / (s->white - s->black);

	return t < 0 ? 0 : t > 1 ? 1 : t;
}

/* ---- drawing
 * -----------------------------------------------------------------------------------------------------
 */

static void
draw_stamp(const struct cutout *c, int k, const float *pixels, const struct stretch *s,
		   struct picture *p, int x, int y, int zoom)
{
	for (int j = 0; j < c->size; j++)
		for (int i = 0; i < c->size; i++)
		{
			size_t at = (size_t) j * (size_t) c->size + (size_t) i;
			uint8_t colour[3];

			memcpy(colour, colour_missing, sizeof colour);
			if (!isnan(pixels[at]))
			{
				double grey = 255 * stretch_apply(s, pixels[at]);
				bool masked = (c->mask[k][at] & MASK_EXCLUDED) != 0;

				colour[0] = (uint8_t) (masked ? 80 + grey * 0.68 : grey);
				colour[1] = colour[2] = (uint8_t) (masked ? grey * 0.6 : grey);
			}
			picture_fill(p, x + i * zoom, y + (c->size - 1 - j) * zoom, zoom, zoom, colour);
		}
}

/* The stamp less its median level, so that frames of another sky share a stretch. */
static float *
levelled(const struct cutout *c, int k)
{
	size_t n = (size_t) c->size * (size_t) c->size, m;
	float *sorted = sorted_finite(c->sci[k], n, &m), *v = malloc(n * sizeof *v);
	float level = sorted != NULL ? sorted[m / 2] : 0;

	for (size_t i = 0; v != NULL && i < n; i++)
		v[i] = c->sci[k][i] - level;
	free(sorted);
	return v;
}

int
cutout_width(const struct cutout *c, int zoom)
{
	return 3 * c->size * zoom + 2 * GAP;
}

int
cutout_draw(const struct cutout *c, struct picture *p, int x, int y, int zoom)
{
	size_t n = (size_t) c->size * (size_t) c->size;
	struct stretch sky = {0, 1, 1};
	bool known = false;

	for (int k = 0; k < 3; k++, x += c->size * zoom + GAP)
	{
		struct stretch symmetric;
		float *pixels;

		if (c->sci[k] == NULL)
			continue;
		pixels = k == CUTOUT_DIFFERENCE ? c->sci[k] : levelled(c, k);
		if (pixels == NULL)
			return err_raise(ASTRID_E_NO_MEMORY, "no memory to draw a cutout");
		if (k == CUTOUT_DIFFERENCE)
			symmetric = stretch_symmetric(pixels, n);
		else if (!known)
		{
			sky = stretch_zscale(pixels, n);
			known = true;
		}
		draw_stamp(c, k, pixels, k == CUTOUT_DIFFERENCE ? &symmetric : &sky, p, x, y, zoom);
		if (pixels != c->sci[k])
			free(pixels);
	}
	return 0;
}

int
cutout_write_png(const struct cutout *c, const char *uri, int zoom)
{
	struct picture p;
	int status = -1;

	if (picture_alloc(&p, cutout_width(c, zoom), c->size * zoom, colour_sheet) < 0)
		return -1;
	if (cutout_draw(c, &p, 0, 0, zoom) == 0)
		status = picture_write(&p, uri);
	picture_free(&p);
	return status;
}

/* ---- contact sheets
 * ---------------------------------------------------------------------------------------------- */

struct layout
{
	int columns, rows, cell_width, cell_height;
};

static struct layout
lay_out(const struct sheet_entry *entries, size_t n, int columns, int zoom)
{
	struct layout l = {.columns = columns < 1 ? 1 : columns};

	l.rows = (int) ((n + (size_t) l.columns - 1) / (size_t) l.columns);
	for (size_t i = 0; i < n; i++)
	{
		int width = cutout_width(entries[i].cutout, zoom) + 4 * FRAME;
		int height = entries[i].cutout->size * zoom + CAPTION_HEIGHT + 4 * FRAME;

		l.cell_width = width > l.cell_width ? width : l.cell_width;
		l.cell_height = height > l.cell_height ? height : l.cell_height;
	}
	return l;
}

static int
draw_entry(const struct sheet_entry *e, struct picture *p, int x, int y, int zoom)
{
	int width = cutout_width(e->cutout, zoom), height = e->cutout->size * zoom;

	picture_fill(p, x, y, width + 2 * FRAME, height + 2 * FRAME, e->colour);
	picture_fill(p, x + FRAME, y + FRAME, width, height, colour_sheet);
	if (e->caption != NULL)
		picture_text(p, x + FRAME, y + height + 2 * FRAME + 2, 2, colour_text, e->caption);
	return cutout_draw(e->cutout, p, x + FRAME, y + FRAME, zoom);
}

int
contact_sheet_write(const struct sheet_entry *entries, size_t n, int columns, int zoom,
					const char *title, const char *uri)
{
	struct layout l = lay_out(entries, n, columns, zoom);
	int top = title != NULL ? TITLE_HEIGHT : FRAME, status = 0;
	struct picture p;

	if (n == 0)
		return err_raise(ASTRID_E_NO_IMAGE, "a contact sheet of nothing");
	if (picture_alloc(&p, l.columns * l.cell_width, top + l.rows * l.cell_height, colour_sheet) < 0)
		return -1;
	if (title != NULL)
		picture_text(&p, FRAME, FRAME + 2, 3, colour_text, title);
	for (size_t i = 0; i < n && status == 0; i++)
		status = draw_entry(&entries[i], &p, FRAME + (int) (i % (size_t) l.columns) * l.cell_width,
							top + (int) (i / (size_t) l.columns) * l.cell_height, zoom);
	if (status == 0)
		status = picture_write(&p, uri);
	picture_free(&p);
	return status;
}
