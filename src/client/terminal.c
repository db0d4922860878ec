/* SPDX-License-Identifier: MIT */
#include "yodel/client/terminal.h"

#include "yodel/base/clock.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { REDRAW_MS = 100, BAR_CELLS = 20, COLUMNS_MAX = 200, COLUMNS_IF_UNKNOWN = 80 };

static bool is_dumb(void)
{
	const char *name = getenv("TERM");

	return name == NULL || *name == '\0' || strcmp(name, "dumb") == 0;
}

bool terminal_has_color(const struct request *request, FILE *out)
{
	const char *wish = getenv("NO_COLOR");

	return !request->is_colorless && (wish == NULL || *wish == '\0') && !is_dumb() &&
	       isatty(fileno(out)) != 0;
}

void terminal_paint(const struct request *request, FILE *out, enum terminal_color color,
	const char *format, ...)
{
	static const char *const starts[] = {
		[COLOR_GOOD] = "\033[32m",
		[COLOR_BAD] = "\033[31m",
		[COLOR_WARN] = "\033[33m",
		[COLOR_DIM] = "\033[2m",
	};
	bool has_color = terminal_has_color(request, out);
	va_list arguments;

	if (has_color)
		fputs(starts[color], out);
	va_start(arguments, format);
	vfprintf(out, format, arguments);
	va_end(arguments);
	if (has_color)
		fputs("\033[0m", out);
}

static size_t columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return COLUMNS_IF_UNKNOWN;
	return size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
}

static bool may_draw(const struct request *request)
{
	return !request->is_quiet && !request->is_json && !is_dumb() && isatty(STDERR_FILENO) != 0;
}

void progress_show(struct progress *progress, const struct request *request, double fraction,
	const char *format, ...)
{
	int64_t now_ms = clock_monotonic_ms();
	char line[COLUMNS_MAX + 1] = "";
	size_t used = 0;
	va_list arguments;

	if ((progress->is_drawn && now_ms - progress->drawn_ms < REDRAW_MS) || !may_draw(request))
		return;
	if (fraction >= 0) {
		int done = (int)((fraction < 1 ? fraction : 1) * BAR_CELLS);

		used = (size_t)snprintf(line, sizeof line, "[%.*s%*s] %3.0f%% ", done,
			"####################", BAR_CELLS - done, "",
			(fraction < 1 ? fraction : 1) * 100);
	}
	va_start(arguments, format);
	vsnprintf(line + used, sizeof line - used, format, arguments);
	va_end(arguments);
	/* A line that reaches the edge would be wrapped, and stay. */
	fprintf(stderr, "\r%.*s\033[K", (int)columns() - 1, line);
	fflush(stderr);
	progress->is_drawn = true;
	progress->drawn_ms = now_ms;
}

void progress_clear(struct progress *progress)
{
	if (!progress->is_drawn)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress->is_drawn = false;
}
