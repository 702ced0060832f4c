/* See exposure.h. SPDX-License-Identifier: PostgreSQL */
#include "simulate/exposure.h"

#include <math.h>
#include <stdlib.h>

#include "core/err.h"
#include "image/image.h"

#define BEST_FWHM  2.3 /* px */
#define WORST_FWHM 4.5
#define DITHER     18.0 /* px, either way */

static void
draw_camera(struct exposure *exp, const struct field_kind *kind, const struct detector *det,
			double scale, struct rng *rng)
{
	struct camera *cam = &exp->cam;
	const double radial = 0.5 + rng_uniform(rng, -0.15, 0.15);

	*cam = (struct camera){
		.ra0 = kind->ra, .dec0 = kind->dec, .scale = scale, .half = det->width / 2.0};
	cam->x0 = (det->width - 1) / 2.0 + rng_uniform(rng, -DITHER, DITHER);
	cam->y0 = (det->height - 1) / 2.0 + rng_uniform(rng, -DITHER, DITHER);
	cam->rotation = rng_uniform(rng, -0.0008, 0.0008);
	for (int axis = 0; axis < 2; axis++)
		for (int i = 0; i < 3; i++)
			cam->distortion[axis][i] = rng_uniform(rng, -0.12, 0.12);
	/* r^2 (u, v): barrel or pincushion, the largest term of most cameras */
	cam->distortion[0][3] = cam->distortion[0][5] = radial;
	cam->distortion[1][4] = cam->distortion[1][6] = radial;
}

void
exposure_draw(struct exposure *exp, const struct field_kind *kind, const struct detector *det,
			  double scale, double seeing_px, struct rng *rng)
{
	const double fwhm = rng_uniform(rng, BEST_FWHM, 0.8 * WORST_FWHM);
	const double error = rng_uniform(rng, 0.2, 0.9), angle = rng_uniform(rng, 0, 2 * M_PI);

	draw_camera(exp, kind, det, scale, rng);
	exp->seeing = seeing_draw(rng, scale * fmin(WORST_FWHM, seeing_px > 0 ? seeing_px : fwhm));
	exp->mixture = psf_mixture_fit(&exp->seeing);
	exp->transparency = exp->number == 0 ? rng_uniform(rng, 0.6, 1) : rng_uniform(rng, 0.3, 1);
	exp->sky = rng_uniform(rng, 250, 700);
	for (int i = 0; i < 5; i++)
		exp->gradient[i] = rng_uniform(rng, -0.05, 0.05);
	exp->wcs_error[0] = error * cos(angle);
	exp->wcs_error[1] = error * sin(angle);
}

static void
fill_sky(struct exposure *exp)
{
	for (int j = 0; j < exp->light.height; j++)
		for (int i = 0; i < exp->light.width; i++)
		{
			const double u = (i - exp->cam.x0) / exp->cam.half;
			const double v = (j - exp->cam.y0) / exp->cam.half;
			const double *g = exp->gradient;

			exp->light.e[(size_t) j * (size_t) exp->light.width + (size_t) i] =
				(float) (exp->sky *
						 (1 + g[0] * u + g[1] * v + g[2] * u * u + g[3] * u * v + g[4] * v * v));
		}
}

void
exposure_position(const struct exposure *exp, const struct source *source, double *x, double *y)
{
	camera_project(&exp->cam, source->xi[exp->number], source->eta[exp->number], x, y);
}

bool
exposure_contains(const struct exposure *exp, double x, double y)
{
	return x >= 0 && y >= 0 && x <= exp->light.width - 1 && y <= exp->light.height - 1;
}

void
exposure_add(struct exposure *exp, const struct source *source)
{
	const double flux = source->flux[exp->number] * exp->transparency;
	struct psf psf;
	double x, y;

	if (!(flux > 0))
		return;
	exposure_position(exp, source, &x, &y);
	psf = psf_at(&exp->seeing, &exp->cam, x, y);
	psf_draw(&psf, &exp->light, x, y, flux);
}

int
exposure_render(struct exposure *exp, const struct scene *scene)
{
	const size_t n = (size_t) exp->light.width * (size_t) exp->light.height;

	exp->light.e = malloc(n * sizeof *exp->light.e);
	exp->mask = calloc(n, sizeof *exp->mask);
	if (exp->light.e == NULL || exp->mask == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for an exposure");
	fill_sky(exp);
	for (size_t i = 0; i < scene->n_galaxies; i++)
		galaxy_draw(&scene->galaxies[i], &exp->cam, &exp->seeing, &exp->mixture, &exp->light,
					exp->transparency);
	for (size_t i = 0; i < scene->n_sources; i++)
		if (scene->sources[i].kind == SOURCE_STAR || scene->sources[i].kind == SOURCE_VARIABLE)
			exposure_add(exp, &scene->sources[i]);
	return 0;
}

void
exposure_side(const struct exposure *exp, const struct detector *det, double xi, double eta,
			  struct snr_side *side)
{
	const int half = SNR_STAMP / 2;
	double x, y, weight = 0, sum = 0;
	struct psf psf;

	camera_project(&exp->cam, xi, eta, &x, &y);
	psf = psf_at(&exp->seeing, &exp->cam, x, y);
	psf_stamp(&psf, SNR_STAMP, side->stamp);
	snr_prepare(side);
	for (int j = -half; j <= half; j++)
		for (int i = -half; i <= half; i++)
		{
			const long px = lround(x) + i, py = lround(y) + j;
			const double p = side->stamp[(j + half) * SNR_STAMP + i + half];

			if (px < 0 || py < 0 || px >= exp->light.width || py >= exp->light.height)
				continue;
			const size_t pixel = (size_t) py * (size_t) exp->light.width + (size_t) px;

			/* a defect is no noise: the mask speaks of it */
			if (det->bad[pixel])
				continue;
			sum += p * p * detector_variance(det, EXPOSURE_TIME, exp->light.e[pixel], pixel);
			weight += p * p;
		}
	side->variance = weight > 0 ? sum / weight : INFINITY;
}

void
exposure_merge_mask(struct exposure *exp, const struct exposure *reference)
{
	const int width = exp->light.width, height = exp->light.height;

	for (int j = 0; j < height; j++)
		for (int i = 0; i < width; i++)
		{
			const size_t p = (size_t) j * (size_t) width + (size_t) i;
			double xi, eta, x, y;

			camera_unproject(&exp->cam, i, j, &xi, &eta);
			camera_project(&reference->cam, xi, eta, &x, &y);
			if (x < 0 || y < 0 || x > width - 1 || y > height - 1)
				exp->mask[p] |= MASK_NO_DATA;
			else
				exp->mask[p] |=
					reference->mask[(size_t) lround(y) * (size_t) width + (size_t) lround(x)];
		}
}

void
exposure_free(struct exposure *exp)
{
	free(exp->light.e);
	free(exp->mask);
	exp->light.e = NULL;
	exp->mask = NULL;
}
