/* See png.h. SPDX-License-Identifier: PostgreSQL */
#include "image/png.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <png.h>

#include "core/err.h"
#include "core/files.h"

#define MAX_SIDE     30000
#define GLYPH_WIDTH  3
#define GLYPH_HEIGHT 5

/* Rows of three dots, top row in the highest bits. Characters that are not listed show as a space.
 */
static const struct
{
	char character;
	uint16_t dots;
} font[] = {
	{'0', 075557}, {'1', 026227}, {'2', 071747}, {'3', 071717}, {'4', 055711}, {'5', 074717},
	{'6', 074757}, {'7', 071222}, {'8', 075757}, {'9', 075717}, {'A', 025755}, {'B', 065656},
	{'C', 034443}, {'D', 065556}, {'E', 074647}, {'F', 074644}, {'G', 034553}, {'H', 055755},
	{'I', 072227}, {'J', 011152}, {'K', 055655}, {'L', 044447}, {'M', 057755}, {'N', 065555},
	{'O', 025552}, {'P', 065644}, {'Q', 025573}, {'R', 065655}, {'S', 034216}, {'T', 072222},
	{'U', 055557}, {'V', 055552}, {'W', 055775}, {'X', 055255}, {'Y', 055222}, {'Z', 071247},
	{'.', 000002}, {'-', 000700}, {'+', 002720}, {':', 002020}, {'/', 011244}, {'=', 007070},
	{'_', 000007}, {'(', 024442}, {')', 021112}, {'%', 051245}, {',', 000024}};

int
picture_alloc(struct picture *p, int width, int height, const uint8_t colour[3])
{
	p->rgb = NULL;
	if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
		return err_raise(ASTRID_E_TOO_LARGE, "a picture of %d x %d pixels", width, height);
	p->width = width;
	p->height = height;
	p->rgb = malloc(3 * (size_t) width * (size_t) height);
	if (p->rgb == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a picture of %d x %d", width, height);
	picture_fill(p, 0, 0, width, height, colour);
	return 0;
}

void
picture_free(struct picture *p)
{
	free(p->rgb);
	p->rgb = NULL;
}

void
picture_fill(struct picture *p, int x, int y, int width, int height, const uint8_t colour[3])
{
	for (int j = y < 0 ? 0 : y; j < y + height && j < p->height; j++)
		for (int i = x < 0 ? 0 : x; i < x + width && i < p->width; i++)
			memcpy(p->rgb + 3 * ((size_t) j * (size_t) p->width + (size_t) i), colour, 3);
}

static uint16_t
glyph(char c)
{
	c = (char) toupper((unsigned char) c);
	for (size_t i = 0; i < sizeof font / sizeof font[0]; i++)
		if (font[i].character == c)
			return font[i].dots;
	return 0;
}

int
picture_text(struct picture *p, int x, int y, int scale, const uint8_t colour[3], const char *text)
{
	int start = x;

	for (; *text != '\0'; text++, x += (GLYPH_WIDTH + 1) * scale)
	{
		uint16_t dots = glyph(*text);

		for (int k = 0; k < GLYPH_WIDTH * GLYPH_HEIGHT; k++)
			if (dots >> (GLYPH_WIDTH * GLYPH_HEIGHT - 1 - k) & 1)
				picture_fill(p, x + k % GLYPH_WIDTH * scale, y + k / GLYPH_WIDTH * scale, scale,
							 scale, colour);
	}
	return x - start;
}

int
picture_write(const struct picture *p, const char *uri)
{
	png_image png = {.version = PNG_IMAGE_VERSION,
					 .width = (png_uint_32) p->width,
					 .height = (png_uint_32) p->height,
					 .format = PNG_FORMAT_RGB};
	png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
	void *buffer = malloc(size);
	int status;

	if (buffer == NULL)
		return err_raise(ASTRID_E_NO_MEMORY, "no memory for a PNG of %zu bytes", (size_t) size);
	if (png_image_write_to_memory(&png, buffer, &size, 0, p->rgb, 0, NULL))
		status = files_write(uri, buffer, size);
	else
		status = err_raise(ASTRID_E_INTERNAL, "libpng: %s", png.message);
	png_image_free(&png);
	free(buffer);
	return status;
}
