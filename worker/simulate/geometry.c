/* See geometry.h. SPDX-License-Identifier: PostgreSQL */
#include "simulate/geometry.h"

#include <math.h>

#define RAD    (M_PI / 180)
#define ARCSEC (RAD / 3600)

void
gnomonic_project(double ra0, double dec0, double ra, double dec, double *xi, double *eta)
{
	const double da = (ra - ra0) * RAD, s0 = sin(dec0 * RAD), c0 = cos(dec0 * RAD);
	const double s = sin(dec * RAD), c = cos(dec * RAD);
	const double cosine = s0 * s + c0 * c * cos(da); /* of the distance from the tangent point */

	*xi = c * sin(da) / cosine / ARCSEC;
	*eta = (c0 * s - s0 * c * cos(da)) / cosine / ARCSEC;
}

void
gnomonic_deproject(double ra0, double dec0, double xi, double eta, double *ra, double *dec)
{
	const double s0 = sin(dec0 * RAD), c0 = cos(dec0 * RAD);
	const double u = xi * ARCSEC, v = eta * ARCSEC, w = c0 - v * s0;
	const double a = ra0 + atan2(u, w) / RAD;

	*ra = a - 360 * floor(a / 360);
	*dec = atan2(s0 + v * c0, hypot(u, w)) / RAD;
}

static void
monomials(double u, double v, double out[DISTORTION_TERMS])
{
	const double terms[DISTORTION_TERMS] = {u * u,     u * v,     v * v,    u * u * u,
											u * u * v, u * v * v, v * v * v};

	for (int i = 0; i < DISTORTION_TERMS; i++)
		out[i] = terms[i];
}

/* Rotate and scale onto the undistorted detector, in px from the tangent point. East is left where
 * rotation is 0. */
static void
to_ideal(const struct camera *cam, double xi, double eta, double *dx, double *dy)
{
	const double c = cos(cam->rotation), s = sin(cam->rotation);

	*dx = (-c * xi + s * eta) / cam->scale;
	*dy = (s * xi + c * eta) / cam->scale;
}

static void
distort(const struct camera *cam, double dx, double dy, double shift[2])
{
	double term[DISTORTION_TERMS];

	monomials(dx / cam->half, dy / cam->half, term);
	for (int axis = 0; axis < 2; axis++)
	{
		shift[axis] = 0;
		for (int i = 0; i < DISTORTION_TERMS; i++)
			shift[axis] += cam->distortion[axis][i] * term[i];
	}
}

void
camera_project(const struct camera *cam, double xi, double eta, double *x, double *y)
{
	double dx, dy, shift[2];

	to_ideal(cam, xi, eta, &dx, &dy);
	distort(cam, dx, dy, shift);
	*x = cam->x0 + dx + shift[0];
	*y = cam->y0 + dy + shift[1];
}

/* The distortion's slope is below 0.01, so each round of the fixed-point iteration gains two
 * digits. */
void
camera_unproject(const struct camera *cam, double x, double y, double *xi, double *eta)
{
	const double c = cos(cam->rotation), s = sin(cam->rotation);
	double dx = x - cam->x0, dy = y - cam->y0, shift[2];

	for (int round = 0; round < 5; round++)
	{
		distort(cam, dx, dy, shift);
		dx = x - cam->x0 - shift[0];
		dy = y - cam->y0 - shift[1];
	}
	*xi = cam->scale * (-c * dx + s * dy);
	*eta = cam->scale * (s * dx + c * dy);
}

void
camera_jacobian(const struct camera *cam, double xi, double eta, double jacobian[2][2])
{
	const double h =
		cam->scale; /* central differences over two pixels: the distortion is far smoother */
	double lo[2], hi[2];

	for (int j = 0; j < 2; j++)
	{
		const double a = j == 0 ? h : 0, b = j == 1 ? h : 0;

		camera_project(cam, xi - a, eta - b, &lo[0], &lo[1]);
		camera_project(cam, xi + a, eta + b, &hi[0], &hi[1]);
		for (int i = 0; i < 2; i++)
			jacobian[i][j] = (hi[i] - lo[i]) / (2 * h);
	}
}
