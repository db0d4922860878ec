/* SPDX-License-Identifier: MIT */
#include "yodel/client/load.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/error.h"
#include "yodel/client/commands.h"
#include "yodel/client/interrupt.h"
#include "yodel/client/load_print.h"
#include "yodel/client/load_stream.h"
#include "yodel/client/load_worker.h"
#include "yodel/client/terminal.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define AT(member) .offset = offsetof(struct load_settings, member)
#define MS         ((int64_t)1000 * 1000)
#define DAY_MS     ((int64_t)86400 * 1000)

enum {
	CONNECTIONS_MAX = 1000000,
	THREADS_MAX = 256,
	DEPTH_MAX = 65536,
	SIZE_MAX_BYTES = 64 * 1024 * 1024,
	RATE_MAX = 100000000,
	UNDER_WAY_MAX = 64 * 1024 * 1024,
	DEFAULT_DURATION_MS = 10000,
	TICK_MS = 100,
};

static const struct command_option options[] = {
	{.letter = 'c',
		.argument = "N",
		.row = {.path = "connections",
			.type = OPTION_INTEGER,
			AT(connections),
			.min = 1,
			.max = CONNECTIONS_MAX,
			.default_value = "10",
			.help = "connections at once"}},
	{.letter = 'T',
		.argument = "N",
		.row = {.path = "threads",
			.type = OPTION_INTEGER,
			AT(threads),
			.min = 1,
			.max = THREADS_MAX,
			.default_value = "1",
			.help = "threads that share the connections"}},
	{.letter = 's',
		.argument = "SIZE",
		.row = {.path = "size",
			.type = OPTION_SIZE,
			AT(size_bytes),
			.min = 1,
			.max = SIZE_MAX_BYTES,
			.default_value = "64",
			.help = "bytes of a message"}},
	{.letter = 'p',
		.argument = "N",
		.row = {.path = "depth",
			.type = OPTION_INTEGER,
			AT(depth),
			.min = 1,
			.max = DEPTH_MAX,
			.default_value = "1",
			.help = "messages under way on each connection"}},
	{.letter = 'r',
		.argument = "RATE",
		.row = {.path = "rate",
			.type = OPTION_RATE,
			AT(rate),
			.max = RATE_MAX,
			.default_value = "0",
			.help = "so many messages, like 5000/s, whether answers come or not"}},
	{.letter = 'C',
		.row = {.path = "connect",
			.type = OPTION_BOOL,
			AT(is_connecting),
			.default_value = "false",
			.help = "a new connection for each message"}},
	{.letter = 'd',
		.argument = "TIME",
		.row = {.path = "duration",
			.type = OPTION_DURATION,
			AT(duration_ms),
			.max = DAY_MS,
			.default_value = "0",
			.help = "how long to measure; 10s if there is no --count either"}},
	{.letter = 'n',
		.argument = "N",
		.row = {.path = "count",
			.type = OPTION_INTEGER,
			AT(count),
			.max = INT64_MAX,
			.default_value = "0",
			.help = "how many messages, of all connections together"}},
	{.letter = 'w',
		.argument = "TIME",
		.row = {.path = "warmup",
			.type = OPTION_DURATION,
			AT(warmup_ms),
			.max = DAY_MS,
			.default_value = "0",
			.help = "how long to run before measuring"}},
	{.row = {.path = "csv",
		 .type = OPTION_BOOL,
		 AT(wants_csv),
		 .default_value = "false",
		 .help = "print the result as CSV"}},
	{.argument = "FILE",
		.row = {.path = "hgrm",
			.type = OPTION_STRING,
			AT(hgrm_path),
			.default_value = "",
			.help = "write the latencies for the HdrHistogram plotter"}},
	{.argument = "FILE",
		.row = {.path = "report",
			.type = OPTION_STRING,
			AT(report_path),
			.default_value = "",
			.help = "write a page with charts for a browser"}},
	COMMAND_OPTIONS_END,
};

/* --- The result ------------------------------------------------------------------------------ */

