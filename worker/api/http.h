/* The HTTP side of the gateway: one request in, one answer out. SPDX-License-Identifier: PostgreSQL
 */
#ifndef API_HTTP_H
#define API_HTTP_H

#include <microhttpd.h>

/* libmicrohttpd's access handler. */
enum MHD_Result http_answer(void *cls, struct MHD_Connection *connection, const char *url,
							const char *method, const char *version, const char *upload_data,
							size_t *upload_data_size, void **state);

/* Does path fit pattern ("/workers/{x}/metrics")? The text of {x} goes to segment (size bytes). For
 * tests too. */
int http_match(const char *pattern, const char *path, char *segment, size_t size);

#endif
