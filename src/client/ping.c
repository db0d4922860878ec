/* SPDX-License-Identifier: MIT */
#include "yodel/client/commands.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/parse.h"
#include "yodel/client/datagram.h"
#include "yodel/client/interrupt.h"
#include "yodel/client/ping_report.h"
#include "yodel/client/pinger.h"

#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)

enum {
	SIZE_MAX_BYTES = 1 << 20,
	INTERVAL_MAX_MS = 86400000,
	INTERVAL_MS = 1000,
	/* For monitoring, which waits for ten seconds or so. */
	NAGIOS_INTERVAL_MS = 200,
	NAGIOS_COUNT = 5,
};

struct ping_settings {
	int64_t size_bytes;
	char *interval; /* "": depends on is_nagios, as count 0 does */
	int64_t count;
	bool is_connect;
	bool is_nagios;
	char *warning; /* "": none */
	char *critical;
};

static bool check_interval(const char *text, char why[OPTION_WHY_BYTES])
{
	int64_t value_ms;

	snprintf(why, OPTION_WHY_BYTES, "a duration like 500ms, 30s or 5m from 0 to 1d");
	return *text == '\0' || (parse_duration(text, &value_ms) && value_ms <= INTERVAL_MAX_MS);
}

static bool check_threshold(const char *text, char why[OPTION_WHY_BYTES])
{
	int64_t value_ns;

	snprintf(why, OPTION_WHY_BYTES, "milliseconds like 20 or 0.5");
	return *text == '\0' || parse_milliseconds(text, &value_ns);
}

#define AT(member) .offset = offsetof(struct ping_settings, member)

static const struct command_option options[] = {
	{.letter = 'n',
		.argument = "N",
		.row = {.path = "count",
			.type = OPTION_INTEGER,
			AT(count),
			.max = INT64_MAX,
			.default_value = "0",
			.help = "so many rounds; 0: up to Ctrl-C, with --nagios 5"}},
	{.letter = 'i',
		.argument = "TIME",
		.row = {.path = "interval",
			.type = OPTION_STRING,
			AT(interval),
			.default_value = "",
			.help = "from round to round; 0: as fast as answers come (1s; with --nagios "
				"200ms)",
			.check = check_interval}},
	{.letter = 's',
		.argument = "SIZE",
		.row = {.path = "size",
			.type = OPTION_SIZE,
			AT(size_bytes),
			.min = 1,
			.max = SIZE_MAX_BYTES,
			.default_value = "64",
			.help = "bytes of a message"}},
	{.row = {.path = "connect",
		 .type = OPTION_BOOL,
		 AT(is_connect),
		 .default_value = "false",
		 .help = "time the TCP handshake alone: connect and close, each round"}},
	{.row = {.path = "nagios",
		 .type = OPTION_BOOL,
		 AT(is_nagios),
		 .default_value = "false",
		 .help = "one line and an exit code as a monitoring plug-in has them"}},
	{.letter = 'w',
		.argument = "MS",
		.row = {.path = "warning",
			.type = OPTION_STRING,
			AT(warning),
			.default_value = "",
			.help = "with --nagios: WARNING where the median is above",
			.check = check_threshold}},
	{.letter = 'c',
		.argument = "MS",
		.row = {.path = "critical",
			.type = OPTION_STRING,
			AT(critical),
			.default_value = "",
			.help = "with --nagios: CRITICAL where the median is above",
			.check = check_threshold}},
	COMMAND_OPTIONS_END,
};

/* --- The plan -------------------------------------------------------------------------------- */

static int64_t threshold_ns(const char *text)
{
	int64_t value_ns;

	return parse_milliseconds(text, &value_ns) ? value_ns : -1;
}

static struct ping_plan plan_of(const struct ping_settings *own)
{
	struct ping_plan plan = {
		.size_bytes = (size_t)own->size_bytes,
		.interval_ms = own->is_nagios ? NAGIOS_INTERVAL_MS : INTERVAL_MS,
		.count = own->is_nagios && own->count == 0 ? NAGIOS_COUNT : own->count,
		.is_connect = own->is_connect,
		.is_nagios = own->is_nagios,
		.warning_ns = threshold_ns(own->warning),
		.critical_ns = threshold_ns(own->critical),
	};

	if (own->interval[0] != '\0')
		CHECK(parse_duration(own->interval, &plan.interval_ms));
	return plan;
}

static int check(const struct request *request, const void *settings, struct error *error)
{
	struct ping_plan plan = plan_of(settings);

	if (request->is_udp && plan.is_connect)
		return error_set(error, EX_USAGE, "--connect and --udp exclude each other");
	if (request->is_udp && plan.size_bytes > DATAGRAM_MAX_BYTES)
		return error_set(error, EX_USAGE,
			"--size: expected at most %d bytes in a datagram, got %zu",
			DATAGRAM_MAX_BYTES, plan.size_bytes);
	if (!plan.is_nagios && (plan.warning_ns >= 0 || plan.critical_ns >= 0))
		return error_set(error, EX_USAGE, "--warning and --critical go with --nagios");
	if (plan.is_nagios && request->is_json)
		return error_set(error, EX_USAGE, "--nagios and --json exclude each other");
	if (plan.critical_ns >= 0 && plan.warning_ns > plan.critical_ns)
		return error_set(error, EX_USAGE,
			"expected a --warning of at most --critical, got \"%s\" and \"%s\"",
			((const struct ping_settings *)settings)->warning,
			((const struct ping_settings *)settings)->critical);
	return 0;
}

/* As getopt_long(3) takes it; "--n" alone may be --no-color, too. */
static bool is_nagios(const char *word)
{
	size_t length = strlen(word);

	return length >= strlen("--na") && strncmp(word, "--nagios", length) == 0;
}

