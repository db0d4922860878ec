/* SPDX-License-Identifier: MIT */
#include "yodel/client/load_print.h"

#include "yodel/client/print.h"
#include "yodel/client/terminal.h"

#include <inttypes.h>

const struct load_quantile load_quantiles[LOAD_QUANTILES] = {
	{0, "min", "min"},
	{0.5, "median", "median"},
	{0.9, "p90", "p90"},
	{0.99, "p99", "p99"},
	{0.999, "p99.9", "p99_9"},
	{0.9999, "p99.99", "p99_99"},
	{1, "max", "max"},
};

static double ms_at(const struct histogram *histogram, size_t i)
{
	return (double)histogram_quantile(histogram, load_quantiles[i].quantile) / 1e6;
}

double load_bytes_per_s(const struct load_plan *plan, const struct load_result *result)
{
	return (double)result->round_trips * (double)plan->settings->size_bytes /
	       load_elapsed_s(plan, result);
}

double load_rate_per_s(const struct load_plan *plan, const struct load_result *result)
{
	return (double)result->round_trips / load_elapsed_s(plan, result);
}

double load_cpu_us(const struct load_result *result)
{
	return result->round_trips > 0 ? (double)result->cpu_ns / 1e3 / (double)result->round_trips
				       : 0;
}

void load_describe(const struct load_plan *plan, char *text, size_t capacity)
{
	const struct load_settings *settings = plan->settings;
	char rate[PARSE_TEXT_BYTES];
	size_t used = (size_t)snprintf(text, capacity,
		"%" PRId64 " connection%s, %" PRId64 " thread%s, messages of %" PRId64 " bytes, ",
		settings->connections, settings->connections == 1 ? "" : "s", settings->threads,
		settings->threads == 1 ? "" : "s", settings->size_bytes);

	format_rate(rate, settings->rate);
	if (settings->rate.count > 0)
		snprintf(text + used, capacity - used, "%s%s",
			settings->is_connecting ? "a new connection for each, " : "", rate);
	else if (settings->is_connecting)
		snprintf(text + used, capacity - used, "a new connection for each");
	else
		snprintf(text + used, capacity - used, "%" PRId64 " under way on each connection",
			settings->depth);
}

/* --- The table ------------------------------------------------------------------------------- */

static void print_quantiles(const char *title, const struct histogram *histogram)
{
	if (histogram->count == 0)
		return;
	printf("%-12s", title);
	for (size_t i = 0; i < LOAD_QUANTILES; i++) {
		char text[PRINT_TEXT_BYTES];

		format_ms(text, ms_at(histogram, i) * 1e6);
		printf(" %9s", text);
	}
	putchar('\n');
}

static void print_latencies(const struct load_result *result)
{
	printf("%-12s", "\nms");
	for (size_t i = 0; i < LOAD_QUANTILES; i++)
		printf(" %9s", load_quantiles[i].title);
	putchar('\n');
	print_quantiles("round trip", &result->latency);
	print_quantiles("connect", &result->connect);
}

static void print_trouble(const struct load_plan *plan, const struct load_result *result)
{
	printf("%-12s", "trouble");
	if (load_trouble(result) > 0)
		terminal_paint(plan->request, stdout, COLOR_BAD,
			" %" PRIu64 " messages lost, %" PRIu64 " unfinished, %" PRIu64
			" connections failed, %" PRIu64 " mismatched",
			result->lost, result->unfinished, load_failures(result),
			result->mismatched);
	else if (result->completed == 0)
		terminal_paint(plan->request, stdout, COLOR_WARN, " nothing was sent");
	else if (result->round_trips == 0)
		terminal_paint(plan->request, stdout, COLOR_WARN,
			" nothing was measured: all was over within the warm-up");
	else
		terminal_paint(plan->request, stdout, COLOR_GOOD, " none: every byte came back");
	putchar('\n');
}

