/* SPDX-License-Identifier: MIT */
#include "yodel/client/load_print.h"

#include "yodel/base/attributes.h"
#include "yodel/base/clock.h"
#include "yodel/base/parse.h"
#include "yodel/client/load_charts.h"
#include "yodel/client/print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <time.h>

#define NS_IN_S ((int64_t)1000 * 1000 * 1000)

static const char style[] =
	"<style>\n"
	":root{color-scheme:light dark;--page:#fff;--ink:#1b1f24;--soft:#59636e;--rule:#d8dde3;"
	"--grid:#e8ebef;--tile:#f5f7f9;--line:#0b62c4;--area:#0b62c424;--bar:#3f86d6;"
	"--wanted:#a14b00;--good:#116329;--good-tile:#e3f6e8;--bad:#b3131b;--bad-tile:#ffebe9;"
	"--warn:#7d4e00;--warn-tile:#fff5d6}\n"
	"@media screen and (prefers-color-scheme:dark){:root{--page:#0f1318;--ink:#e4e8ed;"
	"--soft:#98a3af;--rule:#363f49;--grid:#232a32;--tile:#181e25;--line:#6cb0ff;"
	"--area:#6cb0ff2b;--bar:#4a90de;--wanted:#f0a35e;--good:#6fdd8b;--good-tile:#12291a;"
	"--bad:#ff8a80;--bad-tile:#3a1517;--warn:#f2cc60;--warn-tile:#2f2710}}\n"
	"@media print{:root{color-scheme:light}body{print-color-adjust:exact;"
	"-webkit-print-color-adjust:exact}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;max-width:1000px;padding:28px 20px 40px;background:var(--page);"
	"color:var(--ink);font:15px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums}\n"
	"h1{font-size:26px;line-height:1.25;margin:0;overflow-wrap:anywhere}\n"
	"h2{font-size:17px;margin:32px 0 8px}\n"
	"p{margin:4px 0}\n"
	".soft,footer{color:var(--soft)}\n"
	".verdict{margin:18px 0;padding:9px 14px;border-left:4px solid;border-radius:4px;"
	"font-weight:600;overflow-wrap:anywhere}\n"
	".verdict ul{margin:4px 0 0;padding-left:20px;font-weight:400}\n"
	".good{color:var(--good);background:var(--good-tile)}\n"
	".bad{color:var(--bad);background:var(--bad-tile)}\n"
	".warn{color:var(--warn);background:var(--warn-tile)}\n"
	".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(145px,1fr));gap:10px;"
	"margin:0}\n"
	".tiles div{background:var(--tile);border-radius:6px;padding:10px 14px}\n"
	".tiles dt{color:var(--soft);font-size:13px}\n"
	".tiles dd{margin:0;font-size:21px;font-weight:600;line-height:1.3;white-space:nowrap}\n"
	".tiles small{font-size:14px;font-weight:400;color:var(--soft)}\n"
	"figure{margin:0;overflow-x:auto;break-inside:avoid}\n"
	"section{break-inside:avoid}\n"
	"svg{display:block;width:100%;min-width:460px;height:auto}\n"
	"svg text{font-size:13px;fill:var(--soft)}\n"
	"@media(max-width:620px){svg text{font-size:15px}}\n"
	"svg .below text{text-anchor:middle}\n"
	"svg .beside text,svg .end{text-anchor:end}\n"
	"svg .value{fill:var(--ink);font-weight:600;paint-order:stroke;stroke:var(--page);"
	"stroke-width:4px;stroke-linejoin:round}\n"
	".grid{stroke:var(--grid)}\n"
	".axis{stroke:var(--soft);fill:none}\n"
	".line{stroke:var(--line);stroke-width:2;stroke-linejoin:round;fill:none}\n"
	".area{fill:var(--area)}\n"
	".bar{fill:var(--bar)}\n"
	".dot{fill:var(--line);stroke:var(--page);stroke-width:1.5}\n"
	".wanted{stroke:var(--wanted);stroke-width:1.5;stroke-dasharray:6 4;fill:none}\n"
	".hover rect{fill:transparent}\n"
	".hover rect:hover{fill:var(--area)}\n"
	".tables{columns:2 300px;column-gap:48px;margin-top:32px}\n"
	".tables h2{margin-top:0}\n"
	".tables section{padding-bottom:28px}\n"
	"table{border-collapse:collapse;width:100%}\n"
	"td,th{padding:4px 0 4px 16px;border-bottom:1px solid var(--rule);text-align:right;"
	"font-weight:400}\n"
	"th:first-child{text-align:left;padding-left:0;color:var(--soft)}\n"
	"thead th{color:var(--soft);font-size:13px}\n"
	"footer{font-size:13px}\n"
	"</style>\n";

