/* SPDX-License-Identifier: MIT */
#include "yodel/client/chart.h"

#include "yodel/base/check.h"

#include <math.h>

/* What rounding may add or take does not decide about a tick. */
#define A_LITTLE 1e-9

enum {
	LINEAR_TICKS = 8,       /* at most so many steps */
	STEPS_TO_SHOW_FIVE = 9, /* more steps of 1, 2, 5 than these: only powers of ten */
	DECADES_TO_SHOW_HALF = 5,
};

/* --- Ticks ----------------------------------------------------------------------------------- */

/* Numbers at which ticks may stand: 1, 2 and 5 times powers of ten, in order. */
static double round_number(int index)
{
	static const double mantissas[] = {1, 2, 5};

	return mantissas[(index % 3 + 3) % 3] * pow(10, floor(index / 3.0));
}

/* The index of the least round number that is not below value. */
static int round_index_above(double value)
{
	int index = 3 * (int)floor(log10(value)) - 1;

	while (round_number(index) < value * (1 - A_LITTLE))
		index++;
	return index;
}

/* The index of the greatest that is not above value. */
static int round_index_below(double value)
{
	int index = round_index_above(value);

	return round_number(index) > value * (1 + A_LITTLE) ? index - 1 : index;
}

/* Appends a tick and returns its label, to be filled. */
static char *add_tick(struct chart_axis *axis, double value)
{
	CHECK(axis->tick_count < CHART_TICKS_MAX);
	struct chart_tick *tick = &axis->ticks[axis->tick_count++];

	tick->value = value;
	return tick->label;
}

void chart_axis_span(struct chart_axis *axis, const char *title, double high)
{
	*axis = (struct chart_axis){.title = title, .high = high > 0 ? high : 1};
	double step = round_number(round_index_above(axis->high / LINEAR_TICKS));
	double decade = floor(log10(step) + A_LITTLE);

	for (int i = 0; i * step <= axis->high * (1 + A_LITTLE); i++)
		snprintf(add_tick(axis, i * step), CHART_LABEL_BYTES, "%.*f",
			decade < 0 ? (int)-decade : 0, i * step);
}

void chart_axis_round(struct chart_axis *axis, const char *title, double high)
{
	double from = high > 0 ? high : 1;
	double step = round_number(round_index_above(from / LINEAR_TICKS));

	chart_axis_span(axis, title, ceil(from / step * (1 - A_LITTLE)) * step);
}

void chart_axis_decades(struct chart_axis *axis, const char *title, double low, double high)
{
	int first = round_index_below(low), last = round_index_above(high);

	if (last <= first)
		last = first + 1;
	*axis = (struct chart_axis){
		.title = title,
		.is_logarithmic = true,
		.low = round_number(first),
		.high = round_number(last),
	};
	for (int i = first; i <= last; i++)
		if (last - first <= STEPS_TO_SHOW_FIVE || i % 3 == 0)
			snprintf(add_tick(axis, round_number(i)), CHART_LABEL_BYTES, "%.7g",
				round_number(i));
}

/* So many nines; a double could not hold them all. */
static void percentile_label(char label[CHART_LABEL_BYTES], int nines)
{
	static const char all[] = "99.999999999999999999";

	if (nines < 2)
		snprintf(label, CHART_LABEL_BYTES, nines == 0 ? "0%%" : "90%%");
	else
		snprintf(label, CHART_LABEL_BYTES, "%.*s%%", nines == 2 ? 2 : nines + 1, all);
}

void chart_axis_percentiles(struct chart_axis *axis, const char *title, uint64_t count)
{
	int decades = count == 0 ? 1 : (int)floor(log10((double)count) + A_LITTLE) + 1;

	*axis = (struct chart_axis){
		.title = title,
		.is_logarithmic = true,
		.low = 1,
		.high = pow(10, decades),
	};
	for (int i = 0; i <= decades; i++) {
		percentile_label(add_tick(axis, pow(10, i)), i);
		if (i == 0 && decades <= DECADES_TO_SHOW_HALF)
			snprintf(add_tick(axis, 2), CHART_LABEL_BYTES, "50%%");
	}
}

/* --- Places ---------------------------------------------------------------------------------- */

/* Where on the axis, 0 .. 1. */
static double fraction_of(const struct chart_axis *axis, double value)
{
	if (value <= axis->low)
		return 0;
	if (value >= axis->high)
		return 1;
	if (axis->is_logarithmic)
		return log(value / axis->low) / log(axis->high / axis->low);
	return (value - axis->low) / (axis->high - axis->low);
}

double chart_x(const struct chart *chart, double value)
{
	return CHART_PLOT_LEFT +
	       fraction_of(&chart->x, value) * (CHART_PLOT_RIGHT - CHART_PLOT_LEFT);
}

double chart_y(const struct chart *chart, double value)
{
	return CHART_PLOT_BOTTOM -
	       fraction_of(&chart->y, value) * (CHART_PLOT_BOTTOM - CHART_PLOT_TOP);
}

/* --- The frame ------------------------------------------------------------------------------- */

static void draw_grid(const struct chart *chart, FILE *out)
{
	fputs("<path class=\"grid\" d=\"", out);
	for (size_t i = 0; i < chart->x.tick_count; i++)
		fprintf(out, "M%.1f %dV%d", chart_x(chart, chart->x.ticks[i].value), CHART_PLOT_TOP,
			CHART_PLOT_BOTTOM);
	for (size_t i = 0; i < chart->y.tick_count; i++)
		fprintf(out, "M%d %.1fH%d", CHART_PLOT_LEFT,
			chart_y(chart, chart->y.ticks[i].value), CHART_PLOT_RIGHT);
	fprintf(out, "\"/>\n<path class=\"axis\" d=\"M%d %dV%dH%d\"/>\n", CHART_PLOT_LEFT,
		CHART_PLOT_TOP, CHART_PLOT_BOTTOM, CHART_PLOT_RIGHT);
}

static void draw_labels(const struct chart *chart, FILE *out)
{
	fputs("<g class=\"below\">\n", out);
	for (size_t i = 0; i < chart->x.tick_count; i++)
		fprintf(out, "<text x=\"%.1f\" y=\"%d\">%s</text>\n",
			chart_x(chart, chart->x.ticks[i].value), CHART_PLOT_BOTTOM + 19,
			chart->x.ticks[i].label);
	fputs("</g>\n<g class=\"beside\">\n", out);
	for (size_t i = 0; i < chart->y.tick_count; i++)
		fprintf(out, "<text x=\"%d\" y=\"%.1f\">%s</text>\n", CHART_PLOT_LEFT - 9,
			chart_y(chart, chart->y.ticks[i].value) + 4.5, chart->y.ticks[i].label);
	fputs("</g>\n", out);
}

void chart_open(const struct chart *chart, const char *label, FILE *out)
{
	fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n", CHART_WIDTH,
		CHART_HEIGHT, label);
	draw_grid(chart, out);
	draw_labels(chart, out);
	fprintf(out, "<text class=\"title\" x=\"4\" y=\"15\">%s</text>\n", chart->y.title);
	fprintf(out, "<text class=\"title end\" x=\"%d\" y=\"%d\">%s</text>\n", CHART_PLOT_RIGHT,
		CHART_HEIGHT - 8, chart->x.title);
}

void chart_close(FILE *out)
{
	fputs("</svg>\n", out);
}
