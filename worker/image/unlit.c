/*
 * planes_mask_unlit(): where no light falls on the detector. A field stop or a filter smaller than
 * the detector leaves corners dark, with a penumbra and often a bright ring of scattered light;
 * cameras add columns and rows beside the light. Seen in the sky level: medians of small blocks, as
 * a ratio to the typical block. Dark blocks that touch the edge are unlit; from them the region
 * grows over blocks whose sky is off, dark or bright. Without dark blocks nothing grows, so
 * gradients and nebulae are left alone. SPDX-License-Identifier: PostgreSQL
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "image/header.h"
#include "image/planes.h"
#include "image/stats.h"

#define BLOCK         4
#define DARK          0.5f  /* of the typical sky: no light */
#define OFF           0.04f /* deviation of the sky that counts as penumbra or ring */
#define RING_BLOCKS   20    /* how far from the dark it may reach */
#define SMOOTH_BLOCKS 2     /* radius of the median that takes stars out of the block map */
#define MIN_SKY_SIGMA 8.0   /* with less sky than that, dark and lit cannot be told apart */
#define LIT_SHARE                                                                                  \
	0.8 /* a line is dark where even this quantile of it is: corners cut others short */
#define EDGE_LINES 16 /* rows and columns tested one by one at each edge */

struct map /* of blocks */
{
	int w, h;
	float *ratio, *smooth;
	unsigned char *unlit; /* 1 + distance in blocks to the dark */
};

static bool
usable(const struct image *im, size_t i)
{
	return !(im->mask[i] & (MASK_NO_DATA | MASK_BAD)) && isfinite(im->sci[i]);
}

static float
block_median(const struct image *im, int bx, int by)
{
	float v[BLOCK * BLOCK];
	size_t n = 0;

	for (int y = by * BLOCK; y < (by + 1) * BLOCK && y < im->height; y++)
		for (int x = bx * BLOCK; x < (bx + 1) * BLOCK && x < im->width; x++)
		{
			size_t i = (size_t) y * (size_t) im->width + (size_t) x;

			if (usable(im, i))
				v[n++] = im->sci[i];
		}
	return stats_median_f(v, n);
}

static size_t
at(const struct map *m, int x, int y)
{
	return (size_t) y * (size_t) m->w + (size_t) x;
}

static void
smooth_map(struct map *m)
{
	const int r = SMOOTH_BLOCKS;

	for (int y = 0; y < m->h; y++)
		for (int x = 0; x < m->w; x++)
		{
			float v[(2 * SMOOTH_BLOCKS + 1) * (2 * SMOOTH_BLOCKS + 1)];
			size_t n = 0;

			for (int j = y - r < 0 ? 0 : y - r; j <= y + r && j < m->h; j++)
				for (int i = x - r < 0 ? 0 : x - r; i <= x + r && i < m->w; i++)
					if (isfinite(m->ratio[at(m, i, j)]))
						v[n++] = m->ratio[at(m, i, j)];
			m->smooth[at(m, x, y)] = n > 0 ? stats_median_f(v, n) : 1;
		}
}

/* The typical sky and the noise of a block's median: 0, or -1 where there is too little sky to
 * tell. */
static int
typical_level(const struct map *m, double *level)
{
	size_t n = 0;
	double *v = malloc((size_t) m->w * (size_t) m->h * sizeof *v), sigma;

	if (v == NULL)
		return -1;
	for (size_t i = 0; i < (size_t) m->w * (size_t) m->h; i++)
		if (isfinite(m->ratio[i]))
			v[n++] = m->ratio[i];
	*level = stats_median(v, n);
	sigma = stats_mad(v, n, *level);
	free(v);
	/* a block's median is noisier than a mean by 1.25, and BLOCK times less noisy than a pixel */
	return n > 0 && *level > MIN_SKY_SIGMA * sigma * BLOCK / 1.25 ? 0 : -1;
}

/* Flood from the edge over dark blocks. The stack holds each block at most once. */
static size_t
flood_dark(struct map *m, int *stack)
{
	size_t n = 0, found = 0;

	for (int y = 0; y < m->h; y++)
		for (int x = 0; x < m->w; x++)
			if ((x == 0 || y == 0 || x == m->w - 1 || y == m->h - 1) &&
				m->ratio[at(m, x, y)] < DARK)
			{
				m->unlit[at(m, x, y)] = 1;
				stack[n++] = (int) at(m, x, y);
			}
	while (n > 0)
	{
		int b = stack[--n], x = b % m->w, y = b / m->w;

		found++;
		for (int j = y - 1; j <= y + 1; j++)
			for (int i = x - 1; i <= x + 1; i++)
				if (i >= 0 && i < m->w && j >= 0 && j < m->h && !m->unlit[at(m, i, j)] &&
					m->ratio[at(m, i, j)] < DARK)
				{
					m->unlit[at(m, i, j)] = 1;
					stack[n++] = (int) at(m, i, j);
				}
	}
	return found;
}

static bool
touches(const struct map *m, int x, int y, int distance)
{
	for (int j = y - 1; j <= y + 1; j++)
		for (int i = x - 1; i <= x + 1; i++)
			if (i >= 0 && i < m->w && j >= 0 && j < m->h && m->unlit[at(m, i, j)] == distance)
				return true;
	return false;
}

/* Penumbra and ring, one block further at a time; the last step takes the border blocks, which are
 * half lit. */
