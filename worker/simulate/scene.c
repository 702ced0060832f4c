/* See scene.h. SPDX-License-Identifier: PostgreSQL */
#include "simulate/scene.h"

#include <math.h>
#include <stdlib.h>

#include "core/err.h"

#define BRIGHTEST_STAR 14.5
#define FAINTEST_STAR  24.0
#define VARIABLE_SHARE 0.02
#define FADING_SHARE   0.12
#define PLACE_TRIES    500

const char *const source_kind_name[] = {"star", "variable", "transient", "moving"};

const struct field_kind field_kinds[] = {
	{"sparse", 150.1, 2.2, 700, 0.28, 70, false, 42, 0.35, true, true, 0, 2},
	{"crowded", 270.9, -29.1, 7000, 0.30, 30, false, 42, 0.15, false, false, 0, 2},
	{"cluster", 194.95, 27.98, 500, 0.28, 200, true, 46, 0.55, false, false, 1.3, 2},
	{"null", 36.3, -4.5, 700, 0.28, 60, false, 0, 0, false, false, 0, 1},
};
const int n_field_kinds = sizeof field_kinds / sizeof field_kinds[0];

static double
flux_of(double magnitude)
{
	return pow(10, -0.4 * (magnitude - ZERO_POINT));
}

/* Magnitude between bright and faint with counts growing as 10^(slope m). */
static double
draw_magnitude(struct rng *rng, double bright, double faint, double slope)
{
	const double low = pow(10, slope * (bright - faint));

	return faint + log10(rng_uniform(rng, low, 1)) / slope;
}

static void
place(struct source *s, double xi, double eta)
{
	for (int e = 0; e < MAX_EXPOSURES; e++)
	{
		s->xi[e] = xi;
		s->eta[e] = eta;
	}
}

static struct source
draw_star(const struct field_kind *kind, const struct scene_size *size, struct rng *rng)
{
	struct source s = {.kind = SOURCE_STAR, .sign = 1};
	const double flux = flux_of(draw_magnitude(rng, BRIGHTEST_STAR, FAINTEST_STAR, kind->slope));
	const double xi = rng_uniform(rng, -size->half, size->half);
	const double eta = rng_uniform(rng, -size->half, size->half);

	place(&s, xi, eta);
	if (kind->transients > 0 && rng_uniform(rng, 0, 1) < VARIABLE_SHARE)
		s.kind = SOURCE_VARIABLE;
	for (int e = 0; e < MAX_EXPOSURES; e++)
		s.flux[e] = s.kind == SOURCE_VARIABLE ? flux * exp(rng_uniform(rng, -0.4, 0.4)) : flux;
	return s;
}

static struct galaxy
draw_galaxy(const struct field_kind *kind, const struct scene_size *size, struct rng *rng)
{
	const double magnitude = draw_magnitude(rng, 17, 23, 0.4);
	const bool early = rng_uniform(rng, 0, 1) < (kind->cluster ? 0.7 : 0.3);
	struct galaxy g = {.flux = flux_of(magnitude),
					   .n = early ? rng_uniform(rng, 2.5, 4) : rng_uniform(rng, 0.6, 1.6),
					   .re = 0.7 * pow(10, -0.13 * (magnitude - 23)) * exp(0.3 * rng_normal(rng)),
					   .q = early ? rng_uniform(rng, 0.6, 1) : rng_uniform(rng, 0.25, 1),
					   .angle = rng_uniform(rng, 0, M_PI)};

	if (kind->cluster)
	{
		g.xi = 0.4 * size->half * rng_normal(rng);
		g.eta = 0.4 * size->half * rng_normal(rng);
	}
	else
	{
		g.xi = rng_uniform(rng, -size->half, size->half);
		g.eta = rng_uniform(rng, -size->half, size->half);
	}
	galaxy_set_profile(&g);
	return g;
}

static struct galaxy
giant_elliptical(const struct scene_size *size, struct rng *rng)
{
	struct galaxy g = {.flux = flux_of(15.8),
					   .n = 4,
					   .re = 28 * size->scale,
					   .q = 0.75,
					   .angle = rng_uniform(rng, 0, M_PI),
					   .xi = rng_uniform(rng, -0.1, 0.1) * size->half,
					   .eta = rng_uniform(rng, -0.1, 0.1) * size->half};

	galaxy_set_profile(&g);
	return g;
}

