/* The HTTP side of the gateway: one request in, one answer out. SPDX-License-Identifier: PostgreSQL
 */
#ifndef API_HTTP_H
#define API_HTTP_H

#include <microhttpd.h>

#include "api/token.h"

/* libmicrohttpd's access handler. cls: the tokens that may write; NULL: nobody may. */
enum MHD_Result http_answer(void *cls, struct MHD_Connection *connection, const char *url,
							const char *method, const char *version, const char *upload_data,
							size_t *upload_data_size, void **state);

/* Its handler of the end of a request. */
void http_completed(void *cls, struct MHD_Connection *connection, void **state,
					enum MHD_RequestTerminationCode why);

/* Its handler of percent escapes: leaves them in the url, where routes are matched before segments
 * are decoded, so that a slash in a name is none of the path. */
size_t http_unescape(void *cls, struct MHD_Connection *connection, char *text);

#endif
