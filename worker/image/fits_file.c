/* See fits_file.h: opening and unpacking. SPDX-License-Identifier: PostgreSQL */
#include "image/fits_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/err.h"
#include "core/files.h"
#include "image/header.h"

#define MAX_BYTES                                                                                  \
	((size_t) 1 << 33) /* of a file held in memory: a bomb must not take all of it                 \
						*/
#define MAX_HEADER ((size_t) 16 << 20)
#define MAX_HDUS   10000

int
fits_raise(int status, const char *uri, int hdu, const char *doing)
{
	static const struct
	{
		int status;
		enum astrid_error_code code;
	} codes[] = {{END_OF_FILE, ASTRID_E_TRUNCATED},       {READ_ERROR, ASTRID_E_TRUNCATED},
				 {MEMORY_ALLOCATION, ASTRID_E_NO_MEMORY}, {WRITE_ERROR, ASTRID_E_IO},
				 {NOT_IMAGE, ASTRID_E_NO_IMAGE},          {0, ASTRID_E_BAD_HEADER}};
	char text[FLEN_ERRMSG], detail[FLEN_ERRMSG] = "";
	size_t i = 0;

	fits_get_errstatus(status, text);
	fits_read_errmsg(detail);
	fits_clear_errmsg();
	while (codes[i].status != status && codes[i].status != 0)
		i++;
	return astrid_raise(codes[i].code, uri, hdu, NULL, "%s: %s%s%s", doing, text,
						detail[0] ? "; " : "", detail);
}

