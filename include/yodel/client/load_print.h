/* SPDX-License-Identifier: MIT */
/*
 * The result of a load in its forms: a table for people, JSON, CSV, and a page for a browser.
 * Borrows plan and result. Threads: one. Source: RFC 4180 (CSV), RFC 8259 (JSON), SVG 1.1.
 */
#ifndef YODEL_CLIENT_LOAD_PRINT_H
#define YODEL_CLIENT_LOAD_PRINT_H

#include "yodel/client/load.h"

#include <stdio.h>

/* A quantile that is told; the same ones everywhere. */
struct load_quantile {
	double quantile;
	const char *title; /* for people */
	const char *name;  /* of JSON and CSV */
};

enum { LOAD_QUANTILES = 7 };

/* From the least to the greatest. */
extern const struct load_quantile load_quantiles[LOAD_QUANTILES];

/* Round trips a second. */
double load_rate_per_s(const struct load_plan *plan, const struct load_result *result);

/* Bytes a second; both ways count once: what went out and came back. */
double load_bytes_per_s(const struct load_plan *plan, const struct load_result *result);

/* Microseconds of the client's processor for a round trip; 0 where there was none. */
double load_cpu_us(const struct load_result *result);

/* Prints a table on stdout. */
void load_print_table(const struct load_plan *plan, const struct load_result *result);

/* Prints one JSON object on stdout. */
void load_print_json(const struct load_plan *plan, const struct load_result *result);

/* Prints a line with the names of the columns and one with the values on stdout. */
void load_print_csv(const struct load_plan *plan, const struct load_result *result);

/* Writes one HTML page that needs nothing else: the figures, the distribution of the latencies and
 * the rate over time as inline SVG. Returns 0, or -1 with errno. */
int load_write_html(const struct load_plan *plan, const struct load_result *result, FILE *out);

/* What was loaded, in words: "100 connections, 4 messages of 64 bytes under way on each". */
void load_describe(const struct load_plan *plan, char *text, size_t capacity);

#endif
