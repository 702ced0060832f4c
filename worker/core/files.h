/*
 * The only way to files that a job names: paths and file:// URIs, kept below configured roots.
 * SPDX-License-Identifier: PostgreSQL
 *
 * With roots set, openat2(RESOLVE_BENEATH) refuses every path, link or ".." that leaves them;
 * without (the command line, where the user names the user's own files) any path goes. Writing goes
 * to a temporary name in the same folder, then fsync and rename, so that a reader sees a whole file
 * or none.
 */
#ifndef CORE_FILES_H
#define CORE_FILES_H

#include <stddef.h>

/* Allow reading below each of read_roots and write_root, writing below write_root only. Call once,
 * early. */
int files_set_roots(const char *const *read_roots, size_t n, const char *write_root);

/* Open for reading; a descriptor (close-on-exec), or -1 with the error set (not_found,
 * forbidden_path, io_error). */
int files_open(const char *uri);

/* A path through which a library may read an open descriptor ("/proc/self/fd/N"); buffer of 32
 * bytes. */
const char *files_fd_path(int fd, char *buf);

/* Begin an output: a descriptor on a temporary file beside path. Folders are made as needed. */
struct files_output;
struct files_output *files_create(const char *uri);
int files_output_fd(const struct files_output *out);
/* fsync, rename into place; frees out either way. */
int files_commit(struct files_output *out);
void files_abort(struct files_output *out);
/* The whole of a buffer in one go. */
int files_write(const char *uri, const void *data, size_t size);

/* sha256 (64 hex digits and NUL) and size of a file; 0 or -1. */
int files_digest(const char *uri, char sha256[65], long long *size);

#endif
