/* SPDX-License-Identifier: MIT */
#include "yodel/client/commands.h"

#include "yodel/base/clock.h"
#include "yodel/client/channel.h"
#include "yodel/client/comparison.h"
#include "yodel/client/duplex.h"
#include "yodel/client/interrupt.h"
#include "yodel/client/print.h"
#include "yodel/client/terminal.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>

enum { CHUNK_MAX = 1024 * 1024 };

struct verify_settings {
	int64_t total_bytes;
	int64_t chunk_bytes;
	int64_t pause_ms;
	int64_t seed;
	bool keeps_open;
};

static const struct command_option options[] = {
	{.letter = 'n',
		.argument = "SIZE",
		.row = {.path = "bytes",
			.type = OPTION_SIZE,
			.offset = offsetof(struct verify_settings, total_bytes),
			.min = 1,
			.max = INT64_MAX,
			.default_value = "16M",
			.help = "length of the stream"}},
	{.argument = "SIZE",
		.row = {.path = "chunk",
			.type = OPTION_SIZE,
			.offset = offsetof(struct verify_settings, chunk_bytes),
			.min = 1,
			.max = CHUNK_MAX,
			.default_value = "128k",
			.help = "bytes a write"}},
	{.argument = "TIME",
		.row = {.path = "pause",
			.type = OPTION_DURATION,
			.offset = offsetof(struct verify_settings, pause_ms),
			.max = INT32_MAX,
			.default_value = "0",
			.help = "between two writes"}},
	{.argument = "N",
		.row = {.path = "seed",
			.type = OPTION_INTEGER,
			.offset = offsetof(struct verify_settings, seed),
			.max = INT64_MAX,
			.default_value = "0",
			.help = "the stream of this number; 0 takes a random one"}},
	{.letter = 'k',
		.row = {.path = "keep-open",
			.type = OPTION_BOOL,
			.offset = offsetof(struct verify_settings, keeps_open),
			.default_value = "false",
			.help = "no half-close at the end; done once every byte is back"}},
	COMMAND_OPTIONS_END,
};

struct verification {
	const struct request *request;
	const struct verify_settings *settings;
	uint64_t seed;
	struct pattern pattern;
	struct comparison comparison;
	struct channel channel;
	struct duplex duplex;
	enum duplex_end end;
	uint64_t given;  /* bytes of the pattern */
	bool has_paused; /* since the last of them */
	struct progress progress;
	int64_t begin_ns, end_ns;
	int64_t fault_ms; /* when a difference was first seen; 0: none */
	struct failure failure;
	char chunk[CHUNK_MAX];
};

/* --- Out and back ----------------------------------------------------------------------------- */

static ssize_t give(void *context, const char **bytes)
{
	struct verification *verification = context;
	const struct verify_settings *settings = verification->settings;
	uint64_t left = verification->pattern.total_bytes - verification->given;

	if (left > 0 && verification->given > 0 && settings->pause_ms > 0 &&
		!verification->has_paused) {
		verification->has_paused = true;
		verification->duplex.wake_ms = clock_monotonic_ms() + settings->pause_ms;
		return DUPLEX_NOTHING_YET;
	}
	uint64_t chunk_bytes = (uint64_t)settings->chunk_bytes;
	size_t count = (size_t)(left < chunk_bytes ? left : chunk_bytes);
	pattern_fill(&verification->pattern, verification->given, verification->chunk, count);
	*bytes = verification->chunk;
	verification->given += count;
	verification->has_paused = false;
	return (ssize_t)count;
}

/* What follows a difference is not waited for longer than an answer. */
static bool is_patience_over(struct verification *verification)
{
	int64_t timeout_ms = verification->request->timeout_ms;

	if (!comparison_has_fault(&verification->comparison))
		return false;
	if (verification->fault_ms == 0)
		verification->fault_ms = clock_monotonic_ms();
	return timeout_ms > 0 && clock_monotonic_ms() - verification->fault_ms >= timeout_ms;
}

static int take(void *context, const char *bytes, size_t length)
{
	struct verification *verification = context;
	struct comparison *comparison = &verification->comparison;

	if (!comparison_take(comparison, bytes, length) || is_patience_over(verification))
		return DUPLEX_STOP;
	if (verification->settings->keeps_open && comparison_is_complete(comparison))
		return DUPLEX_STOP;
	return 0;
}

