/* SPDX-License-Identifier: MIT */
#include "yodel/config/problems.h"

#include "yodel/base/check.h"

#include <stdarg.h>
#include <stdlib.h>

void problems_init(struct problems *problems)
{
	*problems = (struct problems){.count = 0};
	problems->stream = open_memstream(&problems->text, &problems->bytes);
	CHECK(problems->stream != NULL);
}

void problems_add(
	struct problems *problems, const char *origin, const char *path, const char *format, ...)
{
	va_list arguments;

	fprintf(problems->stream, "%s: ", origin);
	if (path != NULL)
		fprintf(problems->stream, "%s: ", path);
	va_start(arguments, format);
	vfprintf(problems->stream, format, arguments);
	va_end(arguments);
	fputc('\n', problems->stream);
	problems->count++;
}

const char *problems_text(struct problems *problems)
{
	fflush(problems->stream);
	return problems->text;
}

void problems_fini(struct problems *problems)
{
	fclose(problems->stream);
	free(problems->text);
}