/* --- Texts ----------------------------------------------------------------------------------- */

/* A text from outside, free of control characters, so that nothing in it is markup. */
static void put_text(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			putc(*text, out);
		}
	}
}

/* A number as people read it, with the whole of it for programs. */
static void put_number(double value, const char *text, FILE *out)
{
	fprintf(out, "<data value=\"%.9g\">%s</data>", value, text);
}

/* Digits in groups of three. */
static void put_count(uint64_t count, FILE *out)
{
	char digits[PRINT_TEXT_BYTES];
	int length = snprintf(digits, sizeof digits, "%" PRIu64, count);

	fprintf(out, "<data value=\"%s\">", digits);
	for (int i = 0; i < length; i++)
		fprintf(out, i > 0 && (length - i) % 3 == 0 ? ",%c" : "%c", digits[i]);
	fputs("</data>", out);
}

static void put_ms(double ns, FILE *out)
{
	char text[PRINT_TEXT_BYTES];

	format_ms(text, ns);
	put_number(ns / 1e6, text, out);
}

/* --- The head -------------------------------------------------------------------------------- */

/* When the load began. */
static void put_date(const struct load_plan *plan, FILE *out)
{
	int64_t ago_s = (clock_monotonic_ns() - plan->start_ns) / NS_IN_S;
	time_t begin = time(NULL) - (time_t)ago_s;
	struct tm utc;
	char text[sizeof "-2147483648-12-31 23:59:60 UTC"];

	gmtime_r(&begin, &utc);
	strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc);
	fputs(text, out);
}

static void put_head(const struct load_plan *plan, FILE *out)
{
	char what[256];

	load_describe(plan, what, sizeof what);
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	      "<meta name=\"generator\" content=\"yodel " YODEL_VERSION "\">\n<title>Load on ",
		out);
	put_text(plan->request->target, out);
	fputs("</title>\n", out);
	fputs(style, out);
	fputs("</head>\n<body>\n<header>\n<h1>Load on ", out);
	put_text(plan->request->target, out);
	fputs("</h1>\n<p>", out);
	put_text(what, out);
	fputs("</p>\n<p class=\"soft\">begun ", out);
	put_date(plan, out);
	fputs(", measured by yodel " YODEL_VERSION "</p>\n</header>\n", out);
}

/* --- The verdict ----------------------------------------------------------------------------- */

static void put_failure(const struct failure *failure, uint64_t count, FILE *out)
{
	fprintf(out, "<li>%s, %" PRIu64 " time%s; the first: ", failure_word(failure->kind), count,
		count == 1 ? "" : "s");
	put_text(failure->message, out);
	fputs("</li>\n", out);
}

static void put_trouble(const struct load_result *result, FILE *out)
{
	fprintf(out,
		"<div class=\"verdict bad\">Trouble: %" PRIu64 " messages lost, %" PRIu64
		" unfinished, %" PRIu64 " connections failed, %" PRIu64
		" brought back other bytes\n<ul>\n",
		result->lost, result->unfinished, load_failures(result), result->mismatched);
	for (size_t i = 0; i < FAILURE_KIND_COUNT; i++)
		if (result->failed[i] > 0)
			put_failure(&result->first_failure[i], result->failed[i], out);
	if (result->mismatched > 0)
		put_failure(&result->first_mismatch, result->mismatched, out);
	fputs("</ul></div>\n", out);
}

static void put_verdict(const struct load_result *result, FILE *out)
{
	if (load_trouble(result) > 0)
		put_trouble(result, out);
	else if (result->completed == 0)
		fputs("<p class=\"verdict warn\">Nothing was sent</p>\n", out);
	else
		fputs("<p class=\"verdict good\">No trouble: every byte came back</p>\n", out);
}

