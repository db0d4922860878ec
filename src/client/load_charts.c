/* SPDX-License-Identifier: MIT */
#include "yodel/client/load_charts.h"

#include "yodel/client/chart.h"
#include "yodel/client/load_print.h"
#include "yodel/client/print.h"

#include <inttypes.h>
#include <math.h>

/* What is nearer than this to the last point is not drawn of its own. */
#define VISIBLE_STEP 0.5

/* Above the greatest value, for the text at its point. */
#define HEADROOM 1.12

#define NS_IN_S 1e9

enum {
	BINS_PER_DECADE = 20, /* a bin holds some 20 buckets of the histogram, so that it is even */
	BINS = 14 * 20,       /* from 1 ns to beyond 1 h */
	FINEST_STRETCHES = 16, /* with fewer stretches than these none is made wider */
	EVENTS_A_STRETCH = 10, /* in the mean; fewer say more about chance than about the server */
	ROOM_FOR_VALUE = 48,   /* pixels of a text at a point */
	LEAST_BAR_PIXELS = 1,  /* an outlier among millions can be seen */
};

static double ms_of(int64_t ns)
{
	return (double)ns / 1e6;
}

/* --- Latency by percentile ------------------------------------------------------------------- */

/* The distribution as it is: steps, at each of which one bucket is passed. */
static void draw_steps(const struct chart *chart, const struct histogram *latency, FILE *out)
{
	double last_x = CHART_PLOT_LEFT, last_y = chart_y(chart, ms_of(latency->min_ns));
	uint64_t count, passed = 0;
	int64_t upper_ns;
	size_t index = 0;

	fprintf(out, "<path class=\"line\" d=\"M%.1f %.1f", last_x, last_y);
	while ((index = histogram_next(latency, index, &upper_ns, &count)) != 0) {
		passed += count;
		bool is_last = passed >= latency->count;
		double left = (double)(latency->count - passed);
		double y = chart_y(chart, ms_of(upper_ns));
		double x = is_last ? CHART_PLOT_RIGHT
				   : chart_x(chart, (double)latency->count / left);

		if (!is_last && x - last_x < VISIBLE_STEP && last_y - y < VISIBLE_STEP)
			continue;
		fprintf(out, "V%.1fH%.1f", y, x);
		last_x = x;
		last_y = y;
	}
	fputs("\"/>\n", out);
}

static void draw_quantile(
	const struct chart *chart, const char *name, double x, int64_t value_ns, FILE *out)
{
	double y = chart_y(chart, ms_of(value_ns));
	bool is_at_axis = x < CHART_PLOT_LEFT + ROOM_FOR_VALUE;
	char text[PRINT_TEXT_BYTES];

	format_ms(text, (double)value_ns);
	fprintf(out,
		"<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\">"
		"<title>%s: %s ms</title></circle>\n"
		"<text class=\"value%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
		x, y, name, text, is_at_axis ? "" : " end", is_at_axis ? x + 2 : x - 5, y - 9,
		text);
}

/* A point with its value, for each quantile that so many values tell. */
static void draw_quantiles(const struct chart *chart, const struct histogram *latency, FILE *out)
{
	for (size_t i = 0; i < LOAD_QUANTILES; i++) {
		double quantile = load_quantiles[i].quantile;
		double values = quantile < 1 ? 1 / (1 - quantile) : chart->x.high;
		bool is_told = quantile == 1 || values <= (double)latency->count * (1 + 1e-9);

		if (quantile > 0 && is_told)
			draw_quantile(chart, load_quantiles[i].title, chart_x(chart, values),
				histogram_quantile(latency, quantile), out);
	}
}

void load_draw_percentiles(const struct histogram *latency, FILE *out)
{
	struct chart chart;

	chart_axis_percentiles(
		&chart.x, "share of the round trips that took no longer", latency->count);
	chart_axis_round(&chart.y, "latency in ms", ms_of(latency->max_ns) * HEADROOM);
	chart_open(&chart, "Latency by percentile", out);
	draw_steps(&chart, latency, out);
	draw_quantiles(&chart, latency, out);
	chart_close(out);
}

/* --- Rate over time -------------------------------------------------------------------------- */

/* One or more slots of the timeline that are drawn as one. */
struct stretch {
	int64_t begin_ns, end_ns;
	uint64_t count;
};

