/*
 * Frames from and to FITS files. With wcs.h the only door to cfitsio and wcslib.
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_FITS_H
#define IMAGE_FITS_H

#include <jansson.h>
#include "image/image.h"

enum checksum_policy
{
	CHECKSUM_WARN, /* a wrong sum is noted */
	CHECKSUM_REFUSE,
	CHECKSUM_IGNORE
};

struct frame_request
{
	int hdu;                  /* 0-based; -1: the SCI extension or the first 2-D image */
	int plane;                /* 0-based plane of a cube; -1: a cube is refused */
	const json_t *instrument; /* a row of sky.instruments as JSON (keyword map, gain, ...); NULL:
								 standard names */
	bool need_planes; /* build MASK (saturation, NaN, unlit, dead) and VAR (measured) where the file
						 has none */
	enum checksum_policy checksum;
};

#define FRAME_MAX_NOTES 24
struct frame_notes /* what was odd about a file and yet read */
{
	int n;
	char text[FRAME_MAX_NOTES][160];
};

struct frame_info
{
	int hdu, plane; /* what was read */
	int n_hdu;
	int bitpix;
	char compression[16]; /* "" or ZCMPTYPE */
	bool checksum_present;
	char checksum[12]; /* "", "good" or "wrong" */
	char binning[16];  /* "2x2" or "" */
	char imagetyp[72]; /* the header's own word */
	struct frame_notes notes;
};

/* Read one image with everything around it. Validates structure, sizes and checksums before
 * allocating. 0 or -1. */
int frame_read(const char *uri, const struct frame_request *req, struct frame *f,
			   struct frame_info *info);

/* Write SCI, and MASK, VAR, PSF where present, with metadata, WCS, MP_* map, CHECKSUM/DATASUM and
 * HISTORY lines. */
int frame_write(const char *uri, const struct frame *f, const char *const *history);

/* One binary table: columns by name, type 'D' double, 'J' int32, 'K' int64, 'E' float, 'A' string
 * of width. */
struct table_column
{
	const char *name;
	char type;
	int width; /* of 'A': bytes */
	const char *unit;
	void *data; /* n_rows values (for 'A' n_rows * (width + 1) bytes, NUL-terminated) */
};
/* Write a table as FITS (.fits) or CSV (.csv) by the ending. keys: {"KEY": value, ...} for the
 * header, may be NULL. */
int table_write(const char *uri, const char *extname, const struct table_column *columns,
				size_t n_columns, size_t n_rows, const json_t *keys);
/* Read the named columns (types as asked; data is allocated, caller frees each); missing column:
 * bad_table. */
int table_read(const char *uri, struct table_column *columns, size_t n_columns, size_t *n_rows);

#endif
