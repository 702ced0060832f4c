/* Text from outside made fit for the log and the database. SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stddef.h>

/* Bytes of the character at text (RFC 3629: no overlong form, no surrogate, at most U+10FFFF); 0:
 * none is there. */
size_t utf8_length(const char *text);

/* Replace by '?' every byte that is part of no character, in place. */
void utf8_scrub(char *text);

#endif
