/* See galaxy.h. SPDX-License-Identifier: PostgreSQL */
#include "simulate/galaxy.h"

#include <math.h>

#define RINGS      160
#define ITERATIONS 400

double
sersic_profile(double r, double n)
{
	/* b(n) such that half the light lies within r = 1; good to 1e-4 for n > 0.36 */
	const double b = 2 * n - 1.0 / 3 + 4 / (405 * n) + 46 / (25515 * n * n);

	return exp(-b * (pow(r, 1 / n) - 1));
}

double
moffat_profile(double r, double beta)
{
	return pow(1 + r * r, -beta);
}

struct mixture
mixture_fit(radial_profile profile, double parameter, double low, double high, double reach)
{
	struct mixture m = {.n = MIXTURE_PARTS};
	double flux[RINGS], part[MIXTURE_PARTS][RINGS], total = 0;
	const double step = log(reach / (low / 4)) / RINGS;

	for (int k = 0; k < m.n; k++)
	{
		m.sigma[k] = low * pow(high / low, (double) k / (m.n - 1));
		m.weight[k] = 1.0 / m.n;
	}
	for (int i = 0; i < RINGS; i++)
	{
		const double inner = low / 4 * exp(i * step), outer = inner * exp(step);
		const double r = sqrt(inner * outer), from = i == 0 ? 0 : inner;

		flux[i] = profile(r, parameter) * (outer * outer - from * from);
		total += flux[i];
		for (int k = 0; k < m.n; k++)
			part[k][i] = exp(-from * from / (2 * m.sigma[k] * m.sigma[k])) -
						 exp(-outer * outer / (2 * m.sigma[k] * m.sigma[k]));
	}
	for (int it = 0; it < ITERATIONS; it++)
	{
		double next[MIXTURE_PARTS] = {0};

		for (int i = 0; i < RINGS; i++)
		{
			double model = 1e-300;

			for (int k = 0; k < m.n; k++)
				model += m.weight[k] * part[k][i];
			for (int k = 0; k < m.n; k++)
				next[k] += flux[i] / total * m.weight[k] * part[k][i] / model;
		}
		for (int k = 0; k < m.n; k++)
			m.weight[k] = next[k];
	}
	return m;
}

void
galaxy_set_profile(struct galaxy *galaxy)
{
	const double low = 0.25 / galaxy->n / galaxy->n; /* cuspier profiles need narrower parts */

	galaxy->profile = mixture_fit(sersic_profile, galaxy->n, fmax(low, 0.01), 3.5, 7);
}

struct psf_mixture
psf_mixture_fit(const struct seeing *s)
{
	const struct psf_mixture mix = {mixture_fit(moffat_profile, s->beta, 0.25, 6, 12),
									mixture_fit(moffat_profile, AUREOLE_BETA, 0.3, 15, 30)};

	return mix;
}

/* Symmetric 2 x 2 matrix as xx, xy, yy: carry it from the sky to pixels, J C J^T. */
static void
to_pixels(double j[2][2], const double sky[3], double out[3])
{
	for (int k = 0; k < 3; k++)
	{
		const double *a = j[k == 2], *b = j[k != 0];

		out[k] = a[0] * b[0] * sky[0] + (a[0] * b[1] + a[1] * b[0]) * sky[1] + a[1] * b[1] * sky[2];
	}
}

static double
gaussian_nodes(const double inv[3], double dx, double dy, int nodes)
{
	double sum = 0;

	for (int a = 0; a < nodes; a++)
		for (int b = 0; b < nodes; b++)
		{
			const double x = dx + (a + 0.5) / nodes - 0.5, y = dy + (b + 0.5) / nodes - 0.5;

			sum += exp(-0.5 * (inv[0] * x * x + 2 * inv[1] * x * y + inv[2] * y * y));
		}
	return sum / (nodes * nodes);
}

/* The pixel's own width adds 1/12 px^2 of variance; narrow Gaussians are sampled on a 2 x 2 grid,
 * which leaves a quarter of that to add. */
static void
draw_gaussian(struct canvas *canvas, double x, double y, const double covariance[3], double flux)
{
	const int nodes = covariance[0] + covariance[2] < 2 * 2.5 ? 2 : 1;
	const double pixel = 1.0 / (12 * nodes * nodes);
	const double xx = covariance[0] + pixel, yy = covariance[2] + pixel, xy = covariance[1];
	const double det = xx * yy - xy * xy, peak = flux / (2 * M_PI * sqrt(det));
	const double inv[3] = {yy / det, -xy / det, xx / det};
	const double reach = sqrt(2 * log(fmax(1, peak / FAINTEST_LIGHT)) * fmax(xx, yy));
	const struct box box = canvas_box(canvas, x, y, reach + 1);

	for (int j = box.y0; j < box.y1 && reach > 0; j++)
		for (int i = box.x0; i < box.x1; i++)
			canvas->e[(size_t) j * (size_t) canvas->width + (size_t) i] +=
				(float) (peak * gaussian_nodes(inv, i - x, j - y, nodes));
}

/* Every part of the galaxy with every part of one piece of the PSF (core or aureole) of width alpha
 * and share. */
static void
draw_parts(const struct galaxy *g, const struct mixture *blur, const double blur_unit[3],
		   const double shape_unit[3], double share, double x, double y, struct canvas *canvas,
		   double flux)
{
	for (int i = 0; i < g->profile.n; i++)
		for (int k = 0; k < blur->n; k++)
		{
			const double part = flux * share * g->profile.weight[i] * blur->weight[k];
			const double s2 = g->profile.sigma[i] * g->profile.sigma[i];
			const double b2 = blur->sigma[k] * blur->sigma[k];
			double covariance[3];

			for (int c = 0; c < 3; c++)
				covariance[c] = s2 * shape_unit[c] + b2 * blur_unit[c];
			if (part > FAINTEST_LIGHT)
				draw_gaussian(canvas, x, y, covariance, part);
		}
}

void
galaxy_draw(const struct galaxy *g, const struct camera *cam, const struct seeing *seeing,
			const struct psf_mixture *mix, struct canvas *canvas, double transparency)
{
	const double s = sin(g->angle), c = cos(g->angle), major = g->re * g->re;
	const double minor = major * g->q * g->q;
	const double sky[3] = {major * s * s + minor * c * c, (major - minor) * s * c,
						   major * c * c + minor * s * s};
	double x, y, j[2][2], shape[3], blur[3], halo[3];
	struct psf psf;

	camera_project(cam, g->xi, g->eta, &x, &y);
	camera_jacobian(cam, g->xi, g->eta, j);
	to_pixels(j, sky, shape);
	psf = psf_at(seeing, cam, x, y);
	/* the PSF's shape matrix is the inverse of its squared width */
	const double det = psf.shape[0] * psf.shape[2] - psf.shape[1] * psf.shape[1];
	const double inverse[3] = {psf.shape[2] / det, -psf.shape[1] / det, psf.shape[0] / det};

	for (int k = 0; k < 3; k++)
	{
		blur[k] = inverse[k];
		halo[k] = inverse[k] * AUREOLE_WIDTH * AUREOLE_WIDTH;
	}
	draw_parts(g, &mix->core, blur, shape, 1 - seeing->aureole, x, y, canvas,
			   g->flux * transparency);
	draw_parts(g, &mix->halo, halo, shape, seeing->aureole, x, y, canvas, g->flux * transparency);
}