int
fits_file_read(const struct fits_file *file, long long at, void *buf, size_t n)
{
	size_t done = 0;

	if (at < 0 || at > file->size || (long long) n > file->size - at)
		return astrid_raise(ASTRID_E_TRUNCATED, file->uri, -1, NULL,
							"the file ends at byte %lld, before byte %lld", file->size,
							at + (long long) n);
	if (file->bytes != NULL)
	{
		memcpy(buf, file->bytes + at, n);
		return 0;
	}
	while (done < n)
	{
		ssize_t got =
			pread(file->fd, (char *) buf + done, n - done, (off_t) (at + (long long) done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return astrid_raise(got < 0 ? ASTRID_E_IO : ASTRID_E_TRUNCATED, file->uri, -1, NULL,
								"cannot read: %s", got < 0 ? strerror(errno) : "the file shrank");
		done += (size_t) got;
	}
	return 0;
}

/* ---- bytes in memory: gzip, and files whose last block is not whole ---- */

static int
grow(struct fits_file *file, size_t wanted)
{
	unsigned char *bytes;

	if (wanted > MAX_BYTES)
		return astrid_raise(ASTRID_E_TOO_LARGE, file->uri, -1, NULL,
							"unpacked the file has more than %zu bytes", MAX_BYTES);
	bytes = realloc(file->bytes, wanted);
	if (bytes == NULL)
		return astrid_raise(ASTRID_E_NO_MEMORY, file->uri, -1, NULL,
							"no memory for a file of %zu bytes", wanted);
	file->bytes = bytes;
	file->n_bytes = wanted;
	return 0;
}

/* Feed one buffer of packed bytes to the stream; *end: a gzip member ended with it. */
static int
inflate_some(struct fits_file *file, z_stream *z, size_t *used, bool *end)
{
	do
	{
		int status;

		if (*used == file->n_bytes && grow(file, file->n_bytes * 2) < 0)
			return -1;
		z->next_out = file->bytes + *used;
		z->avail_out =
			(uInt) (file->n_bytes - *used < (1u << 30) ? file->n_bytes - *used : 1u << 30);
		status = inflate(z, Z_NO_FLUSH);
		*used = (size_t) (z->next_out - file->bytes);
		*end = status == Z_STREAM_END;
		if (*end && z->avail_in >= 2 && z->next_in[0] == 0x1f && z->next_in[1] == 0x8b)
			inflateReset(z); /* gzip files may be concatenated (RFC 1952, 2.2) */
		else if (*end || status == Z_BUF_ERROR)
			break;
		else if (status != Z_OK)
			return astrid_raise(ASTRID_E_NOT_FITS, file->uri, -1, NULL, "gzip: %s",
								z->msg != NULL ? z->msg : "damaged data");
	} while (z->avail_in > 0 || z->avail_out == 0);
	return 0;
}

static int
inflate_file(struct fits_file *file)
{
	unsigned char in[65536];
	z_stream z = {0};
	size_t used = 0;
	bool end = false;
	int status = 0;

	if (grow(file, (size_t) file->size * 4 + FITS_BLOCK) < 0)
		return -1;
	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return astrid_raise(ASTRID_E_NO_MEMORY, file->uri, -1, NULL, "no memory for zlib");
	for (long long at = 0; status == 0 && !end && at < file->size; at += (long long) sizeof in)
	{
		size_t n = file->size - at < (long long) sizeof in ? (size_t) (file->size - at) : sizeof in;
		unsigned char *bytes = file->bytes;

		file->bytes = NULL; /* read the packed bytes, not what is unpacked so far */
		status = fits_file_read(file, at, in, n);
		file->bytes = bytes;
		z.next_in = in;
		z.avail_in = (uInt) n;
		if (status == 0)
			status = inflate_some(file, &z, &used, &end);
	}
	inflateEnd(&z);
	if (status == 0 && !end)
		status =
			astrid_raise(ASTRID_E_TRUNCATED, file->uri, -1, NULL, "the gzip stream has no end");
	file->size = (long long) used;
	return status;
}

static int
load_file(struct fits_file *file)
{
	unsigned char *bytes;
	int status;

	if (grow(file, (size_t) file->size + FITS_BLOCK) < 0)
		return -1;
	bytes = file->bytes;
	file->bytes = NULL;
	status = fits_file_read(file, 0, bytes, (size_t) file->size);
	file->bytes = bytes;
	return status;
}

/* cfitsio reads whole blocks only. */
static int
pad(struct fits_file *file)
{
	size_t size = (size_t) file->size, whole = (size + FITS_BLOCK - 1) / FITS_BLOCK * FITS_BLOCK;

	if (grow(file, whole > 0 ? whole : FITS_BLOCK) < 0)
		return -1;
	memset(file->bytes + size, 0, file->n_bytes - size);
	return 0;
}

static int
unpack(struct fits_file *file)
{
	static const struct
	{
		unsigned char magic[3];
		const char *name;
	} packed[] = {{"BZh", "bzip2"},
				  {"\x1f\x9d", "compress"},
				  {"\xfd"
				   "7z",
				   "xz"},
				  {"PK\x03", "zip"}};
	unsigned char magic[3] = {0};

	if (fits_file_read(file, 0, magic, file->size < 3 ? (size_t) file->size : 3) < 0)
		return -1;
	if (magic[0] == 0x1f && magic[1] == 0x8b)
		return inflate_file(file) < 0 ? -1 : pad(file);
	for (size_t i = 0; i < sizeof packed / sizeof packed[0]; i++)
		if (memcmp(magic, packed[i].magic, packed[i].magic[2] ? 3 : 2) == 0)
			return astrid_raise(ASTRID_E_NOT_FITS, file->uri, -1, NULL,
								"the file is packed with %s; only gzip and fpack are read",
								packed[i].name);
	if (file->size % FITS_BLOCK != 0)
		return load_file(file) < 0 ? -1 : pad(file);
	return 0;
}

/* ---- headers ---- */

/* The last card of the block has nothing behind it. */
static bool
is_end(const char *card)
{
	char end[CARD + 1];

	snprintf(end, sizeof end, "%-*s", CARD, "END");
	return memcmp(card, end, CARD) == 0;
}

/* Read cards up to END into hdu->cards and set data_at. */
static int
read_header(const struct fits_file *file, int index, struct fits_hdu *hdu)
{
	char *cards = NULL, *more;

	for (size_t n = 0; n < MAX_HEADER; n += FITS_BLOCK)
	{
		if ((more = realloc(cards, n + FITS_BLOCK + CARD)) == NULL)
		{
			free(cards);
			return err_raise(ASTRID_E_NO_MEMORY, "no memory for a header of %zu bytes", n);
		}
		cards = more;
		hdu->cards = cards;
		if (fits_file_read(file, hdu->header_at + (long long) n, cards + n, FITS_BLOCK) < 0)
		{
			cards[n] = '\0';
			return err_at(NULL, index, "END");
		}
		for (size_t i = n; i < n + FITS_BLOCK; i++)
			if (cards[i] < ' ' || cards[i] > '~')
				cards[i] = ' ';
		for (size_t i = n; i < n + FITS_BLOCK; i += CARD)
			if (is_end(cards + i))
			{
				cards[i] = '\0';
				hdu->data_at = hdu->header_at + (long long) (n + FITS_BLOCK);
				return 0;
			}
	}
	return astrid_raise(ASTRID_E_BAD_HEADER, file->uri, index, "END", "the header has no end");
}

static int
add_hdu(struct fits_file *file, long long at)
{
	struct fits_hdu *hdu = file->hdu;
	int index = file->n_hdu;

	if (index >= MAX_HDUS)
		return astrid_raise(ASTRID_E_TOO_LARGE, file->uri, index, NULL, "more than %d HDUs",
							MAX_HDUS);
	if (index % 8 == 0)
		hdu = realloc(file->hdu, ((size_t) index + 8) * sizeof *hdu);
	if (hdu == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for %d HDUs", index);
	file->hdu = hdu;
	hdu += file->n_hdu++;
	*hdu = (struct fits_hdu){.header_at = at};
	if (read_header(file, index, hdu) < 0 || fits_check_hdu(file->uri, index, hdu) < 0)
		return -1;
	if (hdu->data_size > file->size - hdu->data_at)
		return astrid_raise(ASTRID_E_TRUNCATED, file->uri, index, "NAXIS",
							"the header announces %lld bytes of data, the file has %lld of them",
							hdu->data_size,
							file->size > hdu->data_at ? file->size - hdu->data_at : 0);
	return 0;
}

/* Is there another HDU? What follows the last one may be anything ("special records"), or nothing.
 */
static bool
is_extension(const struct fits_file *file, long long at)
{
	char start[8];

	return file->size - at >= FITS_BLOCK && fits_file_read(file, at, start, sizeof start) == 0 &&
		   memcmp(start, "XTENSION", 8) == 0;
}

static int
scan(struct fits_file *file, struct frame_notes *notes)
{
	char start[8] = "";
	long long at = 0;

	if (file->size >= 8 && fits_file_read(file, 0, start, sizeof start) < 0)
		return -1;
	if (memcmp(start, "SIMPLE  ", 8) != 0)
		return astrid_raise(ASTRID_E_NOT_FITS, file->uri, 0, "SIMPLE",
							"the file does not begin with SIMPLE");
	do
	{
		const struct fits_hdu *hdu;

		if (add_hdu(file, at) < 0)
			return -1;
		hdu = &file->hdu[file->n_hdu - 1];
		at = hdu->data_at + (hdu->data_size + FITS_BLOCK - 1) / FITS_BLOCK * FITS_BLOCK;
	} while (is_extension(file, at));
	if (at > file->size)
		note_add(notes, "the last block is not padded to %d bytes", FITS_BLOCK);
	else if (at < file->size)
		note_add(notes, "%lld bytes follow the last HDU", file->size - at);
	return 0;
}

int
fits_file_open(const char *uri, struct fits_file *file, struct frame_notes *notes)
{
	struct stat st;

	*file = (struct fits_file){.uri = uri, .fd = files_open(uri)};
	if (file->fd < 0)
		return -1;
	if (fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return astrid_raise(ASTRID_E_NOT_FITS, uri, -1, NULL, "not a regular file");
	file->size = (long long) st.st_size;
	if (unpack(file) < 0)
		return -1;
	return scan(file, notes);
}

void
fits_file_close(struct fits_file *file)
{
	for (int i = 0; i < file->n_hdu; i++)
		free(file->hdu[i].cards);
	free(file->hdu);
	free(file->bytes);
	if (file->fd >= 0)
		close(file->fd);
	*file = (struct fits_file){.fd = -1};
}

fitsfile *
fits_file_cfitsio(struct fits_file *file, int hdu)
{
	fitsfile *ff = NULL;
	char path[32];
	int status = 0;

	if (file->bytes != NULL)
		fits_open_memfile(&ff, "astrid", READONLY, (void **) &file->bytes, &file->n_bytes, 0, NULL,
						  &status);
	else
		fits_open_diskfile(&ff, files_fd_path(file->fd, path), READONLY, &status);
	if (status == 0)
		fits_movabs_hdu(ff, hdu + 1, NULL, &status);
	if (status == 0)
		return ff;
	fits_raise(status, file->uri, hdu, "cannot open");
	if (ff != NULL)
	{
		status = 0;
		fits_close_file(ff, &status);
	}
	fits_clear_errmsg();
	return NULL;
}
