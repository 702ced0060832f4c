/* See starfield.h. SPDX-License-Identifier: PostgreSQL */
#include "stages/starfield.h"

#include <math.h>
#include <stdlib.h>

#include "core/err.h"
#include "image/match.h"
#include "image/stats.h"

#define MESH        64 /* px */
#define FILTER      3  /* meshes */
#define BRIGHT_SNR  60.0
#define FAINTER_SNR 20.0 /* where too few are bright */
#define ENOUGH      5
#define SAME_STAR   1.5 /* px */

int
starfield_measure(struct starfield *s, double threshold)
{
	if (background_measure(&s->frame.im, MESH, FILTER, &s->background) < 0)
		return -1;
	return source_extract(&s->frame.im, &s->background, threshold, &s->sources);
}

int
starfield_read(const char *uri, const struct frame_request *req, double threshold,
			   struct starfield *s)
{
	struct frame_info info;

	*s = (struct starfield){0};
	if (frame_read(uri, req, &s->frame, &info) == 0 && starfield_measure(s, threshold) == 0)
		return 0;
	err_at(uri, -1, NULL);
	starfield_free(s);
	return -1;
}

void
starfield_free(struct starfield *s)
{
	frame_free(&s->frame);
	background_free(&s->background);
	source_list_free(&s->sources);
}

static bool
is_clean(const struct source *s, double min_snr)
{
	return !s->saturated && !s->masked && s->flux > min_snr * s->flux_err && isfinite(s->x) &&
		   isfinite(s->y);
}

double
starfield_fwhm(const struct starfield *s)
{
	double *fwhm = malloc((s->sources.n + 1) * sizeof *fwhm), median;
	size_t n = 0;

	if (fwhm == NULL)
		return NAN;
	for (size_t i = 0; i < s->sources.n; i++)
		if (is_clean(&s->sources.v[i], FAINTER_SNR))
			fwhm[n++] = s->sources.v[i].fwhm;
	median = stats_median(fwhm, n);
	free(fwhm);
	return median;
}

static size_t
bright_points(const struct source_list *list, double min_snr, struct point *p)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		if (is_clean(&list->v[i], min_snr))
			p[n++] = (struct point){list->v[i].x, list->v[i].y, 1};
	return n;
}

struct lists
{
	struct point *a, *b;
	struct star_pair *pairs;
	double *value;
};

static void
summarise(const struct lists *l, size_t n, struct starfield_offsets *out)
{
	out->n = n;
	for (size_t k = 0; k < n; k++)
		l->value[k] = hypot(l->pairs[k].u - l->pairs[k].x, l->pairs[k].v - l->pairs[k].y);
	out->median_px = stats_median(l->value, n);
}

static int
compare_above(const struct starfield *a, const struct starfield *b, double snr,
			  const struct lists *l, struct starfield_offsets *out)
{
	struct transform identity;
	size_t na = bright_points(&a->sources, snr, l->a);
	size_t nb = bright_points(&b->sources, snr, l->b);
	long n;

	transform_identity(&identity);
	n = match_near(l->a, na, l->b, nb, &identity, SAME_STAR, l->pairs);
	if (n < 0)
		return -1;
	out->snr_limit = snr;
	summarise(l, (size_t) n, out);
	return 0;
}

int
starfield_compare(const struct starfield *a, const struct starfield *b,
				  struct starfield_offsets *out)
{
	size_t na = a->sources.n + 1, nb = b->sources.n + 1;
	struct lists l = {malloc(na * sizeof *l.a), malloc(nb * sizeof *l.b),
					  malloc(na * sizeof *l.pairs), malloc(na * sizeof *l.value)};
	int status = -1;

	if (l.a == NULL || l.b == NULL || l.pairs == NULL || l.value == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu stars", na + nb);
	else
	{
		status = compare_above(a, b, BRIGHT_SNR, &l, out);
		if (status == 0 && out->n < ENOUGH)
			status = compare_above(a, b, FAINTER_SNR, &l, out);
	}
	free(l.a);
	free(l.b);
	free(l.pairs);
	free(l.value);
	return status;
}
