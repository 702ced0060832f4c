/*
 * See files.h. A name is resolved in three steps: URI to path, path to (root descriptor, path below
 * it), and then the kernel walks it with RESOLVE_BENEATH, so that no link or ".." swapped in
 * meanwhile can leave the root. Names are never given to a library that interprets them: callers
 * read and write descriptors. SPDX-License-Identifier: PostgreSQL
 */
#include "core/files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "core/err.h"

#define MAX_ROOTS 64

struct root
{
	int fd;
	char path[PATH_MAX]; /* as configured, without a trailing slash */
};

struct place /* where a name lies: `rel` below the directory `fd` */
{
	int fd;
	unsigned long long resolve;
	const char *rel;
};

struct files_output
{
	int fd, dir;
	char uri[PATH_MAX], name[NAME_MAX + 1], tmp[NAME_MAX + 1];
};

static struct root roots[MAX_ROOTS]; /* the last one may be written to */
static size_t n_roots;

/* ---- errors --------------------------------------------------------------------------------- */

static int
raise_errno(const char *uri, int error, const char *doing)
{
	enum astrid_error_code code = ASTRID_E_IO;

	if (error == ENOENT || error == ENOTDIR)
		code = ASTRID_E_NOT_FOUND;
	else if (error == EXDEV || error == ELOOP)
		code = ASTRID_E_FORBIDDEN_PATH;
	else if (error == ENOSPC || error == EDQUOT)
		code = ASTRID_E_DISK_FULL;
	else if (error == ENOMEM)
		code = ASTRID_E_NO_MEMORY;
	return astrid_raise(code, uri, -1, NULL, "cannot %s: %s", doing,
						code == ASTRID_E_FORBIDDEN_PATH ? "the path leaves the configured roots"
														: strerror(error));
}

static int
forbid(const char *uri, const char *why)
{
	astrid_raise(ASTRID_E_FORBIDDEN_PATH, uri, -1, NULL, "%s", why);
	return -1;
}

/* ---- from URI to path ----------------------------------------------------------------------- */

/* RFC 8089 with the percent encoding of RFC 3986; -1 for %00 and for what is no encoding. */
static int
percent_decode(const char *text, char *path, size_t size)
{
	size_t n = 0;

	for (; *text != '\0' && n + 1 < size; text++)
	{
		unsigned byte = (unsigned char) *text;

		if (byte == '%')
		{
			if (!isxdigit((unsigned char) text[1]) || !isxdigit((unsigned char) text[2]) ||
				sscanf(text + 1, "%2x", &byte) != 1 || byte == 0)
				return -1;
			text += 2;
		}
		path[n++] = (char) byte;
	}
	path[n] = '\0';
	return *text == '\0' ? 0 : -1;
}

static int
path_of_uri(const char *uri, char path[PATH_MAX])
{
	static const char scheme[] = "file://", host[] = "file://localhost/";
	size_t len = strlen(uri);
	const char *base;

	if (len == 0 || len >= PATH_MAX)
		return forbid(uri, len == 0 ? "the path is empty" : "the path is too long");
	if (strncmp(uri, scheme, sizeof scheme - 1) == 0)
	{
		const char *rest =
			uri + (strncmp(uri, host, sizeof host - 1) == 0 ? sizeof host - 2 : sizeof scheme - 1);

		if (*rest != '/' || percent_decode(rest, path, PATH_MAX) < 0)
			return forbid(uri, "the file:// URI is malformed");
	}
	else if (strstr(uri, "://") != NULL)
		return forbid(uri, "only paths and file:// URIs can be opened");
	else
		memcpy(path, uri, len + 1);
	len = strlen(path);
	/* cfitsio's "x.fits[1]", "x.fits(out)" and "!x.fits" would be looked up literally: say so
	 * instead of "not found" */
	base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	if (base[0] == '!' || path[len - 1] == ']' || path[len - 1] == ')')
		return forbid(
			uri, "extended file names are not interpreted; an HDU is chosen by the parameter hdu");
	return 0;
}

/* ---- from path to place --------------------------------------------------------------------- */

