/* See register.h. SPDX-License-Identifier: PostgreSQL */
#include "image/register.h"

#include <math.h>
#include <stdlib.h>

#include "core/err.h"
#include "image/match.h"
#include "image/star_list.h"
#include "image/wcs.h"
#include "image/wcs_sip.h"

#define SEARCH_PX     3.0
#define SEARCH_ARCSEC 2.0
#define FINAL_RADIUS  1.5 /* px: above it a star has another partner, not a bad centroid */
#define CLIP_SIGMA    3.0
#define BRIGHTEST     40 /* stars whose matched fraction judges a match */
#define PATTERN_STARS 60
#define OFFSET_STARS  300
#define GOOD_FRACTION 0.5 /* of the brightest: no need to look further */
#define MIN_FRACTION  0.15
#define SIGNIFICANT   5.0 /* sigma above the number of chance pairs */
#define ROUNDS        3

static const char *const method_names[] = {[REGISTER_WCS] = "wcs",
										   [REGISTER_OFFSET] = "offset",
										   [REGISTER_SHIFT] = "shift",
										   [REGISTER_PATTERN] = "pattern"};

struct matcher
{
	const struct frame *science, *reference;
	const struct register_params *params;
	struct star_list stars;     /* of the science frame */
	struct star_list ref_stars; /* in reference pixels */
	struct star_list projected; /* the same through both WCS on the science grid */
};

const char *
register_method_name(enum register_method method)
{
	return method_names[method];
}

void
registration_free(struct registration *r)
{
	free(r->pairs);
	r->pairs = NULL;
}

/* ---- the lists
 * ---------------------------------------------------------------------------------------------------
 */

