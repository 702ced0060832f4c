/*
 * The stage interface: what an image stage (built in, or a plug-in's shared object) implements and
 * may call. SPDX-License-Identifier: PostgreSQL
 *
 * A stage is one descriptor with one function. It computes: it sees files by role, parameters by
 * name, and nothing of the database, signals, the environment or the clock. The parameter table
 * drives validation, JSON Schema, --help and the documentation.
 *
 * A plug-in exports `const struct astrid_stage *astrid_stage_export(void)`.
 */
#ifndef ASTRID_STAGE_H
#define ASTRID_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#define ASTRID_STAGE_ABI 1

enum astrid_param_type
{
	ASTRID_PARAM_BOOL,
	ASTRID_PARAM_INT,
	ASTRID_PARAM_FLOAT,
	ASTRID_PARAM_STRING,
	ASTRID_PARAM_JSON
};

struct astrid_param
{
	const char *name;
	enum astrid_param_type type;
	const char *unit;    /* "px", "electron", "" ... */
	const char *def;     /* default, as text; NULL: no default, the parameter may be absent */
	double min, max;     /* of INT and FLOAT; both 0: no bounds */
	const char *choices; /* of STRING: allowed words, separated by one space; NULL: any */
	const char *doc;
};

#define ASTRID_PORT_OPTIONAL 1u
#define ASTRID_PORT_REPEATED 2u

struct astrid_port
{
	const char *role;
	unsigned flags; /* ASTRID_PORT_*; 0: exactly one file */
	const char *doc;
};

enum astrid_error_code
{
	ASTRID_E_NONE,
#define ASTRID_ERROR(id, code, status, retryable, text) ASTRID_E_##id,
#include "errors.def"
#undef ASTRID_ERROR
};

struct astrid_ctx;

struct astrid_stage
{
	int abi; /* ASTRID_STAGE_ABI */
	const char *name, *summary;
	int version;                       /* raised whenever equal inputs may give other outputs */
	const struct astrid_param *params; /* each table ends with a NULL name or role */
	const struct astrid_port *inputs, *outputs;
	int (*run)(struct astrid_ctx *ctx); /* 0, or -1 after astrid_raise() */
};

/* Files by role. NULL where an optional role was not given (or i is past the last). */
const char *astrid_input(struct astrid_ctx *ctx, const char *role, size_t i);
size_t astrid_input_count(struct astrid_ctx *ctx, const char *role);
const char *astrid_output(struct astrid_ctx *ctx, const char *role);

/* The same opened, below the folders that the worker allows: a descriptor to read and close, or -1
 * with the error set. */
int astrid_open_input(struct astrid_ctx *ctx, const char *role, size_t i);
/* Write an output as a whole: it appears complete or not at all. 0, or -1 with the error set. */
int astrid_write_output(struct astrid_ctx *ctx, const char *role, const void *data, size_t size);

/* Parameters: validated against the table, the default filled in. Asking for a name not in the
 * table aborts. */
bool astrid_param_given(struct astrid_ctx *ctx,
						const char *name); /* has a value: given, or a default */
bool astrid_param_bool(struct astrid_ctx *ctx, const char *name);
long astrid_param_int(struct astrid_ctx *ctx, const char *name);
double astrid_param_float(struct astrid_ctx *ctx, const char *name);
const char *astrid_param_string(struct astrid_ctx *ctx, const char *name);
const json_t *astrid_param_json(struct astrid_ctx *ctx, const char *name);

/* What the stage tells: the public result document (an object to fill; borrowed), and named lists
 * of rows for the database ("detections", ...), which `astrid stage` does not print. astrid_record
 * steals the reference to row. */
json_t *astrid_result(struct astrid_ctx *ctx);
int astrid_record(struct astrid_ctx *ctx, const char *list, json_t *row);

/* Progress 0..1 and log lines on their way to astrid_progress() and astrid_log(). level: debug info
 * warning error. */
void astrid_stage_progress(struct astrid_ctx *ctx, double fraction, const char *message);
void astrid_stage_log(struct astrid_ctx *ctx, const char *level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* End the run with an error; always returns -1. file, hdu (-1: none) and keyword say where. */
int astrid_raise(enum astrid_error_code code, const char *file, int hdu, const char *keyword,
				 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#endif
