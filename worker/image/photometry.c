/* See photometry.h. SPDX-License-Identifier: PostgreSQL */
#include "image/photometry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/polynomial.h"

#define MAX_STEPS 10
#define CONVERGED 0.005 /* px */
#define CORE      1.5   /* FWHM: radius for position and chi2 */
#define PSF_ERROR 0.05  /* of the source's own light in a pixel */
#define SUBPIXELS 5

/* The PSF at one place, moved to the pixel grid around (cx, cy). */
struct local
{
	int size, cx, cy;
	float *centred, *moved;
};

static int
local_make(const struct psf *psf, double x, double y, struct local *l)
{
	const size_t n = (size_t) psf->size * (size_t) psf->size;

	l->size = psf->size;
	l->centred = malloc(sizeof *l->centred * n);
	l->moved = malloc(sizeof *l->moved * n);
	if (l->centred == NULL || l->moved == NULL)
	{
		free(l->centred);
		free(l->moved);
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a PSF of %d px", psf->size);
	}
	psf_evaluate(psf, x, y, l->centred);
	return 0;
}

static void
local_free(struct local *l)
{
	free(l->centred);
	free(l->moved);
}

static int
local_move(struct local *l, double x, double y)
{
	l->cx = (int) lround(x);
	l->cy = (int) lround(y);
	return psf_shift(l->centred, l->size, x - l->cx, y - l->cy, l->moved);
}

static bool
is_used(const struct image *im, int x, int y)
{
	const size_t p = (size_t) y * (size_t) im->width + (size_t) x;

	return x >= 0 && y >= 0 && x < im->width && y < im->height &&
		   (im->mask[p] & MASK_EXCLUDED) == 0 && im->var[p] > 0 && isfinite(im->sci[p]);
}

/* One usable pixel under the moved PSF. */
struct pixel
{
	double p, d, v;
	int at;   /* in the stamp */
	double r; /* px from the source */
};

/* The usable pixels; *lost: the share of sum P^2 on the others. Returns how many. */
static int
gather(const struct image *im, const struct local *l, double x, double y, struct pixel *out,
	   double *lost)
{
	const int half = l->size / 2;
	double all = 0, used = 0;
	int n = 0;

	for (int at = 0; at < l->size * l->size; at++)
	{
		const int px = l->cx - half + at % l->size, py = l->cy - half + at / l->size;
		const double p = l->moved[at];

		all += p * p;
		if (!is_used(im, px, py))
			continue;
		used += p * p;
		out[n++] = (struct pixel){p, im->sci[(size_t) py * (size_t) im->width + (size_t) px],
								  im->var[(size_t) py * (size_t) im->width + (size_t) px], at,
								  hypot(px - x, py - y)};
	}
	*lost = all > 0 ? 1 - used / all : 1;
	return n;
}

static void
solve_flux(const struct pixel *v, int n, double core, struct psf_flux *out)
{
	double pd = 0, pp = 0, chi2 = 0;
	int in_core = 0;

	for (int i = 0; i < n; i++)
	{
		pd += v[i].p * v[i].d / v[i].v;
		pp += v[i].p * v[i].p / v[i].v;
	}
	out->flux = pp > 0 ? pd / pp : NAN;
	out->error = pp > 0 ? 1 / sqrt(pp) : NAN;
	for (int i = 0; i < n; i++)
		if (v[i].r < core)
		{
			const double model = out->flux * v[i].p;

			chi2 += pow(v[i].d - model, 2) / (v[i].v + pow(PSF_ERROR * model, 2));
			in_core++;
		}
	out->chi2_dof = in_core > 3 ? chi2 / (in_core - 3) : NAN;
}

/* One Gauss-Newton step of flux and position on the core's pixels: D ~ f P + f dx dP/dx + f dy
 * dP/dy. */
static int
position_step(const struct pixel *v, int n, const struct local *l, double core, double *dx,
			  double *dy)
{
	double a[9] = {0}, b[3] = {0};

	for (int i = 0; i < n; i++)
	{
		const int at = v[i].at, col = at % l->size, row = at / l->size;
		double g[3];

		if (v[i].r > core || col == 0 || row == 0 || col == l->size - 1 || row == l->size - 1)
			continue;
		g[0] = v[i].p;
		g[1] = -0.5 * (l->moved[at + 1] - l->moved[at - 1]);
		g[2] = -0.5 * (l->moved[at + l->size] - l->moved[at - l->size]);
		for (int j = 0; j < 3; j++)
		{
			b[j] += g[j] * v[i].d / v[i].v;
			for (int k = 0; k < 3; k++)
				a[j * 3 + k] += g[j] * g[k] / v[i].v;
		}
	}
	if (!(a[0] > 0) || polynomial_solve(a, b, 3) < 0)
	{
		err_clear(); /* too few pixels for a position: the caller keeps the one it has */
		return -1;
	}
	*dx = b[1] / b[0];
	*dy = b[2] / b[0];
	return isfinite(*dx) && isfinite(*dy) ? 0 : -1;
}