static double rate_of(const struct stretch *stretch)
{
	return (double)stretch->count * NS_IN_S / (double)(stretch->end_ns - stretch->begin_ns);
}

/* How many slots make a stretch. */
static size_t slots_together(const struct timeline *timeline, uint64_t events)
{
	size_t slots = 1;

	while (timeline->used / slots > FINEST_STRETCHES &&
		events * slots < (uint64_t)EVENTS_A_STRETCH * timeline->used)
		slots *= 2;
	return slots;
}

/* The time up to end_ns, with so many events in it, goes on behind the list. A rest of less than half
 * a stretch would say more about chance than about the server: it becomes part of the one before. */
static size_t append(
	struct stretch *list, size_t length, int64_t width_ns, int64_t end_ns, uint64_t count)
{
	int64_t begin_ns = length > 0 ? list[length - 1].end_ns : 0;

	if (length > 0 && end_ns - begin_ns < width_ns / 2) {
		list[length - 1].end_ns = end_ns;
		list[length - 1].count += count;
		return length;
	}
	list[length] = (struct stretch){begin_ns, end_ns, count};
	return length + 1;
}

/* Cuts what was measured into stretches; what follows the last event is one without any. */
static size_t cut(const struct timeline *timeline, int64_t elapsed_ns,
	struct stretch list[TIMELINE_SLOTS + 1])
{
	uint64_t events = 0;
	size_t length = 0;

	for (size_t i = 0; i < timeline->used; i++)
		events += timeline->slots[i];
	size_t slots = slots_together(timeline, events);
	int64_t width_ns = timeline_width(timeline) * (int64_t)slots;
	for (size_t i = 0; i < timeline->used; i += slots) {
		int64_t end_ns = (int64_t)(i / slots + 1) * width_ns;
		uint64_t count = 0;

		for (size_t j = i; j < i + slots && j < timeline->used; j++)
			count += timeline->slots[j];
		length = append(
			list, length, width_ns, end_ns < elapsed_ns ? end_ns : elapsed_ns, count);
	}
	if (length == 0 || list[length - 1].end_ns < elapsed_ns)
		length = append(list, length, width_ns, elapsed_ns, 0);
	return length;
}

/* Chooses the unit of the time axis. Returns how many seconds it has. */
static double set_time_axis(struct chart_axis *axis, double elapsed_s)
{
	static const struct {
		double up_to_s, unit_s;
		const char *title;
	} units[] = {
		{1, 1e-3, "time in milliseconds"},
		{300, 1, "time in seconds"},
		{10800, 60, "time in minutes"},
		{INFINITY, 3600, "time in hours"},
	};
	size_t i = 0;

	while (elapsed_s >= units[i].up_to_s)
		i++;
	chart_axis_span(axis, units[i].title, elapsed_s / units[i].unit_s);
	return units[i].unit_s;
}

static void draw_rate_line(const struct chart *chart, const struct stretch *list, size_t length,
	double unit_s, const char *style, FILE *out)
{
	bool is_area = style[0] == 'a';

	fprintf(out, "<path class=\"%s\" d=\"M%d %.1f", style, CHART_PLOT_LEFT,
		is_area ? CHART_PLOT_BOTTOM : chart_y(chart, rate_of(&list[0])));
	for (size_t i = 0; i < length; i++)
		fprintf(out, "V%.1fH%.1f", chart_y(chart, rate_of(&list[i])),
			chart_x(chart, (double)list[i].end_ns / NS_IN_S / unit_s));
	fprintf(out, is_area ? "V%dZ\"/>\n" : "\"/>\n", CHART_PLOT_BOTTOM);
}

/* Nothing to be seen: what tells its figures when the mouse is there. */
static void draw_hover(const struct chart *chart, const struct stretch *list, size_t length,
	double unit_s, FILE *out)
{
	fputs("<g class=\"hover\">\n", out);
	for (size_t i = 0; i < length; i++) {
		double begin_s = (double)list[i].begin_ns / NS_IN_S;
		double end_s = (double)list[i].end_ns / NS_IN_S;
		double x = chart_x(chart, begin_s / unit_s);

		fprintf(out,
			"<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\">"
			"<title>%.4g to %.4g s: %.0f/s</title></rect>\n",
			x, CHART_PLOT_TOP, chart_x(chart, end_s / unit_s) - x,
			CHART_PLOT_BOTTOM - CHART_PLOT_TOP, begin_s, end_s, rate_of(&list[i]));
	}
	fputs("</g>\n", out);
}