static const char *
below(const char *path, const struct root *root)
{
	size_t len = strlen(root->path);

	return strncmp(path, root->path, len) == 0 && path[len] == '/' && path[len + 1] != '\0'
			   ? path + len + 1
			   : NULL;
}

/* The innermost root that holds the path; `first` leaves out the roots that are for reading only.
 */
static int
locate(const char *uri, const char *path, size_t first, struct place *place)
{
	size_t longest = 0;

	*place = (struct place){AT_FDCWD, 0, path};
	if (n_roots == 0)
		return 0;
	place->rel = NULL;
	for (size_t i = first; i < n_roots; i++)
	{
		const char *rel = below(path, &roots[i]);

		if (rel != NULL && strlen(roots[i].path) >= longest)
		{
			*place = (struct place){roots[i].fd, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, rel};
			longest = strlen(roots[i].path);
		}
	}
	return place->rel != NULL ? 0 : forbid(uri, "the path leaves the configured roots");
}

/* openat2 where a root confines the walk. EAGAIN: a rename raced with the walk of "..", which the
 * kernel gives up on. */
static int
open_in(int dir, const char *rel, int flags, mode_t mode, unsigned long long resolve)
{
	struct open_how how = {
		.flags = (unsigned long long) (flags | O_CLOEXEC), .mode = mode, .resolve = resolve};
	long fd;

	if (resolve == 0)
		return openat(dir, rel, flags | O_CLOEXEC, mode);
	do
		fd = syscall(SYS_openat2, dir, rel, &how, sizeof how);
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return (int) fd;
}

static int
add_root(const char *path)
{
	struct root *root = &roots[n_roots];
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (path[0] != '/' || len == 1 || len >= sizeof root->path)
		return forbid(path, "a root must be an absolute path of a folder other than /");
	if (n_roots == MAX_ROOTS)
		return err_raise(ASTRID_E_USAGE, "more than %d roots", MAX_ROOTS);
	memcpy(root->path, path, len);
	root->path[len] = '\0';
	root->fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root->fd < 0)
		return raise_errno(path, errno, "open the root");
	n_roots++;
	return 0;
}

int
files_set_roots(const char *const *read_roots, size_t n, const char *write_root)
{
	while (n_roots > 0)
		close(roots[--n_roots].fd);
	for (size_t i = 0; i < n; i++)
		if (add_root(read_roots[i]) < 0)
			return -1;
	return add_root(write_root);
}

/* ---- reading -------------------------------------------------------------------------------- */

int
files_open(const char *uri)
{
	char path[PATH_MAX];
	struct place place;
	struct stat st;
	int fd;

	if (path_of_uri(uri, path) < 0 || locate(uri, path, 0, &place) < 0)
		return -1;
	/* O_NONBLOCK: opening a FIFO must not hang */
	fd = open_in(place.fd, place.rel, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, place.resolve);
	if (fd < 0)
		return raise_errno(uri, errno, "open");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
	{
		close(fd);
		return forbid(uri, "not a regular file");
	}
	return fd;
}

const char *
files_fd_path(int fd, char *buf)
{
	snprintf(buf, 32, "/proc/self/fd/%d", fd);
	return buf;
}

