/*
 * World coordinates as header cards: which cards count, the PV/SIP rule, and a change of the pixel
 * grid written back into them. A struct wcs is its cards, so that what is computed with and what is
 * written are one thing.
 *
 * The PV/SIP rule (SCAMP's TAN with PV terms came before TPV was registered; SIP: Shupe et al.
 * 2005): -TAN-SIP keeps SIP and drops PVi_j with j >= 5; -TAN with any j >= 5 is TPV and has no
 * SIP; others stay as they are. SPDX-License-Identifier: PostgreSQL
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/header.h"
#include "image/wcs_internal.h"

#define SIP_MAX_ORDER 9

/* ---- lists of cards ---- */

int
cards_add(struct card_list *list, const char *card80)
{
	if (list->n + 1 >= list->capacity)
	{
		size_t capacity = list->capacity * 2 + 32;
		char *text = realloc(list->text, capacity * CARD + 1);

		if (text == NULL)
			return err_raise(ASTRID_E_NO_MEMORY, "no memory for %zu cards", capacity);
		list->text = text;
		list->capacity = capacity;
	}
	memcpy(list->text + list->n++ * CARD, card80, CARD);
	list->text[list->n * CARD] = '\0';
	return 0;
}

static int
add_formatted(struct card_list *list, const char *card)
{
	char padded[CARD + 1];

	snprintf(padded, sizeof padded, "%-80.80s", card);
	return cards_add(list, padded);
}

int
cards_add_number(struct card_list *list, const char *keyword, double value)
{
	char card[CARD + 1];

	snprintf(card, sizeof card, "%-8.8s= %20.15G", keyword, value);
	return add_formatted(list, card);
}

int
cards_add_text(struct card_list *list, const char *keyword, const char *value)
{
	char card[CARD + 1];

	snprintf(card, sizeof card, "%-8.8s= '%-8.60s'", keyword, value);
	return add_formatted(list, card);
}

/* ---- selection ---- */

/* Keywords that describe world axes 1 and 2 of the primary description; # is an axis number, *
 * digits. */
static const char *const wcs_keywords[] = {
	"WCSAXES",  "CTYPE#",   "CRVAL#",   "CRPIX#",  "CDELT#",  "CUNIT#",   "CROTA#",
	"CD#_#",    "PC#_#",    "PV#_*",    "PS#_*",   "LONPOLE", "LATPOLE",  "RADESYS",
	"RADECSYS", "EQUINOX",  "EPOCH",    "A_ORDER", "B_ORDER", "AP_ORDER", "BP_ORDER",
	"A_*_*",    "B_*_*",    "AP_*_*",   "BP_*_*",  "WAT#_*",  "WAT0_*",   "PLTRAH",
	"PLTRAM",   "PLTRAS",   "PLTDECSN", "PLTDECD", "PLTDECM", "PLTDECS",  "PLTSCALE",
	"XPIXELSZ", "YPIXELSZ", "CNPIX*",   "PPO*",    "AMDX*",   "AMDY*"};

static bool
matches(const char *keyword, const char *pattern)
{
	for (; *pattern != '\0'; pattern++)
	{
		if (*pattern == '#' ? *keyword != '1' && *keyword != '2'
							: *pattern != '*' && *keyword != *pattern)
			return false;
		if (*pattern == '*')
		{
			size_t digits = strspn(keyword, "0123456789");

			if (digits == 0)
				return false;
			keyword += digits;
		}
		else
			keyword++;
	}
	return *keyword == '\0';
}

static void
keyword_of(const char *card, char keyword[9])
{
	memcpy(keyword, card, 8);
	keyword[8] = '\0';
	keyword[strcspn(keyword, " ")] = '\0';
}

static bool
wanted(const char *keyword)
{
	for (size_t i = 0; i < sizeof wcs_keywords / sizeof wcs_keywords[0]; i++)
		if (matches(keyword, wcs_keywords[i]))
			return true;
	return false;
}

