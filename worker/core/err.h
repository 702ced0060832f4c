/*
 * The error of the current run: a code, where it happened, and a message that callers extend with
 * context. One per process (programs are single-threaded). SPDX-License-Identifier: PostgreSQL
 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

#include <stdbool.h>
#include <jansson.h>
#include "astrid/stage.h" /* astrid_raise() sets the error */

/* Set the error without a place; always returns -1. */
int err_raise(enum astrid_error_code code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Prefix the message with what the caller was doing ("reading the reference"); always returns -1.
 */
int err_context(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Fill the place where it is still unknown (file NULL, hdu -1, keyword NULL leave it); always
 * returns -1. */
int err_at(const char *file, int hdu, const char *keyword);

bool err_is_set(void);
enum astrid_error_code err_code(void);
const char *err_message(void);
void err_clear(void);

const char *err_code_name(enum astrid_error_code code); /* "bad_header" */
int err_exit_status(enum astrid_error_code code);       /* 2, 65, ... */
/* The code of that name; ASTRID_E_NONE where it is none of ours, or NULL. */
enum astrid_error_code err_code_named(const char *name);
bool err_retryable(enum astrid_error_code code);

/* {"code", "file", "hdu", "keyword", "message"}; absent places are null. New reference. */
json_t *err_json(void);

#endif
