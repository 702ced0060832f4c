/* Shared by wcs.c and wcs_cards.c. SPDX-License-Identifier: PostgreSQL */
#ifndef IMAGE_WCS_INTERNAL_H
#define IMAGE_WCS_INTERNAL_H

#include <stddef.h>

/* Cards in the making. */
struct card_list
{
	char *text;
	size_t n, capacity; /* cards */
};

int cards_add(struct card_list *list, const char *card80);
int cards_add_number(struct card_list *list, const char *keyword, double value);
int cards_add_text(struct card_list *list, const char *keyword, const char *value);

/* The cards of a header that describe its first two world axes, with the PV/SIP rule applied. */
int wcs_cards_select(const char *cards, int n_cards, struct card_list *out);

/* The cards of `w` seen through the affine map p = (a0 + a1 x + a2 y, b0 + b1 x + b2 y) of 0-based
 * pixels. crpix and cd are those of w. */
int wcs_cards_refine(const char *cards, const double crpix[2], const double cd[2][2],
					 const double a[3], const double b[3], struct card_list *out);

#endif