enum distortion
{
	AS_IT_IS,
	SIP,
	TPV
};

static int
highest_pv(const char *cards)
{
	int highest = -1;

	for (const char *card = cards; *card != '\0'; card += CARD)
	{
		int axis, term;

		if (sscanf(card, "PV%1d_%d", &axis, &term) == 2 && (axis == 1 || axis == 2) &&
			term > highest)
			highest = term;
	}
	return highest;
}

static enum distortion
distortion_of(const char *cards)
{
	char type[72] = "";

	header_string(cards, "CTYPE1", type, sizeof type);
	if (strlen(type) >= 12 && strcmp(type + 4, "-TAN-SIP") == 0)
		return SIP;
	if (strlen(type) == 8 && strcmp(type + 4, "-TPV") == 0)
		return TPV;
	return strlen(type) == 8 && strcmp(type + 4, "-TAN") == 0 && highest_pv(cards) >= 5 ? TPV
																						: AS_IT_IS;
}

static bool
is_sip(const char *keyword)
{
	return matches(keyword, "A_*_*") || matches(keyword, "B_*_*") || matches(keyword, "AP_*_*") ||
		   matches(keyword, "BP_*_*") || strstr(keyword, "_ORDER") != NULL;
}

static int
add_selected(struct card_list *out, const char *card, const char *keyword, enum distortion kind)
{
	int axis, term;
	char type[72];

	if (is_sip(keyword) && kind != SIP)
		return 0;
	if (kind == SIP && sscanf(keyword, "PV%1d_%d", &axis, &term) == 2 && term >= 5)
		return 0;
	if (kind == TPV && strncmp(keyword, "CTYPE", 5) == 0 && card_string(card, type, sizeof type) &&
		strlen(type) == 8)
	{
		memcpy(type + 4, "-TPV", 5);
		return cards_add_text(out, keyword, type);
	}
	if (strcmp(keyword, "WCSAXES") == 0)
		return cards_add_number(out, keyword, 2);
	return cards_add(out, card);
}

int
wcs_cards_select(const char *cards, int n_cards, struct card_list *out)
{
	enum distortion kind = distortion_of(cards);

	for (int i = 0; i < n_cards; i++)
	{
		const char *card = cards + (size_t) i * CARD;
		char keyword[9];

		keyword_of(card, keyword);
		if (card[8] == '=' && wanted(keyword) && add_selected(out, card, keyword, kind) < 0)
			return -1;
	}
	return 0;
}

/* ---- another pixel grid ---- */

struct sip /* u' = u + sum A_pq u^p v^q, v' = v + sum B_pq u^p v^q, p + q <= order */
{
	int order;
	double a[SIP_MAX_ORDER + 1][SIP_MAX_ORDER + 1], b[SIP_MAX_ORDER + 1][SIP_MAX_ORDER + 1];
};

static void
read_sip(const char *cards, struct sip *sip)
{
	double order[2] = {0, 0};

	memset(sip, 0, sizeof *sip);
	header_number(cards, "A_ORDER", &order[0], NULL);
	header_number(cards, "B_ORDER", &order[1], NULL);
	sip->order = (int) fmin(fmax(order[0], order[1]), SIP_MAX_ORDER);
	for (int p = 0; p <= sip->order; p++)
		for (int q = 0; p + q <= sip->order; q++)
		{
			char keyword[32];

			snprintf(keyword, sizeof keyword, "A_%d_%d", p, q);
			header_number(cards, keyword, &sip->a[p][q], NULL);
			snprintf(keyword, sizeof keyword, "B_%d_%d", p, q);
			header_number(cards, keyword, &sip->b[p][q], NULL);
		}
}

static double
choose(int n, int k)
{
	double c = 1;

	for (int i = 1; i <= k; i++)
		c = c * (n - k + i) / i;
	return c;
}