void load_print_table(const struct load_plan *plan, const struct load_result *result)
{
	char plan_text[256], out[PRINT_TEXT_BYTES], rate[PRINT_TEXT_BYTES];

	load_describe(plan, plan_text, sizeof plan_text);
	format_bytes(out, (double)result->sent_bytes);
	format_bytes(rate, load_bytes_per_s(plan, result));
	printf("%-12s %s\n", "load", plan_text);
	printf("%-12s %s\n", "on", plan->request->target);
	printf("%-12s %" PRIu64 " in %.3f s: %.1f/s, %s/s each way\n", "round trips",
		result->round_trips, load_elapsed_s(plan, result), load_rate_per_s(plan, result),
		rate);
	printf("%-12s %" PRIu64 " opened, %" PRIu64 " failed\n", "connections", result->opened,
		load_failures(result));
	printf("%-12s %" PRIu64 " sent (%s), %" PRIu64 " received\n", "bytes", result->sent_bytes,
		out, result->received_bytes);
	printf("%-12s %.2f us of ours a round trip\n", "CPU", load_cpu_us(result));
	print_trouble(plan, result);
	print_latencies(result);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static json_t *json_of_quantiles(const struct histogram *histogram)
{
	json_t *object = json_pack("{sI sf sf}", "count", (json_int_t)histogram->count, "mean",
		histogram_mean(histogram) / 1e6, "deviation", histogram_deviation(histogram) / 1e6);

	for (size_t i = 0; i < LOAD_QUANTILES; i++)
		json_object_set_new(object, load_quantiles[i].name, json_real(ms_at(histogram, i)));
	return object;
}

static json_t *json_of_failures(const struct load_result *result)
{
	json_t *object = json_object();

	for (size_t i = 0; i < FAILURE_KIND_COUNT; i++)
		if (result->failed[i] > 0)
			json_object_set_new(object, failure_word((enum failure_kind)i),
				json_pack("{sI ss}", "count", (json_int_t)result->failed[i],
					"first", result->first_failure[i].message));
	return object;
}

static json_t *json_of_timeline(const struct timeline *timeline)
{
	json_t *slots = json_array();

	for (size_t i = 0; i < timeline->used; i++)
		json_array_append_new(slots, json_integer((json_int_t)timeline->slots[i]));
	return json_pack(
		"{sf so}", "slot_ms", (double)timeline_width(timeline) / 1e6, "round_trips", slots);
}

/* What is asked for; 0: as fast as answers come. */
static double rate_per_s_of(const struct load_settings *settings)
{
	if (settings->rate.count == 0)
		return 0;
	return (double)settings->rate.count * 1e3 / (double)settings->rate.period_ms;
}

static json_t *json_of_settings(const struct load_settings *settings)
{
	return json_pack("{sI sI sI sI sf sb sI sI sI}", "connections",
		(json_int_t)settings->connections, "threads", (json_int_t)settings->threads,
		"depth", (json_int_t)settings->depth, "size_bytes",
		(json_int_t)settings->size_bytes, "rate_per_s",
		settings->rate.count > 0
			? (double)settings->rate.count * 1e3 / (double)settings->rate.period_ms
			: 0.0,
		"connect", (int)settings->is_connecting, "duration_ms",
		(json_int_t)settings->duration_ms, "warmup_ms", (json_int_t)settings->warmup_ms,
		"count", (json_int_t)settings->count);
}

void load_print_json(const struct load_plan *plan, const struct load_result *result)
{
	print_json(json_pack("{ss ss so sb sf sI sf sf sI sI sI sI sI sI sI sf so so so so}",
		"command", "load", "target", plan->request->target, "load",
		json_of_settings(plan->settings), "is_interrupted",
		(int)atomic_load(&plan->is_interrupted), "elapsed_ms",
		load_elapsed_s(plan, result) * 1e3, "round_trips", (json_int_t)result->round_trips,
		"round_trips_per_s", load_rate_per_s(plan, result), "bytes_per_s",
		load_bytes_per_s(plan, result), "completed", (json_int_t)result->completed, "lost",
		(json_int_t)result->lost, "unfinished", (json_int_t)result->unfinished,
		"connections_opened", (json_int_t)result->opened, "connections_mismatched",
		(json_int_t)result->mismatched, "sent_bytes", (json_int_t)result->sent_bytes,
		"received_bytes", (json_int_t)result->received_bytes, "cpu_us_per_round_trip",
		load_cpu_us(result), "connections_failed", json_of_failures(result), "latency_ms",
		json_of_quantiles(&result->latency), "connect_ms",
		json_of_quantiles(&result->connect), "timeline",
		json_of_timeline(&result->timeline)));
}

/* --- CSV ------------------------------------------------------------------------------------- */

/* A text in quotes, which are doubled within it. */
static void print_quoted(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

void load_print_csv(const struct load_plan *plan, const struct load_result *result)
{
	const struct load_settings *settings = plan->settings;

	fputs("target,connections,threads,depth,size_bytes,connect,rate_per_s,warmup_ms,"
	      "elapsed_ms,round_trips,"
	      "round_trips_per_s,bytes_per_s,completed,lost,unfinished,connections_opened,"
	      "connections_failed,connections_mismatched,sent_bytes,received_bytes,"
	      "cpu_us_per_round_trip",
		stdout);
	for (size_t i = 0; i < LOAD_QUANTILES; i++)
		printf(",latency_%s_ms", load_quantiles[i].name);
	for (size_t i = 0; i < LOAD_QUANTILES; i++)
		printf(",connect_%s_ms", load_quantiles[i].name);
	putchar('\n');
	print_quoted(plan->request->target);
	printf(",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%d,%.3f,%" PRId64,
		settings->connections, settings->threads, settings->depth, settings->size_bytes,
		settings->is_connecting, rate_per_s_of(settings), settings->warmup_ms);
	printf(",%.3f,%" PRIu64 ",%.3f,%.3f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
	       ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.3f",
		load_elapsed_s(plan, result) * 1e3, result->round_trips,
		load_rate_per_s(plan, result), load_bytes_per_s(plan, result), result->completed,
		result->lost, result->unfinished, result->opened, load_failures(result),
		result->mismatched, result->sent_bytes, result->received_bytes,
		load_cpu_us(result));
	for (size_t i = 0; i < LOAD_QUANTILES; i++)
		printf(",%.6f", ms_at(&result->latency, i));
	for (size_t i = 0; i < LOAD_QUANTILES; i++)
		printf(",%.6f", ms_at(&result->connect, i));
	putchar('\n');
}