/* --- The figures ----------------------------------------------------------------------------- */

static void begin_tile(const char *name, FILE *out)
{
	fprintf(out, "<div><dt>%s</dt><dd>", name);
}

static void end_tile(const char *unit, FILE *out)
{
	fprintf(out, " <small>%s</small></dd></div>\n", unit);
}

static void put_latency_tile(
	const char *name, const struct histogram *latency, double quantile, FILE *out)
{
	if (latency->count == 0)
		return;
	begin_tile(name, out);
	put_ms((double)histogram_quantile(latency, quantile), out);
	end_tile("ms", out);
}

static void put_tiles(const struct load_plan *plan, const struct load_result *result, FILE *out)
{
	double rate = load_rate_per_s(plan, result), bytes = load_bytes_per_s(plan, result);
	char text[PRINT_TEXT_BYTES];

	fputs("<dl class=\"tiles\">\n", out);
	begin_tile("Rate", out);
	if (rate >= 100) {
		put_count((uint64_t)(rate + 0.5), out);
	} else {
		snprintf(text, sizeof text, "%.3g", rate);
		put_number(rate, text, out);
	}
	end_tile("/s", out);
	begin_tile("Bytes, each way", out);
	format_bytes(text, bytes);
	put_number(bytes, text, out);
	end_tile("/s", out);
	begin_tile("Round trips", out);
	put_count(result->round_trips, out);
	end_tile("", out);
	put_latency_tile("Median", &result->latency, 0.5, out);
	put_latency_tile("p99", &result->latency, 0.99, out);
	put_latency_tile("Max", &result->latency, 1, out);
	fputs("</dl>\n", out);
}

/* --- The charts ------------------------------------------------------------------------------ */

static void begin_chart(const char *id, const char *title, FILE *out)
{
	fprintf(out, "<section id=\"%s\">\n<h2>%s</h2>\n<figure>\n", id, title);
}

static void end_chart(FILE *out)
{
	fputs("</figure>\n</section>\n", out);
}

static void put_charts(const struct load_plan *plan, const struct load_result *result, FILE *out)
{
	if (result->latency.count > 0) {
		begin_chart("percentiles", "Latency by percentile", out);
		load_draw_percentiles(&result->latency, out);
		end_chart(out);
	}
	if (result->timeline.used > 0) {
		begin_chart("rate", "Rate over time", out);
		load_draw_rate(plan, result, out);
		end_chart(out);
	}
	if (result->latency.count > 0) {
		begin_chart("distribution", "Distribution of the latencies", out);
		load_draw_distribution(&result->latency, out);
		end_chart(out);
	}
}

/* --- The tables ------------------------------------------------------------------------------ */

static void put_cell(const struct histogram *histogram, double ns, FILE *out)
{
	fputs("<td>", out);
	if (histogram->count > 0)
		put_ms(ns, out);
	fputs("</td>", out);
}

static void put_quantiles(const struct load_result *result, FILE *out)
{
	const struct histogram *latency = &result->latency, *connect = &result->connect;

	fputs("<section id=\"quantiles\">\n<h2>Quantiles</h2>\n<table>\n<thead><tr><th>ms</th>"
	      "<th>round trip</th><th>connect</th></tr></thead>\n<tbody>\n",
		out);
	for (size_t i = 0; i < LOAD_QUANTILES; i++) {
		double quantile = load_quantiles[i].quantile;

		fprintf(out, "<tr><th>%s</th>", load_quantiles[i].title);
		put_cell(latency, (double)histogram_quantile(latency, quantile), out);
		put_cell(connect, (double)histogram_quantile(connect, quantile), out);
		fputs("</tr>\n", out);
	}
	fputs("<tr><th>mean</th>", out);
	put_cell(latency, histogram_mean(latency), out);
	put_cell(connect, histogram_mean(connect), out);
	fputs("</tr>\n<tr><th>standard deviation</th>", out);
	put_cell(latency, histogram_deviation(latency), out);
	put_cell(connect, histogram_deviation(connect), out);
	fputs("</tr>\n<tr><th>count</th><td>", out);
	put_count(latency->count, out);
	fputs("</td><td>", out);
	put_count(connect->count, out);
	fputs("</td></tr>\n</tbody>\n</table>\n</section>\n", out);
}