/* out += c (m00 u + m01 v)^p (m10 u + m11 v)^q, expanded by the binomial theorem. */
static void
add_expanded(double out[][SIP_MAX_ORDER + 1], double c, const double m[2][2], int p, int q)
{
	for (int i = 0; i <= p; i++)
		for (int j = 0; j <= q; j++)
			out[i + j][p + q - i - j] += c * choose(p, i) * pow(m[0][0], i) * pow(m[0][1], p - i) *
										 choose(q, j) * pow(m[1][0], j) * pow(m[1][1], q - j);
}

/* The polynomial as a map in coordinates w with u = m w: F'(w) = m^-1 F(m w). Same order, exact. */
static void
transform_sip(struct sip *sip, const double m[2][2])
{
	double det = m[0][0] * m[1][1] - m[0][1] * m[1][0];
	struct sip moved = {.order = sip->order};

	for (int p = 0; p <= sip->order; p++)
		for (int q = 0; p + q <= sip->order; q++)
		{
			double a = sip->a[p][q], b = sip->b[p][q];

			add_expanded(moved.a, (m[1][1] * a - m[0][1] * b) / det, m, p, q);
			add_expanded(moved.b, (m[0][0] * b - m[1][0] * a) / det, m, p, q);
		}
	*sip = moved;
}

static int
write_sip(struct card_list *out, const struct sip *sip)
{
	char keyword[32];
	int status = 0;

	for (int axis = 0; axis < 2 && status == 0; axis++)
	{
		char name = axis == 0 ? 'A' : 'B';

		snprintf(keyword, sizeof keyword, "%c_ORDER", name);
		status = cards_add_number(out, keyword, sip->order);
		for (int p = 0; p <= sip->order; p++)
			for (int q = 0; p + q <= sip->order && status == 0; q++)
			{
				double c = axis == 0 ? sip->a[p][q] : sip->b[p][q];

				snprintf(keyword, sizeof keyword, "%c_%d_%d", name, p, q);
				if (c != 0)
					status = cards_add_number(out, keyword, c);
			}
	}
	return status;
}

/* Replaced by refinement: the linear part, and SIP both ways (the inverse is found by iteration).
 */
static bool
is_replaced(const char *keyword)
{
	static const char *const linear[] = {"CRPIX#", "CDELT#", "CROTA#", "CD#_#", "PC#_#"};

	for (size_t i = 0; i < sizeof linear / sizeof linear[0]; i++)
		if (matches(keyword, linear[i]))
			return true;
	return is_sip(keyword);
}

int
wcs_cards_refine(const char *cards, const double crpix[2], const double cd[2][2], const double a[3],
				 const double b[3], struct card_list *out)
{
	const double m[2][2] = {{a[1], a[2]}, {b[1], b[2]}};
	const double det = m[0][0] * m[1][1] - m[0][1] * m[1][0];
	/* where the reference pixel comes from: m p + t = crpix - 1 in 0-based pixels */
	const double dx = crpix[0] - 1 - a[0], dy = crpix[1] - 1 - b[0];
	struct sip sip;
	char keyword[9];
	int status = 0;

	if (!isfinite(det) || det == 0)
		return err_raise(ASTRID_E_BAD_WCS, "the affine map is singular");
	for (const char *card = cards; *card != '\0' && status == 0; card += CARD)
	{
		keyword_of(card, keyword);
		if (!is_replaced(keyword))
			status = cards_add(out, card);
	}
	if (status == 0)
		status = cards_add_number(out, "CRPIX1", (m[1][1] * dx - m[0][1] * dy) / det + 1);
	if (status == 0)
		status = cards_add_number(out, "CRPIX2", (m[0][0] * dy - m[1][0] * dx) / det + 1);
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2 && status == 0; j++)
		{
			snprintf(keyword, sizeof keyword, "CD%d_%d", i + 1, j + 1);
			status = cards_add_number(out, keyword, cd[i][0] * m[0][j] + cd[i][1] * m[1][j]);
		}
	read_sip(cards, &sip);
	if (status < 0 || sip.order <= 0)
		return status;
	transform_sip(&sip, m);
	return write_sip(out, &sip);
}