static double wanted_rate(const struct load_settings *settings)
{
	return settings->rate.count > 0
		       ? (double)settings->rate.count * 1e3 / (double)settings->rate.period_ms
		       : 0;
}

static void draw_wanted_rate(const struct chart *chart, double rate, FILE *out)
{
	double y = chart_y(chart, rate);

	fprintf(out,
		"<path class=\"wanted\" d=\"M%d %.1fH%d\"><title>asked for: %.6g/s</title></path>\n"
		"<text class=\"value end\" x=\"%d\" y=\"%.1f\">asked for: %.6g/s</text>\n",
		CHART_PLOT_LEFT, y, CHART_PLOT_RIGHT, rate, CHART_PLOT_RIGHT - 4, y - 6, rate);
}

void load_draw_rate(const struct load_plan *plan, const struct load_result *result, FILE *out)
{
	struct stretch list[TIMELINE_SLOTS + 1];
	double elapsed_s = load_elapsed_s(plan, result), wanted = wanted_rate(plan->settings);
	size_t length = cut(&result->timeline, (int64_t)(elapsed_s * NS_IN_S + 0.5), list);
	double highest = wanted;
	struct chart chart;

	for (size_t i = 0; i < length; i++)
		highest = fmax(highest, rate_of(&list[i]));
	double unit_s = set_time_axis(&chart.x, elapsed_s);
	chart_axis_round(&chart.y, "round trips per second", highest * HEADROOM);
	chart_open(&chart, "Rate over time", out);
	draw_rate_line(&chart, list, length, unit_s, "area", out);
	draw_rate_line(&chart, list, length, unit_s, "line", out);
	if (wanted > 0)
		draw_wanted_rate(&chart, wanted, out);
	draw_hover(&chart, list, length, unit_s, out);
	chart_close(out);
}

/* --- Distribution ---------------------------------------------------------------------------- */

/* Bins are as wide as each other on a logarithmic scale; the first begins at 1 ns. */
static size_t bin_of(int64_t value_ns)
{
	double bin = log10(value_ns > 1 ? (double)value_ns : 1) * BINS_PER_DECADE;

	return bin < BINS ? (size_t)bin : BINS - 1;
}

static double bin_begin_ms(size_t bin)
{
	return pow(10, (double)bin / BINS_PER_DECADE) / 1e6;
}

static void draw_bar(const struct chart *chart, size_t bin, double percent, FILE *out)
{
	double begin_ms = bin_begin_ms(bin), end_ms = bin_begin_ms(bin + 1);
	double x = chart_x(chart, begin_ms), width = chart_x(chart, end_ms) - x;
	double height = fmax(CHART_PLOT_BOTTOM - chart_y(chart, percent), LEAST_BAR_PIXELS);
	double gap = fmin(1, width / 8);

	fprintf(out,
		"<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">"
		"<title>%.3g to %.3g ms: %.3g%%</title></rect>\n",
		x, CHART_PLOT_BOTTOM - height, width - gap, height, begin_ms, end_ms, percent);
}

void load_draw_distribution(const struct histogram *latency, FILE *out)
{
	double percents[BINS] = {0}, highest = 0;
	size_t first = BINS, last = 0, index = 0;
	uint64_t count;
	int64_t upper_ns;
	struct chart chart;

	while ((index = histogram_next(latency, index, &upper_ns, &count)) != 0) {
		size_t bin = bin_of(upper_ns);

		percents[bin] += 100 * (double)count / (double)latency->count;
		highest = fmax(highest, percents[bin]);
		first = bin < first ? bin : first;
		last = bin;
	}
	chart_axis_decades(&chart.x, "latency in ms", bin_begin_ms(first), bin_begin_ms(last + 1));
	chart_axis_round(&chart.y, "share of the round trips in %", highest);
	chart_open(&chart, "Distribution of the latencies", out);
	for (size_t bin = first; bin <= last; bin++)
		if (percents[bin] > 0)
			draw_bar(&chart, bin, percents[bin], out);
	chart_close(out);
}
