/* See psf.h. SPDX-License-Identifier: PostgreSQL */
#include "simulate/psf.h"

#include <math.h>

struct seeing
seeing_draw(struct rng *rng, double fwhm_arcsec)
{
	struct seeing s = {.fwhm = fwhm_arcsec,
					   .beta = rng_uniform(rng, 2.7, 4.0),
					   .aureole = rng_uniform(rng, 0.01, 0.025),
					   .curvature = rng_uniform(rng, 0, 0.04)};

	for (int i = 0; i < 2; i++)
	{
		s.tilt[i] = rng_uniform(rng, -0.03, 0.03);
		s.e[i] = rng_uniform(rng, -0.05, 0.05);
		for (int j = 0; j < 2; j++)
			s.e_slope[i][j] = rng_uniform(rng, -0.03, 0.03);
	}
	return s;
}

/* Inverse of the shear-and-scale that makes the elliptical core from a round one of width alpha,
 * squared: A = [[1 + e1, e2], [e2, 1 - e1]] / sqrt(1 - e^2) has determinant 1, so the flux does not
 * depend on e. */
static void
sky_shape(double alpha, double e1, double e2, double out[3])
{
	const double norm = 1 / ((1 - e1 * e1 - e2 * e2) * alpha * alpha);
	const double a = 1 - e1, b = -e2, d = 1 + e1; /* the inverse, but for its factor */

	out[0] = norm * (a * a + b * b);
	out[1] = norm * (a * b + b * d);
	out[2] = norm * (b * b + d * d);
}

struct psf
psf_at(const struct seeing *s, const struct camera *cam, double x, double y)
{
	const double u = (x - cam->x0) / cam->half, v = (y - cam->y0) / cam->half;
	const double fwhm =
		s->fwhm * (1 + s->tilt[0] * u + s->tilt[1] * v + s->curvature * (u * u + v * v));
	const double alpha = fwhm / (2 * sqrt(exp2(1 / s->beta) - 1));
	double xi, eta, j[2][2], inv[2][2], det, sky[3];
	struct psf psf = {.beta = s->beta};

	sky_shape(alpha, s->e[0] + s->e_slope[0][0] * u + s->e_slope[0][1] * v,
			  s->e[1] + s->e_slope[1][0] * u + s->e_slope[1][1] * v, sky);
	camera_unproject(cam, x, y, &xi, &eta);
	camera_jacobian(cam, xi, eta, j);
	det = j[0][0] * j[1][1] - j[0][1] * j[1][0];
	inv[0][0] = j[1][1] / det;
	inv[0][1] = -j[0][1] / det;
	inv[1][0] = -j[1][0] / det;
	inv[1][1] = j[0][0] / det;
	psf.shape[0] = sky[0] * inv[0][0] * inv[0][0] + 2 * sky[1] * inv[0][0] * inv[1][0] +
				   sky[2] * inv[1][0] * inv[1][0];
	psf.shape[1] = sky[0] * inv[0][0] * inv[0][1] +
				   sky[1] * (inv[0][0] * inv[1][1] + inv[0][1] * inv[1][0]) +
				   sky[2] * inv[1][0] * inv[1][1];
	psf.shape[2] = sky[0] * inv[0][1] * inv[0][1] + 2 * sky[1] * inv[0][1] * inv[1][1] +
				   sky[2] * inv[1][1] * inv[1][1];
	psf.fwhm = fwhm * sqrt(fabs(det));
	psf.norm = (1 - s->aureole) * (s->beta - 1) / (M_PI * alpha * alpha * fabs(det));
	psf.aureole_norm = s->aureole * (AUREOLE_BETA - 1) /
					   (M_PI * alpha * alpha * AUREOLE_WIDTH * AUREOLE_WIDTH * fabs(det));
	return psf;
}

double
psf_density(const struct psf *psf, double dx, double dy)
{
	const double q =
		psf->shape[0] * dx * dx + 2 * psf->shape[1] * dx * dy + psf->shape[2] * dy * dy;

	return psf->norm * pow(1 + q, -psf->beta) +
		   psf->aureole_norm * pow(1 + q / (AUREOLE_WIDTH * AUREOLE_WIDTH), -AUREOLE_BETA);
}

/* Gauss-Legendre with 3 x 3 nodes in the core, where the density curves; the centre alone in the
 * wings. */
double
psf_pixel(const struct psf *psf, double dx, double dy)
{
	static const double node[3] = {-0.38729833462074170, 0, 0.38729833462074170};
	static const double weight[3] = {5.0 / 18, 8.0 / 18, 5.0 / 18};
	const double core = 2.5 * psf->fwhm;
	double sum = 0;

	if (dx * dx + dy * dy > core * core)
		return psf_density(psf, dx, dy);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			sum += weight[i] * weight[j] * psf_density(psf, dx + node[i], dy + node[j]);
	return sum;
}

/* Where flux times density falls to FAINTEST_LIGHT: the larger of the core's and the aureole's
 * radius. */
static double
visible_radius(const struct psf *psf, double flux)
{
	const double trace = psf->shape[0] + psf->shape[2];
	const double width = sqrt(2 / trace) * 1.1; /* 1.1: room for ellipticity */
	const double core = pow(fmax(1, flux * psf->norm / FAINTEST_LIGHT), 1 / psf->beta) - 1;
	const double halo =
		pow(fmax(1, flux * psf->aureole_norm / FAINTEST_LIGHT), 1 / AUREOLE_BETA) - 1;

	return 2 + width * fmax(sqrt(core), AUREOLE_WIDTH * sqrt(halo));
}

void
psf_draw(const struct psf *psf, struct canvas *canvas, double x, double y, double flux)
{
	const double radius = visible_radius(psf, fabs(flux));
	const struct box box = canvas_box(canvas, x, y, radius);

	for (int j = box.y0; j < box.y1; j++)
		for (int i = box.x0; i < box.x1; i++)
			if ((i - x) * (i - x) + (j - y) * (j - y) <= radius * radius)
				canvas->e[(size_t) j * (size_t) canvas->width + (size_t) i] +=
					(float) (flux * psf_pixel(psf, i - x, j - y));
}

void
psf_stamp(const struct psf *psf, int size, double *stamp)
{
	const int half = size / 2;

	for (int j = 0; j < size; j++)
		for (int i = 0; i < size; i++)
			stamp[j * size + i] = psf_pixel(psf, i - half, j - half);
}
