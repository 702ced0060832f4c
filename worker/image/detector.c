/* See detector.h. Called for raw frames and for each calibration frame. SPDX-License-Identifier:
 * PostgreSQL */
#include "image/detector.h"

#include <gsl/gsl_multifit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/header.h"
#include "image/stats.h"
#include "image/wcs.h"

#define CLIP_SIGMA  3.0
#define CLIP_ROUNDS 3

int
section_parse(const char *text, struct section *s)
{
	int x1, x2, y1, y2, n = 0;

	if (sscanf(text, " [ %d : %d , %d : %d ] %n", &x1, &x2, &y1, &y2, &n) != 4 || text[n] != '\0' ||
		x1 < 1 || y1 < 1 || x2 < x1 || y2 < y1)
		return -1;
	*s = (struct section){x1 - 1, x2 - 1, y1 - 1, y2 - 1};
	return 0;
}

bool
section_is_inside(const struct section *s, int width, int height)
{
	return s->x1 >= s->x0 && s->x1 < width && s->y1 < height;
}

static bool
overlap(const struct section *a, const struct section *b)
{
	return a->x0 <= b->x1 && b->x0 <= a->x1 && a->y0 <= b->y1 && b->y0 <= a->y1;
}

static int
given_section(const char *name, const char *text, const struct frame *f, struct section *s)
{
	*s = SECTION_NONE;
	if (strcmp(text, "none") == 0)
		return 0;
	if (section_parse(text, s) < 0)
		return err_raise(ASTRID_E_BAD_PARAMETER, "%s '%s' is no section [x1:x2,y1:y2]", name, text);
	if (!section_is_inside(s, f->im.width, f->im.height))
		return err_raise(ASTRID_E_BAD_PARAMETER, "%s %s is outside the image of %d x %d", name,
						 text, f->im.width, f->im.height);
	return 0;
}

static struct section
header_section(const struct frame *f, const char *keyword, struct frame_notes *notes)
{
	struct section s;
	char text[72];

	if (f->header == NULL || !header_string(f->header, keyword, text, sizeof text) ||
		section_parse(text, &s) < 0)
		return SECTION_NONE;
	if (section_is_inside(&s, f->im.width, f->im.height))
		return s;
	note_add(notes, "%s %s is outside the image: left aside", keyword, text);
	return SECTION_NONE;
}

int
detector_describe(const struct frame *f, const char *overscan, const char *trim, struct detector *d,
				  struct frame_notes *notes)
{
	struct frame_notes outside = {0};
	bool odd;

	*d = (struct detector){f->im.width, f->im.height, SECTION_NONE, SECTION_NONE};
	if (overscan == NULL)
		d->overscan = header_section(f, "BIASSEC", &outside);
	if (trim == NULL)
		d->trim = header_section(f, "TRIMSEC", &outside);
	odd = outside.n > 0 || (d->overscan.x1 >= d->overscan.x0 && d->trim.x1 >= d->trim.x0 &&
							overlap(&d->overscan, &d->trim));
	for (int i = 0; i < outside.n; i++)
		note_add(notes, "%s", outside.text[i]);
	if (odd)
		d->overscan = d->trim = SECTION_NONE;
	if (overscan != NULL && given_section("overscan", overscan, f, &d->overscan) < 0)
		return -1;
	return trim != NULL ? given_section("trim", trim, f, &d->trim) : 0;
}

/* ---- overscan ---- */

/* Median of the overscan pixels of one line (a row where `rows`, else a column). */
static double
line_level(const struct image *im, const struct section *s, bool rows, int line, double *v)
{
	size_t n = 0;

	for (int k = rows ? s->x0 : s->y0; k <= (rows ? s->x1 : s->y1); k++)
	{
		float p = rows ? im->sci[(size_t) line * (size_t) im->width + (size_t) k]
					   : im->sci[(size_t) k * (size_t) im->width + (size_t) line];

		if (isfinite(p))
			v[n++] = p;
	}
	return stats_median(v, n);
}

