/*
 * See wcs.h. A struct wcs is wcslib's parameters beside the cards that they came from. Frames other
 * than ICRS are turned by ERFA: Galactic (Liu, Zhu & Zhang 2011), FK4 (Yallop et al. 1989, without
 * proper motion), FK5 of another equinox (Lieske et al. 1977). FK5 J2000 is taken for ICRS, which
 * is right to 25 mas. SPDX-License-Identifier: PostgreSQL
 */
#include "image/wcs.h"

#include <erfa.h>
#include <erfam.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wcslib/wcs.h>
#include <wcslib/wcsfix.h>
#include <wcslib/wcshdr.h>

#include "core/err.h"
#include "image/header.h"
#include "image/wcs_internal.h"

enum sky_frame
{
	FRAME_ICRS,
	FRAME_GALACTIC,
	FRAME_FK4,
	FRAME_FK5
};

struct wcs
{
	struct wcsprm prm;
	struct card_list cards;
	enum sky_frame frame;
	double precession[3][3]; /* FRAME_FK5: from J2000 to the equinox */
};

/* ---- making ---- */

static struct wcs *
bad_wcs(struct wcs *w, const char *why)
{
	wcs_free(w);
	err_raise(ASTRID_E_BAD_WCS, "%s", why);
	return NULL;
}

/* wcspih counts 2 axes where NAXIS is absent only if some keyword says so; NAXIS says so. */
static int
parse(struct wcs *w)
{
	struct card_list all = {0};
	struct wcsprm *parsed = NULL;
	int n_rejected, n_wcs = 0, status = 1;

	if (cards_add_number(&all, "NAXIS", 2) == 0)
	{
		status = 0;
		for (size_t i = 0; i < w->cards.n && status == 0; i++)
			status = cards_add(&all, w->cards.text + i * CARD);
	}
	if (status == 0)
		status = wcspih(all.text, (int) all.n, WCSHDR_all, 0, &n_rejected, &n_wcs, &parsed);
	free(all.text);
	if (status == 0 && n_wcs > 0)
	{
		w->prm.flag = -1;
		status = wcssub(1, &parsed[0], NULL, NULL, &w->prm);
	}
	else if (status == 0)
		status = -1;
	wcsvfree(&n_wcs, &parsed);
	return status;
}

static enum sky_frame
frame_of(const struct wcsprm *prm)
{
	if (strncmp(prm->lngtyp, "GLON", 4) == 0)
		return FRAME_GALACTIC;
	if (strncmp(prm->radesys, "FK4", 3) == 0 ||
		(prm->radesys[0] == '\0' && prm->equinox > 0 && prm->equinox < 1984))
		return FRAME_FK4;
	if (strncmp(prm->radesys, "ICRS", 4) != 0 && prm->equinox > 0 && prm->equinox != 2000)
		return FRAME_FK5;
	return FRAME_ICRS;
}

static struct wcs *
from_cards(struct wcs *w)
{
	int fixed[NWCSFIX], status = parse(w);

	if (status != 0)
		return bad_wcs(w, status > 0 ? wcshdr_errmsg[status] : "no world coordinates");
	wcsfix(7, NULL, &w->prm, fixed);
	status = wcsset(&w->prm);
	if (status != 0)
		return bad_wcs(w, wcs_errmsg[status]);
	if (w->prm.lng < 0 || w->prm.lat < 0 || w->prm.lng > 1 || w->prm.lat > 1 || w->prm.naxis != 2)
		return bad_wcs(w, "the first two axes are not a pair of celestial axes");
	if (strncmp(w->prm.lngtyp, "RA", 2) != 0 && strncmp(w->prm.lngtyp, "GLON", 4) != 0)
		return bad_wcs(w, "coordinates are neither equatorial nor Galactic");
	w->frame = frame_of(&w->prm);
	if (w->frame == FRAME_FK5)
		eraPmat76(2451545.0, (w->prm.equinox - 2000) * 365.25, w->precession);
	return w;
}