static void begin_table(const char *id, const char *title, FILE *out)
{
	fprintf(out, "<section id=\"%s\">\n<h2>%s</h2>\n<table>\n<tbody>\n", id, title);
}

static void end_table(FILE *out)
{
	fputs("</tbody>\n</table>\n</section>\n", out);
}

/* The value is text of our own. */
static void PRINTF_LIKE(3, 4) put_row(FILE *out, const char *name, const char *format, ...)
{
	va_list arguments;

	fprintf(out, "<tr><th>%s</th><td>", name);
	va_start(arguments, format);
	vfprintf(out, format, arguments);
	va_end(arguments);
	fputs("</td></tr>\n", out);
}

static void put_count_row(const char *name, uint64_t count, FILE *out)
{
	fprintf(out, "<tr><th>%s</th><td>", name);
	put_count(count, out);
	fputs("</td></tr>\n", out);
}

static void put_parameters(const struct load_settings *settings, FILE *out)
{
	char text[PARSE_TEXT_BYTES];

	begin_table("parameters", "Parameters", out);
	put_count_row("connections", (uint64_t)settings->connections, out);
	put_count_row("threads", (uint64_t)settings->threads, out);
	put_count_row("bytes of a message", (uint64_t)settings->size_bytes, out);
	format_rate(text, settings->rate);
	put_row(out, "rate", "%s", settings->rate.count > 0 ? text : "as answers come");
	if (settings->is_connecting)
		put_row(out, "connections last", "for one message");
	else if (settings->rate.count == 0)
		put_count_row("under way on each connection", (uint64_t)settings->depth, out);
	format_duration(text, settings->warmup_ms);
	put_row(out, "warm-up", "%s", settings->warmup_ms > 0 ? text : "none");
	format_duration(text, settings->duration_ms);
	if (settings->duration_ms > 0)
		put_row(out, "measured for", "%s", text);
	if (settings->count > 0)
		put_count_row("messages", (uint64_t)settings->count, out);
	end_table(out);
}

static void put_totals(const struct load_plan *plan, const struct load_result *result, FILE *out)
{
	double elapsed_s = load_elapsed_s(plan, result);

	begin_table("totals", "Totals", out);
	put_row(out, "measured", "<data value=\"%.9g\">%.3f</data> s", elapsed_s * 1e3, elapsed_s);
	put_count_row("round trips, warm-up included", result->completed, out);
	put_count_row("messages lost", result->lost, out);
	put_count_row("messages unfinished", result->unfinished, out);
	put_count_row("connections opened", result->opened, out);
	put_count_row("connections failed", load_failures(result), out);
	put_count_row("connections with other bytes", result->mismatched, out);
	put_count_row("bytes sent", result->sent_bytes, out);
	put_count_row("bytes received", result->received_bytes, out);
	put_row(out, "CPU of ours for a round trip", "<data value=\"%.9g\">%.2f</data> &#181;s",
		load_cpu_us(result), load_cpu_us(result));
	end_table(out);
}

static void put_foot(const struct load_settings *settings, FILE *out)
{
	fputs("<footer>\n<p>", out);
	fputs(settings->rate.count > 0
			? "A latency counts from the moment at which the message was due, whether it could be "
			  "sent then or not."
		: settings->is_connecting
			? "A latency counts from the beginning of the connect to the last byte."
			: "A latency counts from the moment at which the message was begun to its last byte; "
			  "while answers are late, fewer messages are sent, and fewer are late.",
		out);
	fputs(" A quantile is at most one hundredth above the true value.</p>\n</footer>\n", out);
}

int load_write_html(const struct load_plan *plan, const struct load_result *result, FILE *out)
{
	put_head(plan, out);
	fputs("<main>\n", out);
	put_verdict(result, out);
	put_tiles(plan, result, out);
	put_charts(plan, result, out);
	fputs("<div class=\"tables\">\n", out);
	put_quantiles(result, out);
	put_parameters(plan->settings, out);
	put_totals(plan, result, out);
	fputs("</div>\n</main>\n", out);
	put_foot(plan->settings, out);
	fputs("</body>\n</html>\n", out);
	return fflush(out) == 0 && ferror(out) == 0 ? 0 : -1;
}