/* Least squares with clipping: y(x) as a polynomial of x in -1..1; the fit replaces y. */
static int
smooth_polynomial(double *y, size_t n, int order)
{
	size_t terms = (size_t) order + 1;
	gsl_matrix *x = gsl_matrix_alloc(n, terms), *cov = gsl_matrix_alloc(terms, terms);
	gsl_vector *v = gsl_vector_alloc(n), *w = gsl_vector_alloc(n), *c = gsl_vector_alloc(terms);
	gsl_multifit_linear_workspace *space = gsl_multifit_linear_alloc(n, terms);
	double chisq, *residual = malloc(n * sizeof *residual);
	int status = residual == NULL;

	for (size_t i = 0; i < n; i++)
	{
		double t = n > 1 ? 2.0 * (double) i / (double) (n - 1) - 1 : 0;

		gsl_vector_set(v, i, isfinite(y[i]) ? y[i] : 0);
		gsl_vector_set(w, i, isfinite(y[i]) ? 1 : 0);
		for (size_t k = 0; k < terms; k++)
			gsl_matrix_set(x, i, k, k == 0 ? 1 : gsl_matrix_get(x, i, k - 1) * t);
	}
	for (int round = 0; status == 0 && round < CLIP_ROUNDS; round++)
	{
		size_t used = 0;
		double sigma;

		status = gsl_multifit_wlinear(x, w, v, c, cov, &chisq, space);
		for (size_t i = 0; i < n; i++)
		{
			double fit, err;
			gsl_vector_view row = gsl_matrix_row(x, i);

			gsl_multifit_linear_est(&row.vector, c, cov, &fit, &err);
			if (gsl_vector_get(w, i) > 0)
				residual[used++] = gsl_vector_get(v, i) - fit;
			y[i] = fit;
		}
		sigma = stats_mad(residual, used, 0);
		for (size_t i = 0; i < n; i++)
			if (fabs(gsl_vector_get(v, i) - y[i]) > CLIP_SIGMA * sigma)
				gsl_vector_set(w, i, 0);
	}
	free(residual);
	gsl_multifit_linear_free(space);
	gsl_vector_free(c);
	gsl_vector_free(w);
	gsl_vector_free(v);
	gsl_matrix_free(cov);
	gsl_matrix_free(x);
	return status == 0 ? 0 : -1;
}

static int
subtract_overscan(struct image *im, const struct section *s, int order, double *mean)
{
	/* a strip of columns has a level for each row; a strip of rows for each column */
	bool rows = s->y1 - s->y0 >= s->x1 - s->x0;
	int first = rows ? s->y0 : s->x0, last = rows ? s->y1 : s->x1;
	size_t n = (size_t) (last - first + 1);
	double *level = malloc(n * sizeof *level), sum = 0;
	double *v = malloc(((size_t) im->width + (size_t) im->height) * sizeof *v);
	int status = level != NULL && v != NULL ? 0 : -1;

	for (size_t i = 0; status == 0 && i < n; i++)
		level[i] = line_level(im, s, rows, first + (int) i, v);
	if (status == 0 && n > (size_t) order + 1)
		status = smooth_polynomial(level, n, order);
	for (int y = 0; status == 0 && y < im->height; y++)
		for (int x = 0; x < im->width; x++)
		{
			int line = (rows ? y : x) - first;

			line = line < 0 ? 0 : line >= (int) n ? (int) n - 1 : line;
			im->sci[(size_t) y * (size_t) im->width + (size_t) x] -= (float) level[line];
		}
	for (size_t i = 0; status == 0 && i < n; i++)
		sum += level[i];
	*mean = sum / (double) n;
	free(level);
	free(v);
	return status == 0 ? 0 : err_raise(ASTRID_E_INTERNAL, "the overscan cannot be fitted");
}

/* ---- trimming ---- */

static void
move_rows(void *pixels, size_t size, int from_width, const struct section *s)
{
	char *p = pixels;
	size_t row = (size_t) (s->x1 - s->x0 + 1) * size;

	for (int y = s->y0; p != NULL && y <= s->y1; y++)
		memmove(p + (size_t) (y - s->y0) * row,
				p + ((size_t) y * (size_t) from_width + (size_t) s->x0) * size, row);
}

static int
trim_frame(struct frame *f, const struct section *s)
{
	const double a[3] = {s->x0, 1, 0}, b[3] = {s->y0, 0, 1};
	struct wcs *moved;

	move_rows(f->im.sci, sizeof *f->im.sci, f->im.width, s);
	move_rows(f->im.mask, sizeof *f->im.mask, f->im.width, s);
	move_rows(f->im.var, sizeof *f->im.var, f->im.width, s);
	f->im.width = s->x1 - s->x0 + 1;
	f->im.height = s->y1 - s->y0 + 1;
	if (f->wcs == NULL)
		return 0;
	moved = wcs_refine(f->wcs, a, b);
	if (moved == NULL)
		return -1;
	wcs_free(f->wcs);
	f->wcs = moved;
	return 0;
}

/* What the header said of margins that are gone is no longer true. */
static void
forget_sections(char *header)
{
	static const char *const keywords[] = {"BIASSEC", "TRIMSEC", "DATASEC", "CCDSEC", "DETSEC"};

	for (size_t i = 0; header != NULL && i < sizeof keywords / sizeof keywords[0]; i++)
	{
		char *card = (char *) header_card(header, keywords[i]);

		if (card != NULL)
			memmove(card, card + CARD, strlen(card + CARD) + 1);
	}
}

double
detector_correct(struct frame *f, const struct detector *d, int order, int *status)
{
	double level = 0;

	*status = 0;
	if (f->im.width != d->width || f->im.height != d->height)
		return 0;
	if (d->overscan.x1 >= d->overscan.x0)
		*status = subtract_overscan(&f->im, &d->overscan, order, &level);
	if (*status == 0 && d->trim.x1 >= d->trim.x0)
		*status = trim_frame(f, &d->trim);
	forget_sections(f->header);
	return level;
}
