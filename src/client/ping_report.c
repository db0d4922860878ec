/* SPDX-License-Identifier: MIT */
#include "yodel/client/ping_report.h"

#include "yodel/base/check.h"
#include "yodel/client/print.h"
#include "yodel/client/terminal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NS_PER_MS = 1000000, SECONDS_BYTES = 40, LINE_BYTES = 4096 };

static const struct {
	const char *name, *key; /* in text, in JSON */
	double quantile;
} quantiles[] = {
	{"min", "min_ms", 0},
	{"median", "median_ms", 0.5},
	{"p90", "p90_ms", 0.9},
	{"p99", "p99_ms", 0.99},
	{"p99.9", "p99_9_ms", 0.999},
	{"max", "max_ms", 1},
};

enum { QUANTILES = sizeof quantiles / sizeof *quantiles };

/* --- Counting -------------------------------------------------------------------------------- */

static void add_rtt(struct ping_tally *tally, int64_t rtt_ns)
{
	int64_t difference = rtt_ns - tally->last_rtt_ns;

	if (tally->rtts.count > 0) {
		tally->jitter_sum_ns += (double)(difference < 0 ? -difference : difference);
		tally->jitter_count++;
	}
	tally->last_rtt_ns = rtt_ns;
	histogram_record(&tally->rtts, rtt_ns);
}

void ping_tally_add(struct ping_tally *tally, const struct pinger *pinger, enum round_result result)
{
	CHECK(result != ROUND_INTERRUPTED);
	tally->sent++;
	tally->lost += result == ROUND_LOST;
	tally->mismatched += result == ROUND_MISMATCHED;
	if (result == ROUND_ANSWERED)
		add_rtt(tally, pinger->rtt_ns);
	else
		tally->failure = pinger->failure;
}

double ping_tally_jitter(const struct ping_tally *tally)
{
	return tally->jitter_count > 0 ? tally->jitter_sum_ns / (double)tally->jitter_count : 0;
}

static uint64_t reconnects(const struct pinger *pinger)
{
	return pinger->connects > 1 ? pinger->connects - 1 : 0;
}

/* Cut to hundredths, so that only all is 100. */
static double loss_percent(const struct ping_tally *tally)
{
	uint64_t hundredths = tally->sent > 0 ? tally->lost * 10000 / tally->sent : 0;

	return (double)hundredths / 100;
}

static int64_t median_ns(const struct ping_tally *tally)
{
	return histogram_quantile(&tally->rtts, 0.5);
}

/* --- Text ------------------------------------------------------------------------------------ */

static void name_peer(const struct pinger *pinger, char text[TARGET_BYTES])
{
	if (pinger->has_peer)
		address_format(&pinger->peer, text);
	else
		snprintf(text, TARGET_BYTES, "%s", pinger->request->target);
}

void ping_print_header(const struct ping_plan *plan, const struct pinger *pinger)
{
	char peer[ADDRESS_TEXT_BYTES];

	address_format(pinger->has_peer ? &pinger->peer : &pinger->target.addresses[0], peer);
	printf("PING %s (%s): ", peer, pinger->request->target);
	if (plan->is_connect)
		puts("connects");
	else
		printf("%s of %zu bytes\n", pinger->request->is_udp ? "datagrams" : "messages",
			plan->size_bytes);
	fflush(stdout);
}

static void print_failure(const struct pinger *pinger, uint64_t seq)
{
	terminal_paint(
		pinger->request, stderr, COLOR_BAD, "%s", failure_word(pinger->failure.kind));
	fprintf(stderr, ": seq=%" PRIu64 ": %s\n", seq, pinger->failure.message);
}

void ping_print_round(const struct ping_plan *plan, const struct pinger *pinger, uint64_t seq,
	enum round_result result)
{
	char peer[ADDRESS_TEXT_BYTES], ms[PRINT_TEXT_BYTES];

	if (result != ROUND_ANSWERED) {
		print_failure(pinger, seq);
		return;
	}
	address_format(&pinger->peer, peer);
	format_ms(ms, (double)pinger->rtt_ns);
	if (plan->is_connect)
		printf("connected to %s", peer);
	else
		printf("%zu bytes from %s", plan->size_bytes, peer);
	printf(": seq=%" PRIu64 " time=%s ms", seq, ms);
	if (!plan->is_connect && pinger->connect_ns > 0 && pinger->connects > 1) {
		format_ms(ms, (double)pinger->connect_ns);
		printf(" (reconnected in %s ms)", ms);
	}
	putchar('\n');
}

