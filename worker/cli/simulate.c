/* astrid simulate: a night of raw frames with a truth table. SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "core/err.h"
#include "simulate/night.h"

#define SMALLEST    128
#define LARGEST     8192
#define MOST_FIELDS 60

static const struct option options[] = {{"out", required_argument, NULL, 'o'},
										{"seed", required_argument, NULL, 's'},
										{"size", required_argument, NULL, 'w'},
										{"fields", required_argument, NULL, 'f'},
										{"no-null", no_argument, NULL, 'n'},
										{"help", no_argument, NULL, 'h'},
										{NULL, 0, NULL, 0}};

static int
usage(FILE *out)
{
	fputs(
		"Usage: astrid simulate --out DIR [--seed N] [--size PIXELS] [--fields N] [--no-null]\n\n"
		"Write a reproducible night below DIR: raw/ with calibration frames, and for each field a\n"
		"reference and its epochs; truth.csv and truth.fits with every change; truth/ with the "
		"truth\n"
		"masks; frames.csv with how each frame was taken.\n\n"
		"  --seed N       the same seed writes the same night (1)\n"
		"  --size PIXELS  width and height of the frames (1024)\n"
		"  --fields N     fields with transients: sparse, crowded, cluster, and again (3)\n"
		"  --no-null      leave out the pair with nothing to find\n",
		out);
	return out == stderr ? EXIT_USAGE : 0;
}

static int
parse_number(const char *name, const char *text, long long low, long long high, long long *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	if (errno == 0 && end != text && *end == '\0' && *value >= low && *value <= high)
		return 0;
	fprintf(stderr, "astrid simulate: --%s is a number from %lld to %lld, not '%s'\n", name, low,
			high, text);
	return -1;
}

static int
run(const struct night_options *night)
{
	int transients;

	if (night_simulate(night, &transients) < 0)
		return command_fail("simulate");
	printf("%d transients in %d fields below %s, seed %llu\n", transients, night->fields,
		   night->dir, (unsigned long long) night->seed);
	return fflush(stdout) == 0 ? 0 : EXIT_FAILURE;
}

int
command_simulate(int argc, char **argv)
{
	struct night_options night = {.seed = 1, .size = 1024, .fields = 3, .null_field = true};
	long long seed = 1, size = 1024, fields = 3;
	int opt, bad = 0;

	while (bad == 0 && (opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (opt)
		{
			case 'o':
				night.dir = optarg;
				break;
			case 's':
				bad = parse_number("seed", optarg, 0, 0x7fffffffffffffff, &seed);
				break;
			case 'w':
				bad = parse_number("size", optarg, SMALLEST, LARGEST, &size);
				break;
			case 'f':
				bad = parse_number("fields", optarg, 1, MOST_FIELDS, &fields);
				break;
			case 'n':
				night.null_field = false;
				break;
			case 'h':
				return usage(stdout);
			default:
				return usage(stderr);
		}
	if (bad < 0 || optind < argc || night.dir == NULL)
		return usage(stderr);
	night.seed = (uint64_t) seed;
	night.size = (int) size;
	night.fields = (int) fields;
	return run(&night);
}