static double seconds_of(const struct verification *verification, int64_t now_ns)
{
	return (double)(now_ns - verification->begin_ns + 1) / 1e9;
}

static void tick(void *context)
{
	struct verification *verification = context;
	double total = (double)verification->pattern.total_bytes;
	double done = (double)verification->duplex.received;
	double rate = done / seconds_of(verification, clock_monotonic_ns());
	char done_text[PRINT_TEXT_BYTES], rate_text[PRINT_TEXT_BYTES];

	format_bytes(done_text, done);
	format_bytes(rate_text, rate);
	if (rate > 0)
		progress_show(&verification->progress, verification->request, done / total,
			"%s, %s/s, %.0f s left", done_text, rate_text,
			done < total ? (total - done) / rate : 0);
	else
		progress_show(
			&verification->progress, verification->request, 0, "nothing came back yet");
}

static void exchange(struct verification *verification)
{
	verification->begin_ns = clock_monotonic_ns();
	verification->end = duplex_run(&verification->duplex, &verification->failure);
	verification->end_ns = clock_monotonic_ns();
	progress_clear(&verification->progress);
	channel_close(&verification->channel);
}

/* --- What came of it -------------------------------------------------------------------------- */

static const char echo_hint[] = ": is it an echo service?";

static void add_text(struct failure *failure, const char *text)
{
	size_t used = strlen(failure->message);

	snprintf(failure->message + used, sizeof failure->message - used, "%s", text);
}

/* A fault into the failure's words. */
static void describe(struct verification *verification, const struct fault *fault)
{
	struct failure *failure = &verification->failure;
	char text[FAULT_TEXT_BYTES];
	/* The first bytes of something else may be right by chance. */
	bool is_foreign = fault->kind == FAULT_FOREIGN && fault->offset < PATTERN_WORD_BYTES;

	fault_format(fault, text);
	if (verification->duplex.received == 0)
		failure_set(failure, FAILURE_OTHER, "%s ended its stream without an answer%s",
			verification->request->target, echo_hint);
	else if (is_foreign)
		failure_set(failure, FAILURE_OTHER,
			"the server sent something else from the first byte%s (%s)", echo_hint,
			text);
	else
		failure_set(failure, FAILURE_OTHER, "%s", text);
}

/* The connection failed before a difference was seen. */
static void explain_failure(struct verification *verification)
{
	struct failure *failure = &verification->failure;

	if (comparison_is_complete(&verification->comparison))
		add_text(failure, "; every byte had come back: --keep-open does not wait for the "
				  "end of the stream");
	else if (verification->duplex.received == 0 && failure->kind == FAILURE_TIMEOUT)
		add_text(failure, echo_hint);
	else if (verification->duplex.received > 0)
		add_text(failure, "; all that came back was right");
}

/* Returns the word for the result, and fills the failure unless that is "ok" or "interrupted". */
static const char *judge(struct verification *verification, const struct fault **fault)
{
	struct comparison *comparison = &verification->comparison;
	bool has_failed = verification->end == DUPLEX_FAILED;
	bool is_over = verification->end == DUPLEX_CLOSED ||
		       (has_failed && verification->failure.kind == FAILURE_TIMEOUT &&
			       comparison_has_fault(comparison));

	*fault = comparison_finish(comparison, is_over);
	if ((*fault)->kind != FAULT_NONE) {
		describe(verification, *fault);
		return fault_word((*fault)->kind);
	}
	if (has_failed) {
		explain_failure(verification);
		return "failed";
	}
	if (comparison_is_complete(comparison))
		return "ok";
	if (verification->duplex.received > 0)
		return "interrupted";
	failure_set(&verification->failure, FAILURE_OTHER,
		"interrupted before anything came back from %s", verification->request->target);
	return "failed";
}

static bool is_good(const char *verdict)
{
	return strcmp(verdict, "ok") == 0 || strcmp(verdict, "interrupted") == 0;
}

