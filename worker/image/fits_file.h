/*
 * A FITS file seen as bytes: opened, unpacked where gzip wrapped it, and its structure checked
 * (FITS standard 4.0, sections 3 and 4) before cfitsio gets it. Private to fits_*.c.
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_FITS_FILE_H
#define IMAGE_FITS_FILE_H

#include <fitsio.h>
#include <stdbool.h>
#include <stddef.h>

#include "image/fits.h"

#define FITS_BLOCK    2880
#define FITS_MAX_AXES 16 /* more are counted, not kept: no image has them */

struct fits_hdu
{
	long long header_at, data_at, data_size;
	char *cards; /* to END, NUL-terminated; what is not ASCII is blanked */
	char extname[72];
	/* the image in it, unpacked where tile-compressed */
	bool image, compressed, groups;
	int bitpix, naxis;
	long long axis[FITS_MAX_AXES];
	char compression[16];
};

struct fits_file
{
	const char *uri;
	int fd;
	unsigned char *bytes; /* NULL: read from fd */
	size_t n_bytes;
	long long size;
	struct fits_hdu *hdu;
	int n_hdu;
};

/* 0 or -1; after either fits_file_close() frees all. */
int fits_file_open(const char *uri, struct fits_file *file, struct frame_notes *notes);
void fits_file_close(struct fits_file *file);

/* Read n bytes at an offset: 0, or -1 with the error set (truncated past the end). */
int fits_file_read(const struct fits_file *file, long long at, void *buf, size_t n);

/* cfitsio on the same bytes, at an HDU. NULL with the error set. Close with fits_close_file(). */
fitsfile *fits_file_cfitsio(struct fits_file *file, int hdu);

/* A file in the making, in memory; status is cfitsio's, which is sticky: writers check it once, at
 * the end. */
struct fits_output
{
	fitsfile *ff;
	void *bytes;
	size_t n_bytes;
	int status;
};

/* 0 or -1. expected: about how many bytes it will be. */
int fits_output_begin(struct fits_output *out, size_t expected);
/* CHECKSUM and DATASUM of the current HDU, whose data are written. */
void fits_output_sums(struct fits_output *out);
/* Write it under its name. 0 or -1; frees out either way. */
int fits_output_store(struct fits_output *out, const char *uri);

/* Turn a cfitsio status into an error with the library's own words; always returns -1. */
int fits_raise(int status, const char *uri, int hdu, const char *doing);

/* Parse the structural keywords of a header into hdu (cards, header_at, data_at set). */
int fits_check_hdu(const char *uri, int index, struct fits_hdu *hdu);

/* Number of planes of an image HDU: 1 for a 2-D image, 0 where there is none. */
long long fits_planes_of(const struct fits_hdu *hdu);
/* Pixels of info->hdu, info->plane as float32, checksums verified; tells info about them. 0 or -1.
 */
int fits_read_image(struct fits_file *file, const struct frame_request *req, struct image *im,
					struct frame_info *info);
/* MASK, VAR and PSF into f, whose image is read. 0 or -1. */
int fits_read_companions(struct fits_file *file, struct frame *f, struct frame_info *info);

#endif