/* Reference stars on the science grid; those that have no place there drop out. */
static int
project(struct matcher *m)
{
	size_t n = m->ref_stars.n;
	struct star_list *out = &m->projected;

	out->p = malloc((n + 1) * sizeof *out->p);
	out->source = malloc((n + 1) * sizeof *out->source);
	if (out->p == NULL || out->source == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu stars", n);
	for (size_t i = 0; i < n; i++)
	{
		double ra, dec;
		struct point *p = &out->p[out->n];

		if (wcs_pix2sky(m->reference->wcs, m->ref_stars.p[i].x, m->ref_stars.p[i].y, &ra, &dec) <
				0 ||
			wcs_sky2pix(m->science->wcs, ra, dec, &p->x, &p->y) < 0)
			continue;
		p->sigma = m->ref_stars.p[i].sigma;
		out->source[out->n++] = m->ref_stars.source[i];
	}
	return 0;
}

static bool
have_wcs(const struct matcher *m)
{
	return !m->params->ignore_wcs && m->science->wcs != NULL && m->reference->wcs != NULL;
}

static double
search_radius(const struct matcher *m)
{
	const struct image *im = &m->science->im;
	double scale;

	if (!have_wcs(m))
		return SEARCH_PX;
	scale = wcs_pixel_scale(m->science->wcs, im->width / 2.0, im->height / 2.0);
	return scale > 0 ? fmax(SEARCH_PX, SEARCH_ARCSEC / scale) : SEARCH_PX;
}

/* ---- from a first guess to a fit
 * --------------------------------------------------------------------------------- */

/* How many of the brightest of either list found a partner, of those that fall on the other's
 * field. */
static double
bright_fraction(const struct star_list *a, const struct star_list *b, const struct registration *r)
{
	size_t na = a->n < BRIGHTEST ? a->n : BRIGHTEST, nb = b->n < BRIGHTEST ? b->n : BRIGHTEST;
	double inside = match_inside(a->p, na, b->p, b->n, &r->t);
	double hit_a = 0, hit_b = 0;

	for (size_t k = 0; k < r->n_pairs; k++)
	{
		hit_a += r->pairs[k].i < na;
		hit_b += r->pairs[k].j < nb;
	}
	return fmin(1, fmax(hit_a / fmax(inside, 1), hit_b / fmax((double) nb, 1)));
}

/* Match and fit in turn while the radius shrinks from `radius`. The pairs' indices are those of the
 * star lists. */
static int
refine(const struct star_list *a, const struct star_list *b, double radius,
	   const struct register_params *params, int min_order, struct registration *r)
{
	for (int round = 0; round < ROUNDS; round++)
	{
		double shrunk = radius * pow(FINAL_RADIUS / radius, round / (ROUNDS - 1.0));
		int order = round == ROUNDS - 1     ? params->max_order
					: params->max_order > 1 ? 1
											: params->max_order;
		long n = match_near(a->p, a->n, b->p, b->n, &r->t, fmax(shrunk, FINAL_RADIUS), r->pairs);

		if (n < 0)
			return -1;
		r->n_pairs = (size_t) n;
		if (transform_fit_best(r->pairs, r->n_pairs, min_order,
							   order > min_order ? order : min_order, CLIP_SIGMA, &r->t,
							   &r->quality) < 0)
			return -1;
	}
	r->matched_fraction = bright_fraction(a, b, r);
	return 0;
}

static bool
is_significant(const struct star_list *a, const struct star_list *b,
			   const struct register_params *params, const struct registration *r)
{
	double chance = match_expected(a->p, a->n, b->p, b->n, &r->t, FINAL_RADIUS);

	return r->quality.n_used >= (size_t) params->min_stars &&
		   (double) r->n_pairs > chance + SIGNIFICANT * sqrt(chance) &&
		   r->matched_fraction >= MIN_FRACTION;
}

/* Few stars first: their triangles are few and large. Deeper where the brightest of the lists are
 * not the same. */
static const size_t pattern_stars[] = {60, 150};

static long
guess_pattern(const struct star_list *a, const struct star_list *b, struct transform *t)
{
	long best = 0;

	for (size_t k = 0; k < sizeof pattern_stars / sizeof pattern_stars[0]; k++)
	{
		size_t na = a->n < pattern_stars[k] ? a->n : pattern_stars[k];
		size_t nb = b->n < pattern_stars[k] ? b->n : pattern_stars[k];
		long votes = match_triangles(a->p, na, b->p, nb, SEARCH_PX, t);

		if (votes < 0)
			return -1;
		best = votes;
		if ((double) votes > GOOD_FRACTION * (double) (na < nb ? na : nb))
			break;
	}
	return best;
}

/* Set t to the first guess of a method; 0, 1: no guess, -1: error. */
static int
first_guess(const struct matcher *m, const struct star_list *b, enum register_method method,
			struct transform *t)
{
	const struct star_list *a = &m->stars;
	const struct image *im = &m->science->im;
	size_t na = a->n < OFFSET_STARS ? a->n : OFFSET_STARS;
	size_t nb = b->n < OFFSET_STARS ? b->n : OFFSET_STARS;
	long votes = 1;

	transform_identity(t);
	if (method == REGISTER_OFFSET || method == REGISTER_SHIFT)
		votes = match_offset(a->p, na, b->p, nb, fmax(im->width, im->height), t);
	else if (method == REGISTER_PATTERN)
		votes = guess_pattern(a, b, t);
	return votes < 0 ? -1 : votes == 0;
}

/* 0: r holds a match worth considering; 1: none; -1: error other than too few stars. */
static int
try_method(const struct matcher *m, enum register_method method, struct registration *r)
{
	bool pixels = method >= REGISTER_SHIFT;
	const struct star_list *b = pixels ? &m->ref_stars : &m->projected;
	int guess = first_guess(m, b, method, &r->t);

	r->method = method;
	r->science = pixels ? NULL : m->science->wcs;
	r->reference = pixels ? NULL : m->reference->wcs;
	if (guess != 0)
		return guess;
	if (refine(&m->stars, b, method == REGISTER_WCS ? search_radius(m) : SEARCH_PX, m->params,
			   pixels ? 1 : 0, r) < 0)
	{
		if (err_code() != ASTRID_E_TOO_FEW_STARS)
			return -1;
		err_clear();
		return 1;
	}
	return is_significant(&m->stars, b, m->params, r) ? 0 : 1;
}

/* ---- the search
 * --------------------------------------------------------------------------------------------------
 */

static int
no_match(const struct matcher *m)
{
	size_t inside = 0;

	for (size_t i = 0; i < m->projected.n; i++)
		inside += m->projected.p[i].x >= 0 && m->projected.p[i].x < m->science->im.width &&
				  m->projected.p[i].y >= 0 && m->projected.p[i].y < m->science->im.height;
	if (have_wcs(m) && m->ref_stars.n > 0 && inside == 0)
		return err_raise(
			ASTRID_E_NO_OVERLAP,
			"no reference star falls on the science frame by the headers' WCS, and the "
			"star patterns do not match");
	return err_raise(ASTRID_E_TOO_FEW_STARS,
					 "the stars do not match: %zu usable in science, %zu in the reference",
					 m->stars.n, m->ref_stars.n);
}

/* Keep the better of the best so far and the candidate; frees the other. */
static void
keep_better(struct registration *best, struct registration *candidate)
{
	if (best->pairs == NULL || candidate->n_pairs > best->n_pairs)
	{
		registration_free(best);
		*best = *candidate;
	}
	else
		registration_free(candidate);
}

static int
search(const struct matcher *m, struct registration *best)
{
	enum register_method method = have_wcs(m) ? REGISTER_WCS : REGISTER_SHIFT;

	for (; method <= REGISTER_PATTERN; method++)
	{
		struct registration candidate = {0};
		int status = -1;

		candidate.pairs = malloc((m->stars.n + 1) * sizeof *candidate.pairs);
		if (candidate.pairs == NULL)
			err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu pairs", m->stars.n);
		else
			status = try_method(m, method, &candidate);
		if (status != 0)
			registration_free(&candidate);
		else
			keep_better(best, &candidate);
		if (status < 0)
			return -1;
		if (best->pairs != NULL && best->matched_fraction >= GOOD_FRACTION)
			break;
	}
	return best->pairs != NULL ? 0 : no_match(m);
}

/* From indices into the star lists to those of the source lists. */
static void
finish(const struct matcher *m, struct registration *r)
{
	const struct star_list *b = r->science != NULL ? &m->projected : &m->ref_stars;
	double x = m->science->im.width / 2.0, y = m->science->im.height / 2.0, u, v;

	for (size_t k = 0; k < r->n_pairs; k++)
	{
		r->pairs[k].i = m->stars.source[r->pairs[k].i];
		r->pairs[k].j = b->source[r->pairs[k].j];
	}
	transform_apply(&r->t, x, y, &u, &v);
	r->moved_px = r->science != NULL ? hypot(u - x, v - y) : NAN;
}

int
register_frames(const struct frame *science, const struct source_list *science_stars,
				const struct frame *reference, const struct source_list *reference_stars,
				const struct register_params *params, struct registration *r)
{
	struct matcher m = {.science = science, .reference = reference, .params = params};
	int status = -1;

	*r = (struct registration){0};
	if (star_list_make(science_stars, science->im.width, science->im.height, &m.stars) == 0 &&
		star_list_make(reference_stars, reference->im.width, reference->im.height, &m.ref_stars) ==
			0 &&
		(!have_wcs(&m) || project(&m) == 0))
		status = search(&m, r);
	if (status == 0)
		finish(&m, r);
	else
		registration_free(r);
	star_list_free(&m.stars);
	star_list_free(&m.ref_stars);
	star_list_free(&m.projected);
	return status;
}

/* ---- the result
 * --------------------------------------------------------------------------------------------------
 */

int
registration_map(void *arg, double x, double y, double *u, double *v)
{
	const struct registration *r = arg;
	double ra, dec;

	transform_apply(&r->t, x, y, u, v);
	if (r->science == NULL)
		return 0;
	if (wcs_pix2sky(r->science, *u, *v, &ra, &dec) < 0)
		return -1;
	return wcs_sky2pix(r->reference, ra, dec, u, v);
}

struct refined
{
	const struct transform *t;
	struct wcs *base; /* of the grid that t leads to */
};

static int
refined_sky(void *arg, double x, double y, double *ra, double *dec)
{
	const struct refined *f = arg;
	double u, v;

	transform_apply(f->t, x, y, &u, &v);
	return wcs_pix2sky(f->base, u, v, ra, dec);
}

int
registration_wcs(const struct registration *r, const struct frame *science,
				 const struct frame *reference, struct wcs **out)
{
	struct refined f = {&r->t, r->science != NULL ? r->science : reference->wcs};
	double a[3], b[3];

	*out = NULL;
	if (f.base == NULL)
	{
		/* The reference has none: what the science frame says of itself stands, untested. */
		if (science->wcs == NULL)
			return 0;
		*out = wcs_copy(science->wcs);
	}
	else if (transform_as_affine(&r->t, a, b))
		*out = wcs_refine(f.base, a, b);
	else
		*out = wcs_fit_sip(refined_sky, &f, science->im.width, science->im.height);
	return *out != NULL ? 0 : err_context("refining the WCS");
}
