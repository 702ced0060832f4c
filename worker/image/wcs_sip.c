/*
 * See wcs_sip.h. Used where a registration found distortion that the header's own WCS lacks, so
 * that no affine correction of that WCS can hold it. SPDX-License-Identifier: PostgreSQL
 */
#include "image/wcs_sip.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "image/transform.h"

#define SAMPLES   13 /* per axis */
#define ORDER     3
#define MAX_CARDS 40
#define CARD      80
#define DEGREE    (M_PI / 180)

struct cards
{
	char text[MAX_CARDS * CARD + 1];
	int n;
};

static void
add_card(struct cards *c, const char *keyword, const char *value)
{
	char *card = c->text + c->n * CARD;
	int length = snprintf(card, CARD + 1, "%-8s= %s", keyword, value);

	memset(card + length, ' ', (size_t) (CARD - length));
	c->n++;
}

static void
add_number(struct cards *c, const char *keyword, double value)
{
	char text[32];

	snprintf(text, sizeof text, "%20.13E", value);
	add_card(c, keyword, text);
}

static void
add_text(struct cards *c, const char *keyword, const char *value)
{
	char text[32];

	snprintf(text, sizeof text, "'%-8.20s'", value);
	add_card(c, keyword, text);
}

/* Gnomonic projection about (ra0, dec0): Calabretta & Greisen 2002 A&A 395 1077, section 5.1.3;
 * degrees. */
static int
gnomonic(double ra0, double dec0, double ra, double dec, double *xi, double *eta)
{
	double da = (ra - ra0) * DEGREE, s0 = sin(dec0 * DEGREE), c0 = cos(dec0 * DEGREE);
	double s = sin(dec * DEGREE), c = cos(dec * DEGREE), d = s0 * s + c0 * c * cos(da);

	if (d <= 0.01)
		return -1;
	*xi = c * sin(da) / d / DEGREE;
	*eta = (c0 * s - s0 * c * cos(da)) / d / DEGREE;
	return 0;
}

static size_t
sample(wcs_sky_map sky, void *arg, int width, int height, double ra0, double dec0,
	   struct star_pair *pairs)
{
	size_t n = 0;

	for (int j = 0; j < SAMPLES; j++)
		for (int i = 0; i < SAMPLES; i++)
		{
			struct star_pair *p = &pairs[n];
			double ra, dec;

			*p = (struct star_pair){.x = (width - 1.0) * i / (SAMPLES - 1),
									.y = (height - 1.0) * j / (SAMPLES - 1),
									.sigma = 1};
			if (sky(arg, p->x, p->y, &ra, &dec) == 0 &&
				gnomonic(ra0, dec0, ra, dec, &p->u, &p->v) == 0)
				n++;
		}
	return n;
}

/* Keywords A_i_j and B_i_j: the terms above the linear ones, in pixels, i.e. through the inverse of
 * CD. */
static void
add_distortion(struct cards *c, const struct transform *t, const double cd[4])
{
	double det = cd[0] * cd[3] - cd[1] * cd[2];
	char keyword[16];
	int k = 3;

	add_number(c, "A_ORDER", ORDER);
	add_number(c, "B_ORDER", ORDER);
	for (int degree = 2; degree <= ORDER; degree++)
		for (int j = 0; j <= degree; j++, k++)
		{
			double unit = pow(t->scale, degree), xi = t->a[k] / unit, eta = t->b[k] / unit;

			snprintf(keyword, sizeof keyword, "A_%d_%d", degree - j, j);
			add_number(c, keyword, (cd[3] * xi - cd[1] * eta) / det);
			snprintf(keyword, sizeof keyword, "B_%d_%d", degree - j, j);
			add_number(c, keyword, (cd[0] * eta - cd[2] * xi) / det);
		}
}

static void
add_linear(struct cards *c, const struct transform *t, double ra0, double dec0, const double cd[4])
{
	double det = cd[0] * cd[3] - cd[1] * cd[2];
	/* The fit's constant is far below a pixel: the reference pixel takes it up. */
	double dx = -(cd[3] * t->a[0] - cd[1] * t->b[0]) / det;
	double dy = -(cd[0] * t->b[0] - cd[2] * t->a[0]) / det;

	add_text(c, "CTYPE1", "RA---TAN-SIP");
	add_text(c, "CTYPE2", "DEC--TAN-SIP");
	add_text(c, "CUNIT1", "deg");
	add_text(c, "CUNIT2", "deg");
	add_text(c, "RADESYS", "ICRS");
	add_number(c, "CRVAL1", ra0);
	add_number(c, "CRVAL2", dec0);
	add_number(c, "CRPIX1", t->x0 + dx + 1);
	add_number(c, "CRPIX2", t->y0 + dy + 1);
	add_number(c, "CD1_1", cd[0]);
	add_number(c, "CD1_2", cd[1]);
	add_number(c, "CD2_1", cd[2]);
	add_number(c, "CD2_2", cd[3]);
}

struct wcs *
wcs_fit_sip(wcs_sky_map sky, void *arg, int width, int height)
{
	struct star_pair pairs[SAMPLES * SAMPLES + 1];
	struct cards c = {.n = 0};
	struct transform t;
	struct wcs *w;
	double ra0, dec0, cd[4];
	size_t n;

	if (sky(arg, (width - 1) / 2.0, (height - 1) / 2.0, &ra0, &dec0) < 0)
	{
		err_raise(ASTRID_E_BAD_WCS, "the image's centre has no place on the sky");
		return NULL;
	}
	n = sample(sky, arg, width, height, ra0, dec0, pairs);
	if (transform_fit(pairs, n, ORDER, &t) < 0)
		return NULL;
	cd[0] = t.a[1] / t.scale;
	cd[1] = t.a[2] / t.scale;
	cd[2] = t.b[1] / t.scale;
	cd[3] = t.b[2] / t.scale;
	add_linear(&c, &t, ra0, dec0, cd);
	add_distortion(&c, &t, cd);
	w = wcs_from_header(c.text, c.n);
	if (w == NULL && !err_is_set())
		err_raise(ASTRID_E_INTERNAL, "the fitted WCS was not understood");
	return w;
}
