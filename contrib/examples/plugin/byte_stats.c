/*
 * A plug-in stage: the mean of a file's bytes, and a text file that says so. It needs nothing but
 * the public header. SPDX-License-Identifier: PostgreSQL
 *
 *   cc -shared -fPIC -o byte_stats.so byte_stats.c $(pkg-config --cflags jansson)
 *
 *   [handler.stats]
 *   type = stage
 *   stage = byte_stats
 *   plugin = /usr/local/lib/astrid/byte_stats.so
 *
 * Payload: {"inputs": {"file": "/data/raw/x"}, "outputs": {"report": "reports/x.txt"}, "params":
 * {"scale": 2}}
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <astrid/stage.h>

static int
sum_bytes(int fd, const char *path, double *sum, long long *n)
{
	unsigned char chunk[65536];
	ssize_t len;

	while ((len = read(fd, chunk, sizeof chunk)) > 0)
	{
		for (ssize_t i = 0; i < len; i++)
			*sum += chunk[i];
		*n += len;
	}
	if (len < 0)
		return astrid_raise(ASTRID_E_IO, path, -1, NULL, "cannot read: %s", strerror(errno));
	if (*n == 0)
		return astrid_raise(ASTRID_E_NO_PIXELS, path, -1, NULL, "the file is empty");
	return 0;
}

static int
run(struct astrid_ctx *ctx)
{
	const char *path = astrid_input(ctx, "file", 0);
	double sum = 0, mean;
	long long n = 0;
	char report[128];
	int fd = astrid_open_input(ctx, "file", 0), status;

	if (fd < 0)
		return -1;
	status = sum_bytes(fd, path, &sum, &n);
	close(fd);
	if (status < 0)
		return -1;
	mean = astrid_param_float(ctx, "scale") * sum / (double) n;
	astrid_stage_log(ctx, "info", "%lld bytes", n);
	astrid_stage_progress(ctx, 0.9, "writing");
	json_object_set_new(astrid_result(ctx), "mean", json_real(mean));
	json_object_set_new(astrid_result(ctx), "bytes", json_integer(n));
	if (astrid_output(ctx, "report") == NULL)
		return 0;
	snprintf(report, sizeof report, "%.6f\n", mean);
	return astrid_write_output(ctx, "report", report, strlen(report));
}

static const struct astrid_param params[] = {
	{"scale", ASTRID_PARAM_FLOAT, "", "1", -1e6, 1e6, NULL, "factor on the mean"},
	{NULL, ASTRID_PARAM_BOOL, NULL, NULL, 0, 0, NULL, NULL}};
static const struct astrid_port inputs[] = {{"file", 0, "the file to look at"}, {NULL, 0, NULL}};
static const struct astrid_port outputs[] = {{"report", ASTRID_PORT_OPTIONAL, "the mean as text"},
											 {NULL, 0, NULL}};

static const struct astrid_stage stage = {.abi = ASTRID_STAGE_ABI,
										  .name = "byte_stats",
										  .summary =
											  "mean of a file's bytes (an example of a plug-in)",
										  .version = 1,
										  .params = params,
										  .inputs = inputs,
										  .outputs = outputs,
										  .run = run};

const struct astrid_stage *astrid_stage_export(void);

const struct astrid_stage *
astrid_stage_export(void)
{
	return &stage;
}