double load_elapsed_s(const struct load_plan *plan, const struct load_result *result)
{
	int64_t elapsed_ns = result->end_ns - plan->record_ns;

	return (double)(elapsed_ns > 0 ? elapsed_ns : 1) / 1e9;
}

uint64_t load_failures(const struct load_result *result)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < FAILURE_KIND_COUNT; i++)
		sum += result->failed[i];
	return sum;
}

uint64_t load_trouble(const struct load_result *result)
{
	return result->mismatched + result->lost + result->unfinished + load_failures(result);
}

void load_result_merge(struct load_result *result, const struct load_result *more)
{
	for (size_t i = 0; i < FAILURE_KIND_COUNT; i++) {
		if (result->failed[i] == 0)
			result->first_failure[i] = more->first_failure[i];
		result->failed[i] += more->failed[i];
	}
	if (result->mismatched == 0)
		result->first_mismatch = more->first_mismatch;
	result->round_trips += more->round_trips;
	result->completed += more->completed;
	result->lost += more->lost;
	result->unfinished += more->unfinished;
	result->opened += more->opened;
	result->mismatched += more->mismatched;
	result->sent_bytes += more->sent_bytes;
	result->received_bytes += more->received_bytes;
	result->cpu_ns += more->cpu_ns;
	if (more->end_ns > result->end_ns)
		result->end_ns = more->end_ns;
	histogram_merge(&result->latency, &more->latency);
	histogram_merge(&result->connect, &more->connect);
	timeline_merge(&result->timeline, &more->timeline);
}

/* --- The run --------------------------------------------------------------------------------- */

/* A load while it runs. */
struct run {
	struct load_plan plan;
	struct load_settings settings;
	struct load_worker *workers;
	pthread_t *threads;
	size_t count;
	sem_t gate;
	int news_fd, interrupt_fd;
	int start_error; /* an errno value: a thread could not be started */
	struct progress progress;
};

static uint64_t sum_of(const struct run *run, bool wants_opened)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < run->count; i++) {
		const struct load_worker *worker = &run->workers[i];

		sum += atomic_load_explicit(
			wants_opened ? &worker->opened_so_far : &worker->completed_so_far,
			memory_order_relaxed);
	}
	return sum;
}

static void show_connecting(struct run *run)
{
	uint64_t opened = sum_of(run, true);

	progress_show(&run->progress, run->plan.request,
		(double)opened / (double)run->settings.connections,
		"%" PRIu64 " of %" PRId64 " connections", opened, run->settings.connections);
}

static void show_running(struct run *run)
{
	const struct load_settings *settings = &run->settings;
	uint64_t completed = sum_of(run, false);
	double elapsed_s = (double)(clock_monotonic_ns() - run->plan.start_ns) / 1e9;
	double total_s = (double)(settings->warmup_ms + settings->duration_ms) / 1e3;
	double by_time = settings->duration_ms > 0 ? elapsed_s / total_s : 0;
	double by_count = settings->count > 0 ? (double)completed / (double)settings->count : 0;

	progress_show(&run->progress, run->plan.request, by_time > by_count ? by_time : by_count,
		"%.0f s, %" PRIu64 " round trips, %.0f/s", elapsed_s, completed,
		elapsed_s > 0 ? (double)completed / elapsed_s : 0);
}

/* Ends the run now, unless it is over already; before it has begun, that is 0. */
static void interrupt(struct load_plan *plan)
{
	int64_t now_ns = plan->start_ns > 0 ? clock_monotonic_ns() : 0;

	atomic_store(&plan->is_interrupted, true);
	if (now_ns < atomic_load(&plan->stop_ns))
		atomic_store(&plan->stop_ns, now_ns);
}

/* Waits until all workers have told news, and shows how it goes meanwhile. */
static void wait_for_news(struct run *run, void (*show)(struct run *run))
{
	struct pollfd set[] = {
		{.fd = run->news_fd, .events = POLLIN},
		{.fd = run->interrupt_fd, .events = POLLIN},
	};
	uint64_t told = 0, news;

	while (told < run->count) {
		if (poll(set, 2, TICK_MS) < 0)
			continue;
		if (set[0].revents != 0 && read(run->news_fd, &news, sizeof news) == sizeof news)
			told += news;
		if (set[1].revents != 0 && interrupt_is_pending(run->interrupt_fd)) {
			interrupt(&run->plan);
		}
		show(run);
	}
	progress_clear(&run->progress);
}

