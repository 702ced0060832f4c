/* See token.h. SPDX-License-Identifier: PostgreSQL */
#include "api/token.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_SIZE 32 /* bytes of chance */
#define HEX_SIZE    (2 * TOKEN_HASH_SIZE + 1)
#define NAME_CHARS  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
#define TOKEN_CHARS NAME_CHARS "~+/"
#define BLANKS      " \t\r\n"

static int
hash_of(const char *token, size_t length, unsigned char hash[TOKEN_HASH_SIZE])
{
	return EVP_Digest(token, length, hash, NULL, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

static void
to_hex(const unsigned char *bytes, size_t n, char *hex)
{
	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

static int
is_name(const char *name)
{
	size_t n = strspn(name, NAME_CHARS);

	return n > 0 && n <= TOKEN_NAME_MAX && name[n] == '\0';
}

/* NULL, or what is wrong with the line. */
static const char *
read_line(char *line, struct tokens *tokens)
{
	char *rest, *name = strtok_r(line, BLANKS, &rest);
	char *scope = strtok_r(NULL, BLANKS, &rest), *hex = strtok_r(NULL, BLANKS, &rest);
	size_t size;

	if (name == NULL || name[0] == '#')
		return NULL;
	if (!is_name(name))
		return "a name has letters, digits and _ . -, at most 32";
	if (scope == NULL || strcmp(scope, "write") != 0)
		return "the scope after the name must be write";
	if (tokens->n == TOKENS_MAX)
		return "more tokens than the gateway takes (64)";
	if (hex == NULL || strlen(hex) != HEX_SIZE - 1 || strtok_r(NULL, BLANKS, &rest) != NULL ||
		OPENSSL_hexstr2buf_ex(tokens->list[tokens->n].hash, TOKEN_HASH_SIZE, &size, hex, '\0') != 1)
		return "the line must end with a SHA-256 of 64 hexadecimal digits";
	snprintf(tokens->list[tokens->n].name, sizeof tokens->list[0].name, "%s", name);
	tokens->n++;
	return NULL;
}

int
tokens_read(FILE *in, const char *name, struct tokens *tokens)
{
	char line[512];

	tokens->n = 0;
	for (int number = 1; fgets(line, sizeof line, in) != NULL; number++)
	{
		const char *wrong =
			strlen(line) + 1 == sizeof line ? "the line is too long" : read_line(line, tokens);

		if (wrong != NULL)
		{
			fprintf(stderr, "astrid-api: %s:%d: %s\n", name, number, wrong);
			return -1;
		}
	}
	if (ferror(in))
	{
		fprintf(stderr, "astrid-api: cannot read %s: %s\n", name, strerror(errno));
		return -1;
	}
	return 0;
}

/* NULL, or why a file of this kind is not to be trusted: who can write it can let anybody in. */
static const char *
distrust(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "is no regular file";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "must belong to root or to this user";
	if ((st->st_mode & (S_IWGRP | S_IRWXO)) != 0)
		return "must not be open to others: chmod 600, or 640 for a group that reads it";
	return NULL;
}

int
tokens_load(const char *path, struct tokens *tokens)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold us up */
	FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;
	const char *wrong;
	struct stat st;
	int status = -1;

	if (in == NULL || fstat(fd, &st) < 0)
		fprintf(stderr, "astrid-api: cannot read %s: %s\n", path, strerror(errno));
	else if ((wrong = distrust(&st)) != NULL)
		fprintf(stderr, "astrid-api: %s %s\n", path, wrong);
	else
		status = tokens_read(in, path, tokens);
	if (in != NULL)
		fclose(in);
	else if (fd >= 0)
		close(fd);
	return status;
}

const char *
token_of_header(const char *header, size_t *length)
{
	const char *token;

	if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0)
		return NULL;
	token = header + 7 + strspn(header + 7, " ");
	*length = strspn(token, TOKEN_CHARS);
	*length += strspn(token + *length, "=");
	return *length > 0 && token[*length + strspn(token + *length, " ")] == '\0' ? token : NULL;
}

const char *
tokens_check(const struct tokens *tokens, const char *header)
{
	unsigned char hash[TOKEN_HASH_SIZE];
	const char *found = NULL;
	size_t length;
	const char *token = token_of_header(header, &length);

	if (token == NULL || hash_of(token, length, hash) < 0)
		return NULL;
	for (size_t i = 0; i < tokens->n; i++)
		if (CRYPTO_memcmp(hash, tokens->list[i].hash, TOKEN_HASH_SIZE) == 0)
			found = tokens->list[i].name;
	return found;
}

int
token_make(const char *name, FILE *out)
{
	unsigned char secret[SECRET_SIZE], hash[TOKEN_HASH_SIZE];
	char hex[HEX_SIZE], token[TOKEN_NAME_MAX + HEX_SIZE + sizeof "astr__"];
	int length;

	if (!is_name(name))
	{
		errno = EINVAL;
		return -1;
	}
	if (getrandom(secret, sizeof secret, 0) != (ssize_t) sizeof secret)
		return -1;
	to_hex(secret, sizeof secret, hex);
	length = snprintf(token, sizeof token, "astr_%s_%s", name, hex);
	if (hash_of(token, (size_t) length, hash) < 0)
		return -1;
	to_hex(hash, sizeof hash, hex);
	return fprintf(out, "%s\n%s write %s\n", token, name, hex) < 0 || fflush(out) != 0 ? -1 : 0;
}
