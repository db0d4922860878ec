/* SPDX-License-Identifier: MIT */
/*
 * The frame of a chart in SVG: axes with scales, ticks at round numbers, a grid, and titles. What is
 * drawn inside is the caller's, at places that chart_x and chart_y tell.
 * Owns nothing. Threads: any; a struct belongs to one. Source: SVG 1.1.
 */
#ifndef YODEL_CLIENT_CHART_H
#define YODEL_CLIENT_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The view box, and the plot within it; SVG counts downwards. */
enum {
	CHART_WIDTH = 860,
	CHART_HEIGHT = 340,
	CHART_PLOT_LEFT = 66,
	CHART_PLOT_RIGHT = 814,
	CHART_PLOT_TOP = 30,
	CHART_PLOT_BOTTOM = 288,
};

enum { CHART_TICKS_MAX = 24, CHART_LABEL_BYTES = 24 };

struct chart_tick {
	double value;
	char label[CHART_LABEL_BYTES];
};

struct chart_axis {
	const char *title; /* with the unit; plain text without & and < */
	bool is_logarithmic;
	double low, high; /* low < high; above 0 where the scale is logarithmic */
	size_t tick_count;
	struct chart_tick ticks[CHART_TICKS_MAX]; /* ascending, within low .. high */
};

struct chart {
	struct chart_axis x, y;
};

/* A linear axis from 0 to exactly high; to 1 where that is not above 0. */
void chart_axis_span(struct chart_axis *axis, const char *title, double high);

/* A linear axis from 0 to the first tick that is not below high. */
void chart_axis_round(struct chart_axis *axis, const char *title, double high);

/* A logarithmic axis that ends at 1, 2 or 5 times a power of ten, around low .. high; both above 0. */
void chart_axis_decades(struct chart_axis *axis, const char *title, double low, double high);

/* A logarithmic axis of 1 / (1 - quantile), labelled in percent, with room for the greatest of so
 * many values to the right of all other quantiles that they tell. */
void chart_axis_percentiles(struct chart_axis *axis, const char *title, uint64_t count);

/* Where a value stands; one beyond the axis, at its end. */
double chart_x(const struct chart *chart, double value);

/* The same on the vertical axis. */
double chart_y(const struct chart *chart, double value);

/* Begins the element svg and draws the frame. label: what the chart shows, for those who hear it. */
void chart_open(const struct chart *chart, const char *label, FILE *out);

/* Ends the element. */
void chart_close(FILE *out);

#endif
