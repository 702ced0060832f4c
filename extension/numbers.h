/*
 * Many numbers of a sequence at once. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_NUMBERS_H
#define ASTRID_NUMBERS_H

#include "store.h"

/* The first of n numbers that follow one another. The sequence counts by one and has no end that
 * matters. */
extern int64 numbers_draw(StoreId sequence, int n);

#endif