static struct wcs *
wcs_new(void)
{
	struct wcs *w = calloc(1, sizeof *w);

	if (w == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory for world coordinates");
	else
		w->prm.flag = -1;
	return w;
}

/* A longitude and a latitude axis of equal projection: anything else is no celestial image. */
static bool
is_celestial(const char *cards)
{
	char type[2][72] = {"", ""}, dss[72];

	if (header_string(cards, "PLTRAH", dss, sizeof dss) &&
		header_string(cards, "AMDX1", dss, sizeof dss))
		return true;
	header_string(cards, "CTYPE1", type[0], sizeof type[0]);
	header_string(cards, "CTYPE2", type[1], sizeof type[1]);
	return strlen(type[0]) >= 8 && strlen(type[1]) >= 8 && strcmp(type[0] + 4, type[1] + 4) == 0 &&
		   type[0][4] == '-';
}

struct wcs *
wcs_from_header(const char *cards, int n_cards)
{
	struct wcs *w;

	err_clear(); /* an unset error is part of the answer */
	if (!is_celestial(cards) || (w = wcs_new()) == NULL)
		return NULL;
	if (wcs_cards_select(cards, n_cards, &w->cards) < 0)
	{
		wcs_free(w);
		return NULL;
	}
	return from_cards(w);
}

struct wcs *
wcs_tan(double ra, double dec, double x0, double y0, double scale, double rotation, int parity)
{
	const double deg = scale / 3600, c = cos(rotation * ERFA_DD2R), s = sin(rotation * ERFA_DD2R);
	const double xi = parity < 0 ? -deg : deg; /* East of one step along +x at rotation 0 */
	const struct
	{
		const char *keyword;
		double value;
	} numbers[] = {{"CRVAL1", ra},    {"CRVAL2", dec},    {"CRPIX1", x0 + 1}, {"CRPIX2", y0 + 1},
				   {"CD1_1", xi * c}, {"CD1_2", deg * s}, {"CD2_1", -xi * s}, {"CD2_2", deg * c}};
	struct wcs *w = wcs_new();
	int status;

	if (w == NULL)
		return NULL;
	status = cards_add_text(&w->cards, "CTYPE1", "RA---TAN") == 0 &&
					 cards_add_text(&w->cards, "CTYPE2", "DEC--TAN") == 0 &&
					 cards_add_text(&w->cards, "RADESYS", "ICRS") == 0
				 ? 0
				 : -1;
	for (size_t i = 0; status == 0 && i < sizeof numbers / sizeof numbers[0]; i++)
		status = cards_add_number(&w->cards, numbers[i].keyword, numbers[i].value);
	if (status == 0)
		return from_cards(w);
	wcs_free(w);
	return NULL;
}

static struct wcs *
from_list(struct card_list *list)
{
	struct wcs *w = wcs_new();

	if (w == NULL)
	{
		free(list->text);
		return NULL;
	}
	w->cards = *list;
	return from_cards(w);
}

struct wcs *
wcs_copy(const struct wcs *w)
{
	struct card_list list = {0};

	for (size_t i = 0; i < w->cards.n; i++)
		if (cards_add(&list, w->cards.text + i * CARD) < 0)
		{
			free(list.text);
			return NULL;
		}
	return from_list(&list);
}

/* The linear transformation in whichever of CD, PC + CDELT or CROTA the header had it. */
static void
linear_part(const struct wcs *w, double crpix[2], double cd[2][2])
{
	const struct wcsprm *prm = &w->prm;

	for (int i = 0; i < 2; i++)
	{
		crpix[i] = prm->crpix[i];
		for (int j = 0; j < 2; j++)
			cd[i][j] = prm->cdelt[i] * prm->pc[2 * i + j];
	}
}

struct wcs *
wcs_refine(const struct wcs *w, const double a[3], const double b[3])
{
	struct card_list list = {0};
	double crpix[2], cd[2][2];

	if (header_card(w->cards.text, "PLTRAH") != NULL)
	{
		err_raise(ASTRID_E_BAD_WCS, "a plate solution (DSS) cannot be refined");
		return NULL;
	}
	linear_part(w, crpix, cd);
	if (wcs_cards_refine(w->cards.text, crpix, cd, a, b, &list) == 0)
		return from_list(&list);
	free(list.text);
	return NULL;
}

void
wcs_free(struct wcs *w)
{
	if (w == NULL)
		return;
	wcsfree(&w->prm);
	free(w->cards.text);
	free(w);
}

/* ---- frames ---- */

static void
to_icrs(const struct wcs *w, double *ra, double *dec)
{
	double lon = *ra * ERFA_DD2R, lat = *dec * ERFA_DD2R, p[3];

	switch (w->frame)
	{
		case FRAME_ICRS:
			break;
		case FRAME_GALACTIC:
			eraG2icrs(lon, lat, &lon, &lat);
			break;
		case FRAME_FK4:
			eraFk45z(lon, lat, 1950.0, &lon, &lat);
			break;
		case FRAME_FK5:
			eraS2c(lon, lat, p);
			eraTrxp((double(*)[3]) w->precession, p, p);
			eraC2s(p, &lon, &lat);
			break;
	}
	*ra = eraAnp(lon) * ERFA_DR2D;
	*dec = lat * ERFA_DR2D;
}

static void
from_icrs(const struct wcs *w, double *ra, double *dec)
{
	double lon = *ra * ERFA_DD2R, lat = *dec * ERFA_DD2R, p[3], pm_ra, pm_dec;

	switch (w->frame)
	{
		case FRAME_ICRS:
			return;
		case FRAME_GALACTIC:
			eraIcrs2g(lon, lat, &lon, &lat);
			break;
		case FRAME_FK4:
			eraFk54z(lon, lat, 1950.0, &lon, &lat, &pm_ra, &pm_dec);
			break;
		case FRAME_FK5:
			eraS2c(lon, lat, p);
			eraRxp((double(*)[3]) w->precession, p, p);
			eraC2s(p, &lon, &lat);
			break;
	}
	*ra = lon * ERFA_DR2D;
	*dec = lat * ERFA_DR2D;
}

/* ---- use ---- */

int
wcs_pix2sky(struct wcs *w, double x, double y, double *ra, double *dec)
{
	double pix[2] = {x + 1, y + 1}, img[2], phi, theta, world[2];
	int stat[2];

	if (wcsp2s(&w->prm, 1, 2, pix, img, &phi, &theta, world, stat) != 0)
		return -1;
	*ra = world[w->prm.lng];
	*dec = world[w->prm.lat];
	if (!isfinite(*ra) || !isfinite(*dec))
		return -1;
	to_icrs(w, ra, dec);
	return 0;
}

int
wcs_sky2pix(struct wcs *w, double ra, double dec, double *x, double *y)
{
	double world[2], pix[2], img[2], phi, theta;
	int stat[2];

	from_icrs(w, &ra, &dec);
	world[w->prm.lng] = ra;
	world[w->prm.lat] = dec;
	if (wcss2p(&w->prm, 1, 2, world, &phi, &theta, img, pix, stat) != 0)
		return -1;
	*x = pix[0] - 1;
	*y = pix[1] - 1;
	return isfinite(*x) && isfinite(*y) ? 0 : -1;
}

/* Partial derivatives of the tangent-plane offset (East, North, deg) to the pixel, by central
 * differences of one pixel. */
static int
jacobian(struct wcs *w, double x, double y, double j[2][2])
{
	static const double step[2][2] = {{0.5, 0}, {0, 0.5}};

	for (int k = 0; k < 2; k++)
	{
		double ra[2], dec[2], dra;

		if (wcs_pix2sky(w, x - step[k][0], y - step[k][1], &ra[0], &dec[0]) < 0 ||
			wcs_pix2sky(w, x + step[k][0], y + step[k][1], &ra[1], &dec[1]) < 0)
			return -1;
		dra = remainder(ra[1] - ra[0], 360);
		j[0][k] = dra * cos((dec[0] + dec[1]) / 2 * ERFA_DD2R);
		j[1][k] = dec[1] - dec[0];
	}
	return 0;
}

double
wcs_pixel_scale(struct wcs *w, double x, double y)
{
	double j[2][2];

	if (jacobian(w, x, y, j) < 0)
		return NAN;
	return 3600 * sqrt(fabs(j[0][0] * j[1][1] - j[0][1] * j[1][0]));
}

int
wcs_parity(struct wcs *w)
{
	double j[2][2];

	/* at the reference pixel, where every projection is defined */
	if (jacobian(w, w->prm.crpix[0] - 1, w->prm.crpix[1] - 1, j) < 0)
		return 0;
	return j[0][0] * j[1][1] - j[0][1] * j[1][0] < 0 ? -1 : 1;
}

int
wcs_footprint(struct wcs *w, int width, int height, double corners[4][2])
{
	const double x[4] = {-0.5, width - 0.5, width - 0.5, -0.5};
	const double y[4] = {-0.5, -0.5, height - 0.5, height - 0.5};

	for (int i = 0; i < 4; i++)
		if (wcs_pix2sky(w, x[i], y[i], &corners[i][0], &corners[i][1]) < 0)
			return -1;
	return 0;
}

char *
wcs_to_header(const struct wcs *w, int *n_cards)
{
	char *text = malloc(w->cards.n * CARD + 1);

	if (text == NULL)
	{
		err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu cards", w->cards.n);
		return NULL;
	}
	memcpy(text, w->cards.text, w->cards.n * CARD + 1);
	*n_cards = (int) w->cards.n;
	return text;
}