static void print_as_json(
	const struct verification *verification, const char *verdict, const struct fault *fault)
{
	double seconds = seconds_of(verification, verification->end_ns);
	json_t *value = json_pack("{ss ss sb sI sI sI sI sI sf sf ss}", "command", "verify",
		"target", verification->request->target, "is_interrupted",
		verification->end == DUPLEX_INTERRUPTED, "bytes",
		(json_int_t)verification->pattern.total_bytes, "right_bytes",
		(json_int_t)comparison_good_bytes(&verification->comparison), "sent_bytes",
		(json_int_t)verification->duplex.sent, "received_bytes",
		(json_int_t)verification->duplex.received, "seed", (json_int_t)verification->seed,
		"duration_ms", seconds * 1e3, "rate_bytes_per_s",
		(double)verification->duplex.received / seconds, "verdict", verdict);

	if (fault->kind != FAULT_NONE)
		json_object_set_new(value, "fault",
			json_pack("{sI sI sI}", "offset_bytes", (json_int_t)fault->offset,
				"length_bytes", (json_int_t)fault->bytes, "others_bytes",
				(json_int_t)fault->others));
	if (fault->has_from)
		json_object_set_new(json_object_get(value, "fault"), "from_offset_bytes",
			json_integer((json_int_t)fault->from));
	if (!is_good(verdict)) {
		json_object_set_new(
			value, "error", json_string(failure_word(verification->failure.kind)));
		json_object_set_new(value, "message", json_string(verification->failure.message));
	}
	print_json(value);
}

static void print_as_text(const struct verification *verification, const char *verdict)
{
	const struct request *request = verification->request;
	double seconds = seconds_of(verification, verification->end_ns);
	uint64_t good = comparison_good_bytes(&verification->comparison);
	uint64_t total = verification->pattern.total_bytes;
	char time[PRINT_TEXT_BYTES], rate[PRINT_TEXT_BYTES];

	format_ms(time, seconds * 1e9);
	format_bytes(rate, (double)verification->duplex.received / seconds);
	printf("%" PRIu64 " bytes", good);
	if (good < total)
		printf(" of %" PRIu64, total);
	printf(" in %s ms, %s/s, seed %" PRIu64 ": ", time, rate, verification->seed);
	if (strcmp(verdict, "ok") == 0)
		terminal_paint(request, stdout, COLOR_GOOD, "every byte came back");
	else if (strcmp(verdict, "interrupted") == 0)
		terminal_paint(request, stdout, COLOR_WARN, "interrupted, all right so far");
	else
		terminal_paint(request, stdout, COLOR_BAD, "%s", verdict);
	putchar('\n');
}

static int report(struct verification *verification)
{
	const struct fault *fault;
	const char *verdict = judge(verification, &fault);

	if (verification->request->is_json)
		print_as_json(verification, verdict, fault);
	else
		print_as_text(verification, verdict);
	if (is_good(verdict))
		return CLIENT_OK;
	fflush(stdout);
	failure_print(verification->request, &verification->failure);
	return CLIENT_NETWORK;
}

/* --- The command ------------------------------------------------------------------------------ */

static uint64_t choose_seed(const struct verify_settings *settings)
{
	uint32_t random;

	if (settings->seed != 0)
		return (uint64_t)settings->seed;
	if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
		random = (uint32_t)clock_monotonic_ns();
	return (uint64_t)random + 1;
}

static int run(const struct request *request, const void *settings)
{
	static struct verification verification; /* large, and the only one */

	verification.request = request;
	verification.settings = settings;
	verification.seed = choose_seed(settings);
	verification.pattern = pattern_make(
		verification.seed, (uint64_t)verification.settings->total_bytes);
	comparison_init(&verification.comparison, &verification.pattern);
	if (channel_dial(&verification.channel, request, &verification.failure) != 0)
		return failure_report(request, &verification.failure);
	verification.duplex = (struct duplex){
		.request = request,
		.channel = &verification.channel,
		.input_fd = -1,
		.interrupt_fd = interrupt_open(),
		.keeps_open = verification.settings->keeps_open,
		.context = &verification,
		.give = give,
		.take = take,
		.tick = tick,
	};
	exchange(&verification);
	return report(&verification);
}

const struct command command_verify = {
	.name = "verify",
	.arguments = "HOST PORT",
	.help = "a seeded stream out and back: the first fault, named",
	.manual = "Verifying",
	.options = options,
	.settings_bytes = sizeof(struct verify_settings),
	.has_target = true,
	.run = run,
};
