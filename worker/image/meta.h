/*
 * What headers call things: from cards to struct meta and back. SPDX-License-Identifier: PostgreSQL
 */
#ifndef IMAGE_META_H
#define IMAGE_META_H

#include <jansson.h>

#include "image/fits.h"
#include "image/image.h"

/* Fill m from the image's cards, then the primary header's (NULL: none). instrument: a row of
 * sky.instruments ("name", "keywords", "kind_map", "band_map", "gain", "read_noise", "saturation"),
 * or NULL. Never fails: what is not there is NaN or "", with a note. imagetyp_raw gets the header's
 * own word for the kind of frame. */
void meta_read(const char *cards, const char *primary, const json_t *instrument, struct meta *m,
			   char imagetyp_raw[72], struct frame_notes *notes);

/* Is the keyword one that meta_read() looks at, structural, or about the WCS: not to be copied to a
 * new file? */
bool meta_is_own_keyword(const char *keyword);

/* Start of exposure from the forms that real headers have, as MJD in TAI; NaN with a note. timesys
 * may be "". */
double time_parse(const char *date, const char *time, const char *timesys,
				  struct frame_notes *notes);
/* MJD of a time scale to MJD in TAI. */
double time_to_tai(double mjd, const char *timesys, struct frame_notes *notes);
/* "2022-01-28T08:37:47.742" in UTC of an MJD in TAI; "" for NaN. */
void time_iso(double mjd_tai, char *text, size_t size);

#endif