int
files_digest(const char *uri, char sha256[65], long long *size)
{
	static const size_t chunk = 1 << 18;
	unsigned char md[EVP_MAX_MD_SIZE], *buf = malloc(chunk);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int fd = files_open(uri), ok;
	ssize_t n = 0;

	*size = 0;
	ok = fd >= 0 && buf != NULL && ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	while (ok && (n = read(fd, buf, chunk)) > 0)
	{
		ok = EVP_DigestUpdate(ctx, buf, (size_t) n);
		*size += n;
	}
	if (n < 0)
		ok = raise_errno(uri, errno, "read") == 0;
	ok = ok && EVP_DigestFinal_ex(ctx, md, NULL);
	for (int i = 0; ok && i < 32; i++)
		snprintf(sha256 + 2 * (ptrdiff_t) i, 3, "%02x", md[i]);
	EVP_MD_CTX_free(ctx);
	free(buf);
	if (fd >= 0)
		close(fd);
	if (!ok && !err_is_set())
		err_raise(ASTRID_E_NO_MEMORY, "no memory for a digest");
	return ok ? 0 : -1;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* One step down, making the folder where it is missing; closes dir. */
static int
descend(int dir, const char *name, unsigned long long resolve)
{
	int next = open_in(dir, name, O_RDONLY | O_DIRECTORY, 0, resolve), error;

	if (next < 0 && errno == ENOENT && (mkdirat(dir, name, 0777) == 0 || errno == EEXIST))
		next = open_in(dir, name, O_RDONLY | O_DIRECTORY, 0, resolve);
	error = errno;
	close(dir);
	errno = error;
	return next;
}

/* The folder of place->rel, made as needed. Component by component: mkdirat itself cannot be
 * confined. */
static int
open_folder(const struct place *place)
{
	char rel[PATH_MAX], *save, *slash;
	int dir = open_in(place->fd, place->rel[0] == '/' ? "/" : ".", O_RDONLY | O_DIRECTORY, 0,
					  place->resolve);

	snprintf(rel, sizeof rel, "%s", place->rel);
	slash = strrchr(rel, '/');
	if (slash == NULL)
		return dir;
	*slash = '\0';
	for (char *name = strtok_r(rel, "/", &save); name != NULL && dir >= 0;
		 name = strtok_r(NULL, "/", &save))
		dir = descend(dir, name, place->resolve);
	return dir;
}

static int
open_temporary(struct files_output *out)
{
	static unsigned serial;

	do
	{
		int len = snprintf(out->tmp, sizeof out->tmp, ".%s.tmp-%d-%u", out->name, (int) getpid(),
						   serial++);

		if (len >= (int) sizeof out->tmp)
			return errno = ENAMETOOLONG, -1;
		out->fd =
			openat(out->dir, out->tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	} while (out->fd < 0 && errno == EEXIST);
	return out->fd;
}

static void
output_free(struct files_output *out)
{
	if (out->fd >= 0)
		close(out->fd);
	if (out->dir >= 0)
		close(out->dir);
	free(out);
}

struct files_output *
files_create(const char *uri)
{
	struct files_output *out = malloc(sizeof *out);
	char path[PATH_MAX];
	const char *name;
	struct place place;

	if (out == NULL)
	{
		err_raise(ASTRID_E_NO_MEMORY, "no memory for an output");
		return NULL;
	}
	out->fd = out->dir = -1;
	if (path_of_uri(uri, path) == 0 &&
		locate(uri, path, n_roots > 0 ? n_roots - 1 : 0, &place) == 0)
	{
		name = strrchr(place.rel, '/') != NULL ? strrchr(place.rel, '/') + 1 : place.rel;
		snprintf(out->uri, sizeof out->uri, "%s", uri);
		snprintf(out->name, sizeof out->name, "%.*s", NAME_MAX, name);
		if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			forbid(uri, "an output needs a file name");
		else if ((out->dir = open_folder(&place)) >= 0 && open_temporary(out) >= 0)
			return out;
		else
			raise_errno(uri, errno, "create");
	}
	output_free(out);
	return NULL;
}

int
files_output_fd(const struct files_output *out)
{
	return out->fd;
}

int
files_commit(struct files_output *out)
{
	int status = 0;

	/* the folder too: a committed row must not point to a name that a power cut takes away */
	if (fsync(out->fd) < 0 || renameat(out->dir, out->tmp, out->dir, out->name) < 0 ||
		fsync(out->dir) < 0)
	{
		status = raise_errno(out->uri, errno, "write");
		unlinkat(out->dir, out->tmp, 0);
	}
	output_free(out);
	return status;
}

void
files_abort(struct files_output *out)
{
	if (out == NULL)
		return;
	unlinkat(out->dir, out->tmp, 0);
	output_free(out);
}

int
files_write(const char *uri, const void *data, size_t size)
{
	struct files_output *out = files_create(uri);
	const char *p = data;

	if (out == NULL)
		return -1;
	while (size > 0)
	{
		ssize_t n = write(out->fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			raise_errno(uri, n < 0 ? errno : ENOSPC, "write");
			files_abort(out);
			return -1;
		}
		p += n;
		size -= (size_t) n;
	}
	return files_commit(out);
}