/* A place within two effective radii of a galaxy that is bright enough to be called a host. */
static void
draw_host_place(const struct scene *scene, struct rng *rng, double *xi, double *eta)
{
	const struct galaxy *g;
	const double u = rng_uniform(rng, 0.1, 2), phi = rng_uniform(rng, 0, 2 * M_PI);
	double major, minor;

	do
		g = &scene->galaxies[(size_t) rng_uniform(rng, 0, (double) scene->n_galaxies)];
	while (g->flux < flux_of(22.5) && rng_uniform(rng, 0, 1) > 0.05);
	major = u * g->re * cos(phi);
	minor = u * g->re * g->q * sin(phi);
	*xi = g->xi + major * sin(g->angle) + minor * cos(g->angle);
	*eta = g->eta + major * cos(g->angle) - minor * sin(g->angle);
}

static bool
place_is_free(const struct scene *scene, size_t first, double xi, double eta,
			  const struct scene_size *size)
{
	if (fabs(xi) > size->usable || fabs(eta) > size->usable)
		return false;
	for (size_t i = first; i < scene->n_sources; i++)
		if (hypot(scene->sources[i].xi[0] - xi, scene->sources[i].eta[0] - eta) < size->min_gap)
			return false;
	return true;
}

static void
add_transients(struct scene *scene, const struct field_kind *kind, const struct scene_size *size,
			   int n, struct rng *rng)
{
	const size_t first = scene->n_sources;

	for (int k = 0; k < n; k++)
	{
		struct source s = {.kind = SOURCE_TRANSIENT, .on_host = k < kind->host_share * n};
		double xi, eta;
		int tries = 0;

		do
			if (s.on_host)
				draw_host_place(scene, rng, &xi, &eta);
			else
			{
				xi = rng_uniform(rng, -size->usable, size->usable);
				eta = rng_uniform(rng, -size->usable, size->usable);
			}
		while (!place_is_free(scene, first, xi, eta, size) && ++tries < PLACE_TRIES);
		if (tries == PLACE_TRIES)
			continue;
		place(&s, xi, eta);
		s.sign = rng_uniform(rng, 0, 1) < FADING_SHARE ? -1 : 1;
		scene->sources[scene->n_sources++] = s;
	}
}

/* An asteroid: some 80 px between the epochs, not yet there when the reference was taken. */
static void
add_moving(struct scene *scene, const struct scene_size *size, struct rng *rng)
{
	struct source s = {.kind = SOURCE_MOVING, .sign = 1};
	const double angle = rng_uniform(rng, 0, 2 * M_PI), step = 0.15 * size->half;
	const double xi = rng_uniform(rng, -0.5, 0.5) * size->half;
	const double eta = rng_uniform(rng, -0.5, 0.5) * size->half;

	for (int e = 0; e < MAX_EXPOSURES; e++)
	{
		s.xi[e] = xi + e * step * cos(angle);
		s.eta[e] = eta + e * step * sin(angle);
	}
	scene->sources[scene->n_sources++] = s;
}

int
scene_make(struct scene *scene, const struct field_kind *kind, const struct scene_size *size,
		   uint64_t seed, uint64_t field)
{
	struct rng rng = rng_make(seed, STREAM_SCENE, field, 0);
	/* the field reaches beyond the frame, so that dithered frames have neighbours' wings */
	const double margin = pow(1 + 24 * size->scale / size->half, 2);
	const size_t stars = (size_t) (kind->stars * size->area * margin);
	const size_t galaxies = (size_t) (kind->galaxies * size->area) + 1;
	const int transients = (int) ceil(kind->transients * size->area);

	*scene = (struct scene){0};
	scene->sources = malloc((stars + (size_t) transients + 1) * sizeof *scene->sources);
	scene->galaxies = malloc(galaxies * sizeof *scene->galaxies);
	if (scene->sources == NULL || scene->galaxies == NULL)
	{
		scene_free(scene);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a field of %zu stars", stars);
	}
	for (size_t i = 0; i < stars; i++)
		scene->sources[scene->n_sources++] = draw_star(kind, size, &rng);
	rng = rng_make(seed, STREAM_SCENE, field, 1);
	if (kind->cluster)
		scene->galaxies[scene->n_galaxies++] = giant_elliptical(size, &rng);
	while (scene->n_galaxies < galaxies)
		scene->galaxies[scene->n_galaxies++] = draw_galaxy(kind, size, &rng);
	rng = rng_make(seed, STREAM_SCENE, field, 2);
	add_transients(scene, kind, size, transients, &rng);
	if (kind->moving)
		add_moving(scene, size, &rng);
	return 0;
}

void
scene_free(struct scene *scene)
{
	free(scene->sources);
	free(scene->galaxies);
	*scene = (struct scene){0};
}