static void
grow_ring(struct map *m)
{
	int d = 1;

	for (bool grown = true; grown && d <= RING_BLOCKS; d++)
	{
		grown = false;
		for (int y = 0; y < m->h; y++)
			for (int x = 0; x < m->w; x++)
				if (!m->unlit[at(m, x, y)] && fabsf(m->smooth[at(m, x, y)] - 1) > OFF &&
					touches(m, x, y, d))
				{
					m->unlit[at(m, x, y)] = (unsigned char) (d + 1);
					grown = true;
				}
	}
	for (int y = 0; y < m->h; y++)
		for (int x = 0; x < m->w; x++)
			for (int k = 1; k <= d && !m->unlit[at(m, x, y)]; k++)
				if (touches(m, x, y, k))
					m->unlit[at(m, x, y)] = 255;
}

static void
apply(struct image *im, const struct map *m)
{
	for (int y = 0; y < im->height; y++)
		for (int x = 0; x < im->width; x++)
			if (m->unlit[at(m, x / BLOCK, y / BLOCK)])
				im->mask[(size_t) y * (size_t) im->width + (size_t) x] |= MASK_NO_DATA;
}

/* ---- rows and columns at the edges ---- */

static float
line_brightness(const struct image *im, bool column, int line, double *v)
{
	int length = column ? im->height : im->width;
	size_t n = 0;

	for (int k = 0; k < length; k++)
	{
		size_t i = column ? (size_t) k * (size_t) im->width + (size_t) line
						  : (size_t) line * (size_t) im->width + (size_t) k;

		if (usable(im, i))
			v[n++] = im->sci[i];
	}
	return (float) stats_quantile(v, n, LIT_SHARE);
}

static void
mask_line(struct image *im, bool column, int line)
{
	int length = column ? im->height : im->width;

	for (int k = 0; k < length; k++)
		im->mask[column ? (size_t) k * (size_t) im->width + (size_t) line
						: (size_t) line * (size_t) im->width + (size_t) k] |= MASK_NO_DATA;
}

/* From each edge inwards to the innermost line of the first EDGE_LINES that is dark. */
static int
mask_edge_lines(struct image *im, float level)
{
	double *v = malloc((size_t) (im->width > im->height ? im->width : im->height) * sizeof *v);
	int masked = 0;

	for (int side = 0; v != NULL && side < 4; side++)
	{
		bool column = side < 2;
		int length = column ? im->width : im->height, depth = 0;

		for (int k = 0; k < EDGE_LINES && k < length / 4; k++)
			if (line_brightness(im, column, side % 2 == 0 ? k : length - 1 - k, v) < DARK * level)
				depth = k + 1;
		for (int k = 0; k < depth; k++)
			mask_line(im, column, side % 2 == 0 ? k : length - 1 - k);
		masked += depth;
	}
	free(v);
	return masked;
}

/* ---- */

static int
search(struct image *im, struct frame_notes *notes)
{
	struct map m = {.w = (im->width + BLOCK - 1) / BLOCK, .h = (im->height + BLOCK - 1) / BLOCK};
	size_t n = (size_t) m.w * (size_t) m.h;
	int *stack = malloc(n * sizeof *stack), status = -1;
	double level;

	m.ratio = malloc(n * sizeof *m.ratio);
	m.smooth = malloc(n * sizeof *m.smooth);
	m.unlit = calloc(n, 1);
	if (m.ratio == NULL || m.smooth == NULL || m.unlit == NULL || stack == NULL)
		err_raise(ASTRID_E_NO_MEMORY, "no memory to look for unlit pixels");
	else
	{
		status = 0;
		for (int y = 0; y < m.h; y++)
			for (int x = 0; x < m.w; x++)
				m.ratio[at(&m, x, y)] = block_median(im, x, y);
		if (typical_level(&m, &level) == 0)
		{
			int lines = mask_edge_lines(im, (float) level);
			size_t dark;

			for (size_t i = 0; i < n; i++)
				m.ratio[i] /= (float) level;
			dark = flood_dark(&m, stack);
			smooth_map(&m);
			if (dark > 0)
				grow_ring(&m);
			apply(im, &m);
			if (dark > 0 || lines > 0)
				note_add(notes, "unlit: %d edge rows and columns, %.1f %% of the area", lines,
						 100.0 * (double) dark / (double) n);
		}
	}
	free(m.ratio);
	free(m.smooth);
	free(m.unlit);
	free(stack);
	return status;
}

static int
given(struct image *im, const json_t *lit_area)
{
	double x0, y0, x1, y1, r;
	int circle = json_unpack((json_t *) lit_area, "{s:[F,F,F]}", "circle", &x0, &y0, &r);
	int box = json_unpack((json_t *) lit_area, "{s:[F,F,F,F]}", "box", &x0, &y0, &x1, &y1);

	if (circle != 0 && box != 0)
		return err_raise(ASTRID_E_BAD_PARAMETER,
						 "lit_area is none of \"auto\", \"all\", {\"circle\": [x, y, r]}, "
						 "{\"box\": [x0, y0, x1, y1]}");
	for (int y = 0; y < im->height; y++)
		for (int x = 0; x < im->width; x++)
			if (circle == 0 ? hypot(x - x0, y - y0) > r : x < x0 || x > x1 || y < y0 || y > y1)
				im->mask[(size_t) y * (size_t) im->width + (size_t) x] |= MASK_NO_DATA;
	return 0;
}

int
planes_mask_unlit(struct image *im, const json_t *lit_area, struct frame_notes *notes)
{
	const char *word = json_string_value(lit_area);

	if (lit_area == NULL || json_is_null(lit_area) || (word != NULL && strcmp(word, "auto") == 0))
		return search(im, notes);
	if (word != NULL && strcmp(word, "all") == 0)
		return 0;
	return given(im, lit_area);
}