static void start_workers(struct run *run)
{
	uint64_t first_slot = 0;

	for (size_t i = 0; i < run->count; i++) {
		struct load_worker *worker = &run->workers[i];

		worker->plan = &run->plan;
		worker->number = i;
		worker->news_fd = run->news_fd;
		worker->gate = &run->gate;
		worker->first_slot = first_slot;
		worker->slot_count = (size_t)load_share(
			(uint64_t)run->settings.connections, run->count, i);
		worker->allowed = run->settings.count == 0
					  ? UINT64_MAX
					  : load_share(
						    (uint64_t)run->settings.count, run->count, i);
		first_slot += worker->slot_count;
		run->start_error = pthread_create(&run->threads[i], NULL, load_worker_run, worker);
		if (run->start_error != 0) {
			run->count = i;
			interrupt(&run->plan);
		}
	}
}

/* Sets the times and lets the workers go. */
static void open_gate(struct run *run)
{
	struct load_plan *plan = &run->plan;
	int64_t duration_ms = run->settings.duration_ms;

	plan->start_ns = clock_monotonic_ns();
	plan->record_ns = plan->start_ns + run->settings.warmup_ms * MS;
	if (!atomic_load(&plan->is_interrupted) && duration_ms > 0)
		atomic_store(&plan->stop_ns, plan->record_ns + duration_ms * MS);
	for (size_t i = 0; i < run->count; i++)
		CHECK(sem_post(&run->gate) == 0);
}

static struct load_result *run_workers(struct run *run)
{
	struct load_result *result = calloc(1, sizeof *result);

	run->workers = calloc(run->count, sizeof *run->workers);
	run->threads = calloc(run->count, sizeof *run->threads);
	run->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK(result != NULL && run->workers != NULL && run->threads != NULL && run->news_fd >= 0);
	CHECK(sem_init(&run->gate, 0, 0) == 0);
	start_workers(run);
	wait_for_news(run, show_connecting);
	open_gate(run);
	wait_for_news(run, show_running);
	for (size_t i = 0; i < run->count; i++) {
		CHECK(pthread_join(run->threads[i], NULL) == 0);
		load_result_merge(result, &run->workers[i].result);
	}
	sem_destroy(&run->gate);
	close(run->news_fd);
	free(run->workers);
	free(run->threads);
	return result;
}

/* --- The command ----------------------------------------------------------------------------- */

/* Of several addresses the first that answers is loaded. Returns 0, or -1 with failure. */
static int choose_address(struct load_plan *plan, struct failure *failure)
{
	struct address peer;
	int fd;

	if (target_resolve(plan->request, plan->request->port, &plan->target, failure) != 0)
		return -1;
	if (plan->target.count == 1)
		return 0;
	fd = dial(plan->request, &plan->target, &peer, failure);
	if (fd < 0)
		return -1;
	close(fd);
	plan->target.addresses[0] = peer;
	plan->target.count = 1;
	return 0;
}

static int open_file(const char *path, FILE **file, struct failure *failure)
{
	if (*path == '\0')
		return 0;
	*file = fopen(path, "we");
	if (*file != NULL)
		return 0;
	return failure_set(failure, FAILURE_OTHER, "cannot write %s: %s", path, error_text(errno));
}

/* Closes a file that may be NULL, and reports if it is not whole. Returns an exit code. */
static int finish_file(const struct load_plan *plan, const char *path, FILE *file, bool is_written)
{
	struct failure failure;
	int number = errno;

	if (file == NULL)
		return CLIENT_OK;
	if (fclose(file) != 0 && is_written) {
		is_written = false;
		number = errno;
	}
	if (is_written)
		return CLIENT_OK;
	failure_set(&failure, FAILURE_OTHER, "cannot write %s: %s", path, error_text(number));
	failure_print(plan->request, &failure);
	return CLIENT_NETWORK;
}

