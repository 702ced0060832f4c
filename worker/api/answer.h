/* What goes back to the client: a body, or a problem (RFC 9457). SPDX-License-Identifier:
 * PostgreSQL
 */
#ifndef API_ANSWER_H
#define API_ANSWER_H

#include <libpq-fe.h>
#include <microhttpd.h>

#include "api/text.h"

struct problem
{
	unsigned status; /* 0: there is none */
	char title[64];
	char detail[512]; /* "": left out, as are the next two */
	char sqlstate[6];
	struct text errors; /* a json array: what is wrong with which field */
	unsigned allowed;   /* with 405: methods of the path (enum method) */
	bool bad_token;     /* with 401: one was shown */
};

/* Set status, title and, printed like printf, detail. */
void problem_set(struct problem *p, unsigned status, const char *title, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* A failed query. Its text goes to our log; only what astrid itself says (class QJ) is shown. */
void problem_of_query(struct problem *p, const PGresult *r);

/* Both free what they send. */
enum MHD_Result answer_body(struct MHD_Connection *c, unsigned status, const char *type,
							struct text *body);
enum MHD_Result answer_problem(struct MHD_Connection *c, struct problem *p);

#endif
