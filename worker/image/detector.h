/*
 * What the detector adds beside the image: overscan and the margins around the lit pixels.
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_DETECTOR_H
#define IMAGE_DETECTOR_H

#include "image/fits.h"
#include "image/image.h"

struct section /* 0-based, both ends included; x1 < x0: none */
{
	int x0, x1, y0, y1;
};
#define SECTION_NONE ((struct section){0, -1, 0, -1})

/* "[x1:x2,y1:y2]", 1-based, as FITS headers write it. 0, or -1 (no error raised) where it is not
 * one. */
int section_parse(const char *text, struct section *s);
bool section_is_inside(const struct section *s, int width, int height);

struct detector
{
	int width, height; /* of a raw frame */
	struct section overscan, trim;
};

/* Sections as given (NULL: as the frame's header says; "none": none). Header sections are believed
 * only where they fit the image: a frame that was trimmed keeps the words of before. bad_parameter
 * where a given one does not fit. */
int detector_describe(const struct frame *f, const char *overscan, const char *trim,
					  struct detector *d, struct frame_notes *notes);

/* Subtract the overscan, line by line, smoothed by a polynomial of that order (0..5), and trim;
 * does nothing to a frame of another size than d's, which is taken to be done. Returns the mean
 * overscan level, 0 without. -1: *status set. */
double detector_correct(struct frame *f, const struct detector *d, int order, int *status);

#endif