static int
measure(const struct image *im, const struct psf *psf, double x, double y, double max_shift,
		struct psf_flux *out)
{
	const double core = CORE * psf->fwhm, x0 = x, y0 = y;
	struct pixel *v = malloc(sizeof *v * (size_t) psf->size * (size_t) psf->size);
	struct local l;
	int n, status = -1;

	if (v == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a stamp");
	if (local_make(psf, x, y, &l) < 0)
	{
		free(v);
		return -1;
	}
	for (int step = 0; max_shift > 0 && step < MAX_STEPS; step++)
	{
		double dx, dy;

		if (local_move(&l, x, y) < 0)
			goto done;
		n = gather(im, &l, x, y, v, &out->lost);
		if (position_step(v, n, &l, core, &dx, &dy) < 0 ||
			hypot(x + dx - x0, y + dy - y0) > max_shift)
		{
			x = x0;
			y = y0;
			break;
		}
		x += dx;
		y += dy;
		if (hypot(dx, dy) < CONVERGED)
			break;
	}
	if (local_move(&l, x, y) < 0)
		goto done;
	n = gather(im, &l, x, y, v, &out->lost);
	out->x = x;
	out->y = y;
	solve_flux(v, n, core, out);
	status = 0;
done:
	local_free(&l);
	free(v);
	return status;
}

int
photometry_psf(const struct image *im, const struct psf *psf, double x, double y,
			   struct psf_flux *out)
{
	return measure(im, psf, x, y, 0, out);
}

int
photometry_fit(const struct image *im, const struct psf *psf, double x, double y, double max_shift,
			   struct psf_flux *out)
{
	return measure(im, psf, x, y, max_shift, out);
}

/* The centred stamp, stretched by `scale`, at a sub-pixel offset: bilinear. */
static double
stretched(const struct local *l, double dx, double dy, double scale)
{
	const double gx = dx / scale + l->size / 2, gy = dy / scale + l->size / 2;
	const int ix = (int) floor(gx), iy = (int) floor(gy);
	const double fx = gx - ix, fy = gy - iy;
	const float *p = l->centred + iy * l->size + ix;

	if (ix < 0 || iy < 0 || ix + 1 >= l->size || iy + 1 >= l->size)
		return 0;
	return ((1 - fy) * ((1 - fx) * p[0] + fx * p[1]) +
			fy * ((1 - fx) * p[l->size] + fx * p[l->size + 1])) /
		   (scale * scale);
}

int
photometry_width_chi2(const struct image *im, const struct psf *psf, double x, double y,
					  double scale, double *chi2, int *n)
{
	const double core = CORE * psf->fwhm;
	double pd = 0, pp = 0, dd = 0;
	struct local l;

	if (local_make(psf, x, y, &l) < 0)
		return -1;
	*n = 0;
	for (int py = (int) ceil(y - core); py <= y + core; py++)
		for (int px = (int) ceil(x - core); px <= x + core; px++)
		{
			const size_t i = (size_t) py * (size_t) im->width + (size_t) px;
			double p;

			if (hypot(px - x, py - y) > core || !is_used(im, px, py))
				continue;
			p = stretched(&l, px - x, py - y, scale);
			pd += p * im->sci[i] / im->var[i];
			pp += p * p / im->var[i];
			dd += (double) im->sci[i] * im->sci[i] / im->var[i];
			(*n)++;
		}
	*chi2 = pp > 0 ? dd - pd * pd / pp : dd;
	local_free(&l);
	return 0;
}

void
photometry_aperture(const struct image *im, double x, double y, double radius, double *flux,
					double *error)
{
	double sum = 0, var = 0;

	for (int py = (int) floor(y - radius); py <= y + radius + 1; py++)
		for (int px = (int) floor(x - radius); px <= x + radius + 1; px++)
		{
			int inside = 0;
			double share;

			if (!is_used(im, px, py))
				continue;
			for (int k = 0; k < SUBPIXELS * SUBPIXELS; k++)
				inside += hypot(px - x + (k % SUBPIXELS + 0.5) / SUBPIXELS - 0.5,
								py - y + (k / SUBPIXELS + 0.5) / SUBPIXELS - 0.5) <= radius;
			share = (double) inside / (SUBPIXELS * SUBPIXELS);
			sum += share * im->sci[(size_t) py * (size_t) im->width + (size_t) px];
			var += share * share * im->var[(size_t) py * (size_t) im->width + (size_t) px];
		}
	*flux = sum;
	*error = sqrt(var);
}
