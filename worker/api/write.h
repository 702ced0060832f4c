/* A POST: its body checked, its route done in one transaction. SPDX-License-Identifier: PostgreSQL
 */
#ifndef API_WRITE_H
#define API_WRITE_H

#include "api/answer.h"
#include "api/route.h"

struct write
{
	const struct route *route;
	const char *segment, *token_name;
	const struct text *body;
};

/* The answer in out, or false with the problem. */
bool write_do(const struct write *w, struct text *out, struct problem *problem);

#endif
