/* Numbers for a stage's result document. JSON knows no NaN: what is not known is null.
 * SPDX-License-Identifier: PostgreSQL */
#ifndef STAGES_TELL_H
#define STAGES_TELL_H

#include <math.h>
#include <jansson.h>

static inline void
tell_number(json_t *result, const char *name, double value)
{
	json_object_set_new(result, name, isfinite(value) ? json_real(value) : json_null());
}

static inline void
tell_count(json_t *result, const char *name, size_t n)
{
	json_object_set_new(result, name, json_integer((json_int_t) n));
}

#endif