/* Writes the files that are wanted. Returns an exit code. */
static int write_files(
	const struct load_plan *plan, const struct load_result *result, FILE *hgrm, FILE *page)
{
	const struct load_settings *settings = plan->settings;
	bool is_written = hgrm != NULL && histogram_write_hgrm(&result->latency, hgrm) == 0;
	int code = finish_file(plan, settings->hgrm_path, hgrm, is_written);

	is_written = page != NULL && load_write_html(plan, result, page) == 0;
	int page_code = finish_file(plan, settings->report_path, page, is_written);
	return code != CLIENT_OK ? code : page_code;
}

static void print_result(const struct load_plan *plan, const struct load_result *result)
{
	if (plan->request->is_json)
		load_print_json(plan, result);
	else if (plan->settings->wants_csv)
		load_print_csv(plan, result);
	else
		load_print_table(plan, result);
}

/* A line for each kind of trouble. */
static void report_trouble(const struct load_plan *plan, const struct load_result *result)
{
	struct request request = *plan->request;

	request.is_json = false; /* the result has them, too */
	for (size_t i = 0; i < FAILURE_KIND_COUNT; i++)
		if (result->failed[i] > 0)
			(void)failure_report(&request, &result->first_failure[i]);
	if (result->mismatched > 0)
		(void)failure_report(&request, &result->first_mismatch);
}

/* Makes the settings whole. Returns 0, or -1 with failure. */
static int settle(struct load_settings *settings, struct failure *failure)
{
	if (settings->duration_ms == 0 && settings->count == 0)
		settings->duration_ms = DEFAULT_DURATION_MS;
	if (settings->threads > settings->connections)
		settings->threads = settings->connections;
	if (settings->connections * settings->depth > UNDER_WAY_MAX)
		return failure_set(failure, FAILURE_OTHER,
			"%" PRId64 " connections with %" PRId64
			" messages under way are more than %d messages",
			settings->connections, settings->depth, UNDER_WAY_MAX);
	return dial_reserve((size_t)settings->connections, (size_t)settings->threads, failure);
}

/* Runs the load that is prepared. Returns an exit code. */
static int measure(struct run *run, FILE *hgrm, FILE *page)
{
	run->interrupt_fd = interrupt_open();
	struct load_result *result = run_workers(run);
	bool is_good = load_trouble(result) == 0 && result->completed > 0;
	int code = is_good ? CLIENT_OK : CLIENT_NETWORK;

	if (run->start_error != 0) {
		struct failure failure;

		free(result);
		failure_set_errno(&failure, run->start_error, "cannot start %" PRId64 " threads",
			run->settings.threads);
		return failure_report(run->plan.request, &failure);
	}
	print_result(&run->plan, result);
	report_trouble(&run->plan, result);
	if (write_files(&run->plan, result, hgrm, page) != CLIENT_OK)
		code = CLIENT_NETWORK;
	free(result);
	return code;
}

static int run_load(const struct request *request, const void *own)
{
	struct run run = {
		.plan = {.request = request, .settings = &run.settings},
		.settings = *(const struct load_settings *)own,
	};
	FILE *hgrm = NULL, *page = NULL;
	struct failure failure;

	if (request->is_json && run.settings.wants_csv) {
		fputs("yodel: --csv and --json exclude each other\n", stderr);
		return CLIENT_USAGE;
	}
	atomic_init(&run.plan.stop_ns, INT64_MAX);
	load_stream_prepare();
	if (settle(&run.settings, &failure) != 0 || choose_address(&run.plan, &failure) != 0 ||
		open_file(run.settings.hgrm_path, &hgrm, &failure) != 0 ||
		open_file(run.settings.report_path, &page, &failure) != 0)
		return failure_report(request, &failure);
	run.count = (size_t)run.settings.threads;
	return measure(&run, hgrm, page);
}

const struct command command_load = {
	.name = "load",
	.arguments = "HOST PORT",
	.help = "load a server with many connections, print rate and latencies",
	.manual = "Load",
	.options = options,
	.settings_bytes = sizeof(struct load_settings),
	.has_target = true,
	.run = run_load,
};
