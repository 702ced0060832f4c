/*
 * Medians by sorting networks over whole planes: rows then columns ("separable").
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_MEDIAN_H
#define IMAGE_MEDIAN_H

/* out = median along rows of `size` (3, 5, 7 or 9) pixels, then along columns; rows nearer than
 * size / 2 to an edge keep their value, columns so near are filtered along the column only. work:
 * as large as the plane. in, out and work are three planes without NaN. */
void median_separable(const float *in, float *out, float *work, int width, int height, int size);

#endif
