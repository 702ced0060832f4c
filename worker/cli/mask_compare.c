/*
 * astrid mask_compare: what one mask excludes that another does not. The demo holds our masks
 * against the simulator's truth with it. SPDX-License-Identifier: PostgreSQL
 */
#include <stdio.h>
#include <string.h>
#include <jansson.h>

#include "cli/command.h"
#include "core/err.h"
#include "image/fits.h"

static int
usage(FILE *out)
{
	fputs("Usage: astrid mask_compare MASK TRUTH\n\n"
		  "Compare the excluding bits of two FITS files with a MASK plane, pixel by pixel. One "
		  "JSON document:\n"
		  "  excluded, truth    share of the pixels that each excludes\n"
		  "  beyond             share of the pixels that MASK excludes and TRUTH does not\n"
		  "  missed             share of the pixels that TRUTH excludes and MASK does not\n",
		  out);
	return out == stderr ? EXIT_USAGE : 0;
}

static int
read_mask(const char *uri, struct frame *frame)
{
	const struct frame_request request = {.hdu = -1, .plane = -1, .need_planes = true};
	struct frame_info info;

	return frame_read(uri, &request, frame, &info);
}

static json_t *
compare(const struct image *mask, const struct image *truth)
{
	const size_t n = image_size(mask);
	size_t count[4] = {0}; /* by (excluded by truth) * 2 + (excluded by mask) */

	for (size_t p = 0; p < n; p++)
		count[((truth->mask[p] & MASK_EXCLUDED) != 0) * 2 +
			  ((mask->mask[p] & MASK_EXCLUDED) != 0)]++;
	return json_pack("{s:f, s:f, s:f, s:f, s:I}", "excluded",
					 (double) (count[1] + count[3]) / (double) n, "truth",
					 (double) (count[2] + count[3]) / (double) n, "beyond",
					 (double) count[1] / (double) n, "missed", (double) count[2] / (double) n,
					 "pixels", (json_int_t) n);
}

static int
report(json_t *document)
{
	json_dumpf(document, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(document);
	return fflush(stdout) == 0 ? 0 : 1;
}

int
command_mask_compare(int argc, char **argv)
{
	struct frame mask = {0}, truth = {0};
	json_t *document = NULL;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return usage(stdout);
	if (argc != 3)
		return usage(stderr);
	if (read_mask(argv[1], &mask) == 0 && read_mask(argv[2], &truth) == 0)
	{
		if (mask.im.width != truth.im.width || mask.im.height != truth.im.height)
			err_raise(ASTRID_E_SHAPE_MISMATCH, "%d x %d pixels against %d x %d", mask.im.width,
					  mask.im.height, truth.im.width, truth.im.height);
		else
			document = compare(&mask.im, &truth.im);
	}
	frame_free(&mask);
	frame_free(&truth);
	if (document != NULL)
		return report(document);
	return command_fail("mask_compare");
}