/* Monitoring takes exit code 2 for CRITICAL, and reads standard output alone. */
static int report_usage(int argc, char **argv, const char *message)
{
	for (int i = 1; i < argc; i++)
		if (is_nagios(argv[i]))
			return (int)ping_print_nagios_failure(NAGIOS_UNKNOWN, "%s", message);
	return -1;
}

/* --- The rounds ------------------------------------------------------------------------------ */

/* Returns false where Ctrl-C came first. */
static bool wait_until(int64_t at_ns, int interrupt_fd)
{
	struct pollfd wait = {.fd = interrupt_fd, .events = POLLIN};

	for (;;) {
		int64_t left_ns = at_ns - clock_monotonic_ns();

		left_ns = left_ns > 0 ? left_ns : 0;
		struct timespec left = {left_ns / 1000000000, left_ns % 1000000000};
		int ready = ppoll(&wait, 1, &left, NULL);
		if (ready >= 0)
			return ready == 0;
	}
}

/*
 * Rounds begin at fixed times. After an answer that took longer than the interval the next round
 * begins at once, and the one behind it at its time again: those that were missed are not made up.
 */
static int64_t next_ns(
	const struct ping_plan *plan, const struct ping_tally *tally, int64_t last_ns)
{
	int64_t interval_ns = plan->interval_ms * NS_PER_MS, now_ns = clock_monotonic_ns();
	int64_t next = last_ns + interval_ns;

	if (interval_ns == 0)
		return now_ns;
	return next >= now_ns ? next : now_ns - (now_ns - tally->begun_ns) % interval_ns;
}

static enum round_result do_round(const struct ping_plan *plan, struct pinger *pinger)
{
	if (!plan->is_connect)
		return pinger_echo(pinger);
	enum round_result result = pinger_connect(pinger);
	pinger_disconnect(pinger);
	return result;
}

static bool has_lines(const struct ping_plan *plan, const struct request *request)
{
	return !plan->is_nagios && !request->is_json && !request->is_quiet;
}

static void print_round(const struct ping_plan *plan, const struct pinger *pinger, uint64_t seq,
	enum round_result result)
{
	bool is_failure = result != ROUND_ANSWERED;

	if (plan->is_nagios || pinger->request->is_quiet)
		return;
	if (is_failure || !pinger->request->is_json)
		ping_print_round(plan, pinger, seq, result);
	if (plan->interval_ms > 0)
		fflush(stdout);
}

static void run_rounds(
	const struct ping_plan *plan, struct pinger *pinger, struct ping_tally *tally)
{
	uint64_t count = (uint64_t)plan->count;

	tally->begun_ns = clock_monotonic_ns();
	int64_t at_ns = tally->begun_ns;
	while (wait_until(at_ns, pinger->interrupt_fd)) {
		enum round_result result = do_round(plan, pinger);

		if (result == ROUND_INTERRUPTED)
			break;
		ping_tally_add(tally, pinger, result);
		print_round(plan, pinger, tally->sent, result);
		if (tally->sent == count || ferror(stdout))
			break;
		at_ns = next_ns(plan, tally, at_ns);
	}
	tally->ended_ns = clock_monotonic_ns();
	pinger_count_strays(pinger);
	/* Asked in any case: so the next Ctrl-C ends the program. */
	tally->is_interrupted = interrupt_is_pending(pinger->interrupt_fd) &&
				(count == 0 || tally->sent < count);
}

static int report(
	const struct ping_plan *plan, const struct pinger *pinger, const struct ping_tally *tally)
{
	if (plan->is_nagios)
		return (int)ping_print_nagios(plan, pinger, tally);
	if (pinger->request->is_json)
		ping_print_json(plan, pinger, tally);
	else
		ping_print_summary(plan, pinger, tally);
	return tally->rtts.count > 0 && tally->mismatched == 0 ? CLIENT_OK : CLIENT_NETWORK;
}

static int fail(const struct ping_plan *plan, const struct request *request,
	enum nagios_state state, const struct failure *failure)
{
	if (plan->is_nagios)
		return (int)ping_print_nagios_failure(
			state, "%s: %s", failure_word(failure->kind), failure->message);
	return failure_report(request, failure);
}

static int ping(const struct ping_plan *plan, struct pinger *pinger)
{
	struct ping_tally tally = {.sent = 0};
	enum round_result first = plan->is_connect ? ROUND_ANSWERED : pinger_connect(pinger);

	if (first == ROUND_LOST)
		return fail(plan, pinger->request, NAGIOS_CRITICAL, &pinger->failure);
	if (has_lines(plan, pinger->request) && first == ROUND_ANSWERED)
		ping_print_header(plan, pinger);
	run_rounds(plan, pinger, &tally);
	return report(plan, pinger, &tally);
}

static int run(const struct request *request, const void *settings)
{
	struct ping_plan plan = plan_of(settings);
	struct target target;
	struct failure failure;
	struct pinger pinger;

	if (target_resolve(request, request->port, &target, &failure) != 0)
		return fail(&plan, request, NAGIOS_UNKNOWN, &failure);
	int interrupt_fd = interrupt_open();
	pinger_init(&pinger, request, &target, interrupt_fd, plan.size_bytes);
	int result = ping(&plan, &pinger);
	pinger_fini(&pinger);
	return result;
}

const struct command command_ping = {
	.name = "ping",
	.arguments = "HOST PORT",
	.help = "measure round trips to an echo service, or of connects",
	.manual = "Pinging",
	.options = options,
	.settings_bytes = sizeof(struct ping_settings),
	.has_target = true,
	.has_udp = true,
	.check = check,
	.report_usage = report_usage,
	.run = run,
};
