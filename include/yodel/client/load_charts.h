/* SPDX-License-Identifier: MIT */
/*
 * The charts of a load, as elements svg for a page that brings the styles: classes grid, axis, below,
 * beside, title, end, line, area, bar, dot, value, wanted, hover.
 * Each needs at least one value in what it draws. However long the run was, a chart stays below
 * 80 KB. Borrows plan and result. Threads: one. Source: SVG 1.1.
 */
#ifndef YODEL_CLIENT_LOAD_CHARTS_H
#define YODEL_CLIENT_LOAD_CHARTS_H

#include "yodel/client/load.h"

#include <stdio.h>

/* Latency by percentile, each next decade of 1 / (1 - quantile) as wide as the one before. */
void load_draw_percentiles(const struct histogram *latency, FILE *out);

/* Round trips a second over the time, and the rate that was asked for, if one was. */
void load_draw_rate(const struct load_plan *plan, const struct load_result *result, FILE *out);

/* The share of the round trips that took so long, over a logarithmic scale of the latency. */
void load_draw_distribution(const struct histogram *latency, FILE *out);

#endif
