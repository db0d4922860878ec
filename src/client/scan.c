/* SPDX-License-Identifier: MIT */
#include "yodel/client/scan.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/error.h"
#include "yodel/base/parse.h"
#include "yodel/client/interrupt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	SPARE_DESCRIPTORS = 16, /* standard ones, the resolver's, those inherited */
	TICK_MS = 100,
};

/* --- The queue ------------------------------------------------------------------------------- */

static void push(struct scan *scan, size_t port)
{
	scan->queue[(scan->queue_head + scan->queue_count++) % scan->count] = port;
}

static void push_in_front(struct scan *scan, size_t port)
{
	scan->queue_head = (scan->queue_head + scan->count - 1) % scan->count;
	scan->queue[scan->queue_head] = port;
	scan->queue_count++;
}

static struct scan_port *front(const struct scan *scan)
{
	return &scan->ports[scan->queue[scan->queue_head]];
}

static size_t pop(struct scan *scan)
{
	size_t port = scan->queue[scan->queue_head];

	scan->queue_head = (scan->queue_head + 1) % scan->count;
	scan->queue_count--;
	return port;
}

/* --- What came of a port --------------------------------------------------------------------- */

/* With --verbose, a line on stderr about a port. */
PRINTF_LIKE(3, 4)
static void say(struct scan *scan, const struct scan_port *port, const char *format, ...)
{
	va_list arguments;

	if (!scan->request->is_verbose)
		return;
	progress_clear(&scan->progress);
	if (port->number != 0)
		fprintf(stderr, "port %u: ", port->number);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

/* Appends what came of one address; the kind becomes that which says most. */
static void add_tried(
	struct scan_port *port, const struct address *address, int number, const char *why)
{
	char text[ADDRESS_TEXT_BYTES], *before = port->tried;

	address_format(address, text);
	CHECK(asprintf(&port->tried, "%s%s%s %s", before != NULL ? before : "",
		      before != NULL ? ", " : "", text, why) >= 0);
	free(before);
	if (failure_kind_of(number) < port->tried_kind)
		port->tried_kind = failure_kind_of(number);
}

static void forget_try(struct scan_port *port)
{
	free(port->tried);
	port->tried = NULL;
	port->tried_kind = FAILURE_KIND_COUNT;
	port->turn = 0;
	port->begun_ns = 0;
}

/* Keeps what a handshake has told that is over; number: 0, or why it has failed. */
static void keep_tls(struct scan_port *port, const struct channel *channel, int number)
{
	struct scan_tls *tls;

	if (channel->tls == NULL)
		return;
	tls = calloc(1, sizeof *tls);
	CHECK(tls != NULL);
	tls->is_agreed = number == 0;
	tls->handshake_ns = clock_monotonic_ns() - port->begun_ns - port->connect_ns;
	tls_summarize(channel->tls, &tls->summary);
	tls_describe_peer(channel->tls, &tls->peer);
	if (tls->is_agreed || tls->peer.count > 0)
		port->tls = tls;
	else
		free(tls);
}

/* The try is over and the port not open. Takes the message. */
static void fail(struct scan *scan, size_t index, enum failure_kind kind, char *message)
{
	struct scan_port *port = &scan->ports[index];
	int64_t now_ms = clock_monotonic_ms();
	bool is_last = now_ms >= scan->until_ms;

	CHECK(message != NULL);
	say(scan, port, "%s%s", message, is_last ? "" : "; trying again");
	free(port->message);
	port->message = message;
	port->kind = kind;
	if (port->tried == message)
		port->tried = NULL;
	forget_try(port);
	if (!is_last) {
		port->due_ms = now_ms + SCAN_RETRY_MS;
		push(scan, index);
	}
}

static void succeed(struct scan *scan, struct scan_port *port, const struct address *address)
{
	char text[ADDRESS_TEXT_BYTES];

	port->is_open = true;
	port->address = *address;
	scan->open_count++;
	address_format(address, text);
	say(scan, port, "%s%sconnected to %s", port->tried != NULL ? port->tried : "",
		port->tried != NULL ? ", " : "", text);
	forget_try(port);
}

/* --- Connecting ------------------------------------------------------------------------------ */

static struct address address_of(const struct scan *scan, const struct scan_port *port)
{
	struct address address = scan->target.addresses[port->turn];

	address_set_port(&address, port->number);
	return address;
}

static bool is_patient(const struct scan *scan, const struct scan_port *port)
{
	int64_t timeout_ms = scan->request->timeout_ms;

	return timeout_ms == 0 ||
	       clock_monotonic_ns() - port->begun_ns < timeout_ms * INT64_C(1000000);
}

static void give_up_address(struct scan *scan, struct scan_port *port)
{
	struct address address = address_of(scan, port);
	char patience[PARSE_TEXT_BYTES], why[80];

	format_duration(patience, scan->request->timeout_ms);
	snprintf(why, sizeof why, "no answer%s within %s",
		port->connect_ns > 0 ? " in the TLS handshake" : "", patience);
	add_tried(port, &address, ETIMEDOUT, why);
}

static void watch(struct scan *scan, size_t index, int fd)
{
	struct address address = address_of(scan, &scan->ports[index]);
	char text[ADDRESS_TEXT_BYTES];

	address_format(&address, text);
	say(scan, &scan->ports[index], "connecting to %s", text);
	scan->busy[scan->active] = index;
	channel_open(&scan->channels[scan->active], fd, scan->request);
	scan->polled[scan->active] = (struct pollfd){.fd = fd, .events = POLLOUT};
	scan->active++;
}

static bool is_lack_of_room(int number)
{
	return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

enum beginning { BEGUN, NOT_NOW, NEXT_ADDRESS };

static enum beginning begin_address(struct scan *scan, size_t index)
{
	struct scan_port *port = &scan->ports[index];
	struct address address = address_of(scan, port);
	int fd;

	port->connect_ns = 0;
	free(port->tls);
	port->tls = NULL;
	if (port->begun_ns == 0)
		port->begun_ns = clock_monotonic_ns();
	int number = dial_begin(&scan->target, &address, scan->serial++, &fd);
	if (number == 0) {
		watch(scan, index, fd);
		return BEGUN;
	}
	if (is_lack_of_room(number) && scan->active > 0) {
		scan->bound = scan->active;
		port->begun_ns = 0;
		push_in_front(scan, index);
		return NOT_NOW;
	}
	if (number == EAGAIN && is_patient(scan, port)) {
		push(scan, index);
		return NOT_NOW;
	}
	if (number == EAGAIN)
		give_up_address(scan, port);
	else
		add_tried(port, &address, number, error_text(number));
	return NEXT_ADDRESS;
}

/* Begins with the address whose turn it is, or the first behind it that does not fail at once. */
static void begin(struct scan *scan, size_t index)
{
	struct scan_port *port = &scan->ports[index];

	if (scan->target.count == 0) {
		fail(scan, index, scan->unresolved.kind, strdup(scan->unresolved.message));
		return;
	}
	for (; port->turn < scan->target.count; port->turn++) {
		if (begin_address(scan, index) != NEXT_ADDRESS)
			return;
		port->begun_ns = 0;
	}
	fail(scan, index, port->tried_kind, port->tried);
}

static void begin_next(struct scan *scan, size_t index)
{
	scan->ports[index].turn++;
	scan->ports[index].begun_ns = 0;
	begin(scan, index);
}

/* A name may get another address while it is waited for; not while addresses are being tried. */
static void resolve(struct scan *scan)
{
	int64_t now_ms = clock_monotonic_ms();

	if (scan->active > 0 ||
		(scan->resolved_ms != 0 && now_ms - scan->resolved_ms < SCAN_RETRY_MS))
		return;
	if (target_resolve(scan->request, NULL, &scan->target, &scan->unresolved) != 0)
		scan->target.count = 0;
	scan->resolved_ms = clock_monotonic_ms();
}

static void begin_due(struct scan *scan)
{
	int64_t now_ms = clock_monotonic_ms();
	size_t left = scan->queue_count;

	resolve(scan);
	for (; left > 0 && scan->active < scan->bound && front(scan)->due_ms <= now_ms; left--)
		begin(scan, pop(scan));
}

/* --- Waiting --------------------------------------------------------------------------------- */

/* How long poll may sleep. */
static int sleep_ms(const struct scan *scan)
{
	int64_t now_ms = clock_monotonic_ms(), longest = TICK_MS;

	for (size_t i = 0; i < scan->active && scan->request->timeout_ms > 0; i++) {
		int64_t left = scan->ports[scan->busy[i]].begun_ns / 1000000 + 1 +
			       scan->request->timeout_ms - now_ms;

		longest = left < longest ? left : longest;
	}
	if (scan->queue_count > 0 && scan->active < scan->bound) {
		int64_t left = front(scan)->due_ms - now_ms;

		longest = left < longest ? left : longest;
	}
	if (scan->until_ms != 0 && scan->until_ms - now_ms < longest)
		longest = scan->until_ms - now_ms;
	return longest > 0 ? (int)longest : 0;
}

/* Closes what is at this place, and puts the last there. Returns the index of its port. */
static size_t unwatch(struct scan *scan, size_t place)
{
	size_t index = scan->busy[place];

	channel_close(&scan->channels[place]);
	scan->active--;
	scan->busy[place] = scan->busy[scan->active];
	scan->channels[place] = scan->channels[scan->active];
	scan->polled[place] = scan->polled[scan->active];
	return index;
}

/* Returns 0 where the port is open, EAGAIN where it is to be waited for, or another errno value. */
static int go_on(struct scan *scan, size_t place)
{
	struct scan_port *port = &scan->ports[scan->busy[place]];
	struct channel *channel = &scan->channels[place];

	if (port->connect_ns == 0) {
		int number = dial_end(&scan->target, channel->fd);

		if (number != 0)
			return number;
		port->connect_ns = clock_monotonic_ns() - port->begun_ns;
	}
	int number = channel_secure(channel);
	if (number != EAGAIN)
		keep_tls(port, channel, number);
	return number;
}

static void settle(struct scan *scan, size_t place)
{
	struct scan_port *port = &scan->ports[scan->busy[place]];
	struct address address = address_of(scan, port);
	int number = go_on(scan, place);

	if (number == EAGAIN) {
		scan->polled[place].events = (short)channel_wants(&scan->channels[place], 0);
		return;
	}
	if (number == 0) {
		succeed(scan, port, &address);
		unwatch(scan, place);
		return;
	}
	add_tried(port, &address, number, channel_error(&scan->channels[place], number));
	begin_next(scan, unwatch(scan, place));
}

/* From the last on: the place of one that is done is taken by one that was looked at. */
static void settle_ready(struct scan *scan)
{
	for (size_t place = scan->active; place-- > 0;) {
		struct scan_port *port = &scan->ports[scan->busy[place]];

		if (scan->polled[place].revents != 0) {
			settle(scan, place);
		} else if (!is_patient(scan, port)) {
			give_up_address(scan, port);
			begin_next(scan, unwatch(scan, place));
		}
	}
}

static void show_progress(struct scan *scan)
{
	size_t known = scan->count - scan->queue_count - scan->active;

	if (scan->until_ms == 0)
		progress_show(&scan->progress, scan->request, (double)known / (double)scan->count,
			"%zu of %zu ports, %zu open", known, scan->count, scan->open_count);
	else
		progress_show(&scan->progress, scan->request, -1, "waiting for %s: %zu of %zu open",
			scan->request->target, scan->open_count, scan->count);
}

static bool is_over(const struct scan *scan)
{
	return scan->queue_count + scan->active == 0 || scan->is_interrupted ||
	       (scan->until_ms != 0 && clock_monotonic_ms() >= scan->until_ms);
}

static void turn(struct scan *scan)
{
	struct pollfd *interrupt = &scan->polled[scan->active];

	*interrupt = (struct pollfd){.fd = scan->interrupt_fd, .events = POLLIN};
	if (poll(scan->polled, scan->active + 1, sleep_ms(scan)) < 0)
		return;
	scan->is_interrupted = interrupt->revents != 0 && interrupt_is_pending(scan->interrupt_fd);
	settle_ready(scan);
	begin_due(scan);
	show_progress(scan);
}

/* Whether a try is over or under way. */
static bool is_tried(const struct scan_port *port)
{
	return port->is_open || port->message != NULL || port->turn > 0 || port->begun_ns != 0;
}

/* The try was under way, or had not begun, and there was none before. */
static void explain_unknown(struct scan *scan, struct scan_port *port)
{
	char text[ADDRESS_TEXT_BYTES] = "";

	if (port->turn < scan->target.count) {
		struct address address = address_of(scan, port);

		address_format(&address, text);
	}
	port->kind = scan->is_interrupted ? FAILURE_OTHER : FAILURE_TIMEOUT;
	CHECK(asprintf(&port->message, "%s%s%s %s", port->tried != NULL ? port->tried : "",
		      port->tried != NULL ? ", " : "", text,
		      scan->is_interrupted ? "interrupted before there was an answer"
					   : "no answer as long as it was waited for") >= 0);
}

/* --- The whole ------------------------------------------------------------------------------- */

static size_t choose_bound(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
		limit.rlim_cur >= SCAN_AT_ONCE + SPARE_DESCRIPTORS)
		return SCAN_AT_ONCE;
	return limit.rlim_cur > SPARE_DESCRIPTORS ? (size_t)limit.rlim_cur - SPARE_DESCRIPTORS : 1;
}

void scan_init(struct scan *scan, const struct request *request, const uint16_t *numbers,
	size_t count, int64_t wait_ms)
{
	CHECK(count > 0);
	*scan = (struct scan){
		.request = request,
		.until_ms = wait_ms > 0 ? clock_monotonic_ms() + wait_ms : 0,
		.ports = calloc(count, sizeof *scan->ports),
		.count = count,
		.interrupt_fd = -1,
		.queue = calloc(count, sizeof *scan->queue),
		.bound = choose_bound(),
	};
	CHECK(scan->ports != NULL && scan->queue != NULL);
	for (size_t i = 0; i < count; i++) {
		scan->ports[i].number = numbers != NULL ? numbers[i] : 0;
		scan->ports[i].tried_kind = FAILURE_KIND_COUNT;
		push(scan, i);
	}
}

void scan_run(struct scan *scan)
{
	/* The resolver does not wait for Ctrl-C: as long as nothing is known, that ends all. */
	resolve(scan);
	scan->interrupt_fd = interrupt_open();
	begin_due(scan);
	while (!is_over(scan))
		turn(scan);
	while (scan->active > 0)
		unwatch(scan, 0);
	progress_clear(&scan->progress);
	for (size_t i = 0; i < scan->count; i++) {
		scan->tried_count += is_tried(&scan->ports[i]);
		if (!scan->ports[i].is_open && scan->ports[i].message == NULL)
			explain_unknown(scan, &scan->ports[i]);
	}
}

void scan_fini(struct scan *scan)
{
	for (size_t i = 0; i < scan->count; i++) {
		free(scan->ports[i].message);
		free(scan->ports[i].tried);
		free(scan->ports[i].tls);
	}
	free(scan->ports);
	free(scan->queue);
}