static void print_rtts(const struct ping_tally *tally)
{
	char ms[PRINT_TEXT_BYTES];

	fputs("rtt ", stdout);
	for (size_t i = 0; i < QUANTILES; i++)
		printf("%s/", quantiles[i].name);
	fputs("jitter = ", stdout);
	for (size_t i = 0; i < QUANTILES; i++) {
		format_ms(ms, (double)histogram_quantile(&tally->rtts, quantiles[i].quantile));
		printf("%s/", ms);
	}
	format_ms(ms, ping_tally_jitter(tally));
	printf("%s ms\n", ms);
}

void ping_print_summary(
	const struct ping_plan *plan, const struct pinger *pinger, const struct ping_tally *tally)
{
	char peer[TARGET_BYTES];

	name_peer(pinger, peer);
	printf("--- %s ping statistics ---\n", peer);
	printf("%" PRIu64 " sent, %" PRIu64 " received, %" PRIu64 " lost (%g%%), %" PRIu64
	       " mismatched, ",
		tally->sent, tally->rtts.count, tally->lost, loss_percent(tally),
		tally->mismatched);
	if (pinger->request->is_udp)
		printf("%" PRIu64 " duplicate, %" PRIu64 " late", pinger->duplicates, pinger->late);
	else
		printf("%" PRIu64 " reconnects", plan->is_connect ? 0 : reconnects(pinger));
	printf(", time %" PRId64 " ms\n", (tally->ended_ns - tally->begun_ns) / NS_PER_MS);
	if (tally->rtts.count > 0)
		print_rtts(tally);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void set(json_t *object, const char *key, json_t *value)
{
	CHECK(json_object_set_new(object, key, value) == 0);
}

/* Null where there is nothing to tell. */
static void set_ms(json_t *object, const char *key, bool is_known, double ns)
{
	set(object, key, is_known ? json_real(ns / NS_PER_MS) : json_null());
}

static void set_count(json_t *object, const char *key, uint64_t count)
{
	set(object, key, json_integer((json_int_t)count));
}

void ping_print_json(
	const struct ping_plan *plan, const struct pinger *pinger, const struct ping_tally *tally)
{
	json_t *object = json_object();
	bool has_rtt = tally->rtts.count > 0;
	char peer[TARGET_BYTES];

	name_peer(pinger, peer);
	set(object, "command", json_string(pinger->request->command));
	set(object, "target", json_string(pinger->request->target));
	set(object, "is_interrupted", json_boolean(tally->is_interrupted));
	set(object, "address", pinger->has_peer ? json_string(peer) : json_null());
	set(object, "measures",
		json_string(plan->is_connect          ? "connect"
			    : pinger->request->is_udp ? "datagram"
						      : "message"));
	set(object, "size_bytes",
		plan->is_connect ? json_null() : json_integer((json_int_t)plan->size_bytes));
	set_count(object, "interval_ms", (uint64_t)plan->interval_ms);
	set_count(object, "timeout_ms", (uint64_t)pinger->request->timeout_ms);
	set_count(object, "sent", tally->sent);
	set_count(object, "received", tally->rtts.count);
	set_count(object, "lost", tally->lost);
	set(object, "loss_percent", json_real(loss_percent(tally)));
	set_count(object, "mismatched", tally->mismatched);
	set_count(object, "duplicate", pinger->duplicates);
	set_count(object, "late", pinger->late);
	set_count(object, "connects", pinger->connects);
	set_count(object, "reconnects", plan->is_connect ? 0 : reconnects(pinger));
	set_ms(object, "time_ms", true, (double)(tally->ended_ns - tally->begun_ns));
	for (size_t i = 0; i < QUANTILES; i++)
		set_ms(object, quantiles[i].key, has_rtt,
			(double)histogram_quantile(&tally->rtts, quantiles[i].quantile));
	set_ms(object, "mean_ms", has_rtt, histogram_mean(&tally->rtts));
	set_ms(object, "jitter_ms", tally->jitter_count > 0, ping_tally_jitter(tally));
	print_json(object);
}

/* --- Monitoring plug-in ---------------------------------------------------------------------- */

static const char *const state_words[] = {
	[NAGIOS_OK] = "OK",
	[NAGIOS_WARNING] = "WARNING",
	[NAGIOS_CRITICAL] = "CRITICAL",
	[NAGIOS_UNKNOWN] = "UNKNOWN",
};

/* The line ends with the text, for what stands behind a bar are figures. */
static void print_state(enum nagios_state state, const char *text)
{
	printf("YODEL %s - ", state_words[state]);
	for (; *text != '\0'; text++)
		putchar(*text == '|' ? '/' : *text == '\n' ? ' ' : *text);
}

enum nagios_state ping_print_nagios_failure(enum nagios_state state, const char *format, ...)
{
	char text[LINE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	print_state(state, text);
	putchar('\n');
	return state;
}

/* Seconds without an exponent and without zeros at the end; nothing for a threshold that is none. */
static void format_seconds(char text[SECONDS_BYTES], int64_t ns)
{
	snprintf(text, SECONDS_BYTES, "%" PRId64 ".%09" PRId64, ns / 1000000000, ns % 1000000000);
	size_t length = strlen(text);
	while (text[length - 1] == '0')
		length--;
	text[text[length - 1] == '.' ? length - 1 : length] = '\0';
	if (ns < 0)
		text[0] = '\0';
}

static enum nagios_state judge(const struct ping_plan *plan, const struct ping_tally *tally)
{
	int64_t median = median_ns(tally);

	if (tally->sent == 0)
		return NAGIOS_UNKNOWN;
	if (tally->rtts.count == 0 || tally->mismatched > 0 ||
		(plan->critical_ns >= 0 && median > plan->critical_ns))
		return NAGIOS_CRITICAL;
	if (tally->lost > 0 || (plan->warning_ns >= 0 && median > plan->warning_ns))
		return NAGIOS_WARNING;
	return NAGIOS_OK;
}

static void describe_state(
	const struct pinger *pinger, const struct ping_tally *tally, char text[LINE_BYTES])
{
	char peer[TARGET_BYTES], ms[PRINT_TEXT_BYTES];
	int used;

	name_peer(pinger, peer);
	format_ms(ms, (double)median_ns(tally));
	if (tally->sent == 0)
		used = snprintf(text, LINE_BYTES, "%s interrupted", peer);
	else if (tally->rtts.count == 0)
		used = snprintf(text, LINE_BYTES, "%s no %sanswer, loss %g%%", peer,
			tally->mismatched > 0 ? "right " : "", loss_percent(tally));
	else
		used = snprintf(text, LINE_BYTES, "%s rtt median %s ms, loss %g%%", peer, ms,
			loss_percent(tally));
	if (tally->mismatched > 0)
		used += snprintf(text + used, LINE_BYTES - (size_t)used, ", %" PRIu64 " mismatched",
			tally->mismatched);
	if (tally->lost + tally->mismatched > 0)
		snprintf(text + used, LINE_BYTES - (size_t)used, "; %s: %s",
			failure_word(tally->failure.kind), tally->failure.message);
}

/* 'label'=value[unit];warning;critical;minimum;maximum; U: a value that is not known. */
static void print_figures(const struct ping_plan *plan, const struct ping_tally *tally)
{
	char rtt[SECONDS_BYTES], warning[SECONDS_BYTES], critical[SECONDS_BYTES];

	format_seconds(warning, plan->warning_ns);
	format_seconds(critical, plan->critical_ns);
	format_seconds(rtt, median_ns(tally));
	if (tally->rtts.count > 0)
		printf(" | rtt=%ss;%s;%s;0", rtt, warning, critical);
	else
		printf(" | rtt=U;%s;%s;0", warning, critical);
	if (tally->rtts.count > 0) {
		format_seconds(rtt, histogram_quantile(&tally->rtts, 1));
		printf(" rtt_max=%ss;;;0", rtt);
		format_seconds(rtt, (int64_t)ping_tally_jitter(tally));
		printf(" jitter=%ss;;;0", rtt);
	}
	printf(" loss=%g%%;0;;0;100 mismatched=%" PRIu64 ";;0;0\n", loss_percent(tally),
		tally->mismatched);
}

enum nagios_state ping_print_nagios(
	const struct ping_plan *plan, const struct pinger *pinger, const struct ping_tally *tally)
{
	enum nagios_state state = judge(plan, tally);
	char text[LINE_BYTES];

	describe_state(pinger, tally, text);
	print_state(state, text);
	print_figures(plan, tally);
	return state;
}
