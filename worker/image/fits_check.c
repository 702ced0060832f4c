/*
 * The structural keywords of one header, believed only after they were checked: every size that is
 * computed from them is tested for overflow first. SPDX-License-Identifier: PostgreSQL
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "image/fits_file.h"
#include "image/header.h"

#define MAX_INTEGER 9007199254740992.0 /* 2^53: beyond, a double no longer counts in ones */

struct place /* whose header is read, for errors */
{
	const char *uri;
	int hdu;
	const char *cards;
};

static int
bad(const struct place *p, const char *keyword, const char *what)
{
	return astrid_raise(ASTRID_E_BAD_HEADER, p->uri, p->hdu, keyword, "%s %s", keyword, what);
}

/* A mandatory (or with `def` >= 0 optional) whole number that is not negative. */
static int
count_of(const struct place *p, const char *keyword, long long def, long long *value)
{
	double v;

	if (header_card(p->cards, keyword) == NULL && def >= 0)
	{
		*value = def;
		return 0;
	}
	if (header_card(p->cards, keyword) == NULL)
		return bad(p, keyword, "is missing");
	if (!header_number(p->cards, keyword, &v, NULL) || v != floor(v) || fabs(v) > MAX_INTEGER)
		return bad(p, keyword, "is not a whole number");
	if (v < 0)
		return bad(p, keyword, "is negative");
	*value = (long long) v;
	return 0;
}

static int
bitpix_of(const struct place *p, const char *keyword, int *bitpix)
{
	static const int allowed[] = {8, 16, 32, 64, -32, -64};
	double v;

	if (header_card(p->cards, keyword) == NULL)
		return bad(p, keyword, "is missing");
	for (size_t i = 0; header_number(p->cards, keyword, &v, NULL) && i < 6; i++)
		if (v == allowed[i])
		{
			*bitpix = allowed[i];
			return 0;
		}
	return bad(p, keyword, "is none of 8, 16, 32, 64, -32, -64");
}

/* NAXIS and NAXISn; the product of the axes from `first` on (0 without axes). */
static int
axes_of(const struct place *p, const char *prefix, int first, int *naxis, long long *axis,
		long long *product)
{
	char keyword[16];
	long long n;

	snprintf(keyword, sizeof keyword, "%sNAXIS", prefix);
	if (count_of(p, keyword, -1, &n) < 0)
		return -1;
	if (n > 999)
		return bad(p, keyword, "is above 999");
	*naxis = (int) n;
	*product = n > first;
	for (int i = 0; i < *naxis; i++)
	{
		long long length;

		snprintf(keyword, sizeof keyword, "%sNAXIS%d", prefix, i + 1);
		if (count_of(p, keyword, -1, &length) < 0)
			return -1;
		if (i < FITS_MAX_AXES)
			axis[i] = length;
		if (i >= first && __builtin_mul_overflow(*product, length, product))
			return bad(p, keyword, "makes the array larger than 2^63 elements");
	}
	return 0;
}

static int
data_size_of(const struct place *p, struct fits_hdu *hdu, long long product)
{
	long long pcount, gcount, size;

	if (count_of(p, "PCOUNT", 0, &pcount) < 0 || count_of(p, "GCOUNT", 1, &gcount) < 0)
		return -1;
	if (!hdu->groups && hdu->header_at == 0)
		pcount = 0, gcount = 1; /* a plain primary array may carry them without meaning */
	if (__builtin_add_overflow(product, pcount, &size) ||
		__builtin_mul_overflow(size, gcount, &size) ||
		__builtin_mul_overflow(size, (long long) (hdu->bitpix < 0 ? -hdu->bitpix : hdu->bitpix) / 8,
							   &size) ||
		size > (long long) 1 << 60)
		return bad(p, "NAXIS", "and PCOUNT announce more than 2^60 bytes");
	hdu->data_size = size;
	return 0;
}

/* A tile-compressed image (FITS 4.0, section 10.1) says its shape twice: as an image, and by the
 * number of its tiles. */
static int
check_compressed(const struct place *p, struct fits_hdu *hdu)
{
	long long rows = hdu->axis[1], tiles = 1, product;
	char keyword[16];

	hdu->compressed = true;
	if (!header_string(p->cards, "ZCMPTYPE", hdu->compression, sizeof hdu->compression))
		return bad(p, "ZCMPTYPE", "is missing");
	if (bitpix_of(p, "ZBITPIX", &hdu->bitpix) < 0 ||
		axes_of(p, "Z", 0, &hdu->naxis, hdu->axis, &product) < 0)
		return -1;
	for (int i = 0; i < hdu->naxis && i < FITS_MAX_AXES; i++)
	{
		long long tile;

		snprintf(keyword, sizeof keyword, "ZTILE%d", i + 1);
		if (count_of(p, keyword, i == 0 ? hdu->axis[0] : 1, &tile) < 0)
			return -1;
		if (tile < 1 || tile > hdu->axis[i])
			return bad(p, keyword, "does not fit in its axis");
		/* no overflow: at most the product of the axes, which axes_of() checked */
		tiles *= (hdu->axis[i] + tile - 1) / tile;
	}
	if (tiles != rows)
		return bad(p, "NAXIS2", "is not the number of tiles");
	return 0;
}

int
fits_check_hdu(const char *uri, int index, struct fits_hdu *hdu)
{
	struct place p = {uri, index, hdu->cards};
	char type[72] = "";
	bool flag = false;
	long long product;

	if (index == 0 && (!header_logical(p.cards, "SIMPLE", &flag)))
		return bad(&p, "SIMPLE", "is neither T nor F");
	if (bitpix_of(&p, "BITPIX", &hdu->bitpix) < 0 ||
		axes_of(&p, "", 0, &hdu->naxis, hdu->axis, &product) < 0)
		return -1;
	hdu->groups = index == 0 && hdu->naxis > 0 && hdu->axis[0] == 0 &&
				  header_logical(p.cards, "GROUPS", &flag) && flag;
	if (hdu->groups && axes_of(&p, "", 1, &hdu->naxis, hdu->axis, &product) < 0)
		return -1;
	if (data_size_of(&p, hdu, product) < 0)
		return -1;
	header_string(p.cards, "EXTNAME", hdu->extname, sizeof hdu->extname);
	header_string(p.cards, "XTENSION", type, sizeof type);
	hdu->image = !hdu->groups && (index == 0 || strcmp(type, "IMAGE") == 0);
	if (strcmp(type, "BINTABLE") == 0 && header_logical(p.cards, "ZIMAGE", &flag) && flag)
	{
		hdu->image = true;
		return check_compressed(&p, hdu);
	}
	return 0;
}
