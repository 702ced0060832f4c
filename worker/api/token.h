/*
 * Who may write: bearer tokens, of which the gateway knows only a SHA-256.
 * SPDX-License-Identifier: PostgreSQL
 *
 * The file has one token on a line: NAME write HASH. Empty lines and lines that begin with # are
 * passed over. The names go to logs, the tokens go nowhere.
 */
#ifndef API_TOKEN_H
#define API_TOKEN_H

#include <stddef.h>
#include <stdio.h>

#define TOKEN_NAME_MAX  32
#define TOKEN_HASH_SIZE 32
#define TOKENS_MAX      64

struct tokens
{
	size_t n;
	struct
	{
		char name[TOKEN_NAME_MAX + 1];
		unsigned char hash[TOKEN_HASH_SIZE];
	} list[TOKENS_MAX];
};

/* The tokens of a file that nobody but its owner (root or this user) and its group may read, and
 * nobody but its owner write. 0, or -1 with the reason on standard error. */
int tokens_load(const char *path, struct tokens *tokens);

/* The same from a stream; name is that of the file, for messages. */
int tokens_read(FILE *in, const char *name, struct tokens *tokens);

/* The token of an Authorization header ("Bearer TOKEN") and its length; NULL where there is none.
 */
const char *token_of_header(const char *header, size_t *length);

/* The name of the token that an Authorization header (may be NULL) shows, or NULL. It takes the
 * same time whichever token it is and however much of it is right. */
const char *tokens_check(const struct tokens *tokens, const char *header);

/* Print a new token, and below it its line for the file. 0 or -1 (errno). */
int token_make(const char *name, FILE *out);

#endif
