/* SPDX-License-Identifier: MIT */
#include "yodel/client/commands.h"

#include "yodel/base/check.h"
#include "yodel/client/check_tls.h"
#include "yodel/client/dial.h"
#include "yodel/client/port_list.h"
#include "yodel/client/print.h"
#include "yodel/client/scan.h"
#include "yodel/client/terminal.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { WORD_COLUMNS = sizeof "UNREACHABLE", OPERANDS_MAX = 10000 };

struct check_settings {
	int64_t wait_ms;
};

static const struct command_option options[] = {
	{.letter = 'w',
		.argument = "TIME",
		.row = {.path = "wait",
			.type = OPTION_DURATION,
			.offset = offsetof(struct check_settings, wait_ms),
			.max = INT32_MAX,
			.default_value = "0",
			.help = "try again until all are open, for at most TIME"}},
	COMMAND_OPTIONS_END,
};

/* --- The ports ------------------------------------------------------------------------------- */

/* Returns the ports of the command line, to be freed, or NULL with error. */
static struct port_list *read_ports(const struct request *request, struct error *error)
{
	struct port_list *list = calloc(1, sizeof *list);

	CHECK(list != NULL);
	int result = port_list_add(list, request->port, error);
	for (size_t i = 0; result == 0 && i < request->operand_count; i++)
		result = port_list_add(list, request->operands[i], error);
	if (result == 0)
		return list;
	free(list);
	return NULL;
}

static int check(const struct request *request, const void *settings, struct error *error)
{
	(void)settings;
	if (request->path != NULL) {
		if (request->operand_count == 0)
			return 0;
		return error_set(error, EX_USAGE,
			"expected nothing behind a Unix socket, which has no ports, got \"%s\"",
			request->operands[0]);
	}
	struct port_list *list = read_ports(request, error);
	bool is_good = list != NULL;

	free(list);
	return is_good ? 0 : -1;
}

/* --- The result ------------------------------------------------------------------------------ */

static const char *word_of(const struct scan_port *port)
{
	return port->is_open ? "OPEN" : failure_word(port->kind);
}

static void print_port(const struct request *request, const struct scan_port *port)
{
	char text[ADDRESS_TEXT_BYTES], ms[PRINT_TEXT_BYTES];

	terminal_paint(request, stdout, port->is_open ? COLOR_GOOD : COLOR_BAD, "%-*s",
		WORD_COLUMNS, word_of(port));
	if (request->path == NULL)
		printf("port %-5u  ", port->number);
	if (port->is_open) {
		address_format(&port->address, text);
		format_ms(ms, (double)port->connect_ns);
		printf("%s in %s ms\n", text, ms);
	} else {
		printf("%s\n", port->message);
	}
	if (port->tls != NULL)
		check_tls_print(port->tls, WORD_COLUMNS);
}

static void count_kinds(const struct scan *scan, size_t counts[FAILURE_KIND_COUNT])
{
	for (size_t i = 0; i < scan->count; i++)
		if (!scan->ports[i].is_open)
			counts[scan->ports[i].kind]++;
}

static void print_summary(const struct scan *scan, const size_t counts[FAILURE_KIND_COUNT])
{
	static const char *const nouns[] = {
		[FAILURE_REFUSED] = "refused",
		[FAILURE_RESET] = "reset",
		[FAILURE_TLS] = "TLS failed",
		[FAILURE_TIMEOUT] = "timeout",
		[FAILURE_UNREACHABLE] = "unreachable",
		[FAILURE_DNS] = "not found",
		[FAILURE_OTHER] = "other",
	};

	printf("%zu open", scan->open_count);
	for (size_t kind = 0; kind < FAILURE_KIND_COUNT; kind++)
		if (counts[kind] > 0)
			printf(", %zu %s", counts[kind], nouns[kind]);
	putchar('\n');
}

static void print_text(const struct scan *scan)
{
	size_t counts[FAILURE_KIND_COUNT] = {0};

	for (size_t i = 0; i < scan->count; i++)
		print_port(scan->request, &scan->ports[i]);
	count_kinds(scan, counts);
	if (scan->count > 1)
		print_summary(scan, counts);
	fflush(stdout);
	if (counts[FAILURE_REFUSED] > 0)
		fprintf(stderr, "%s: %s\n", failure_word(FAILURE_REFUSED),
			dial_refused_hint(scan->request) + strlen("; "));
}

static json_t *port_to_json(const struct scan_port *port)
{
	char text[ADDRESS_TEXT_BYTES];
	json_t *number = port->number != 0 ? json_integer((json_int_t)port->number) : json_null();
	json_t *tls = port->tls != NULL ? check_tls_to_json(port->tls) : json_null();

	if (!port->is_open)
		return json_pack("{so ss sn sn ss so}", "port", number, "word", word_of(port),
			"address", "connect_ms", "message", port->message, "tls", tls);
	address_format(&port->address, text);
	return json_pack("{so ss ss sf sn so}", "port", number, "word", word_of(port), "address",
		text, "connect_ms", (double)port->connect_ns / 1e6, "message", "tls", tls);
}

static void print_object(const struct scan *scan)
{
	json_t *list = json_array();

	for (size_t i = 0; i < scan->count; i++)
		CHECK(json_array_append_new(list, port_to_json(&scan->ports[i])) == 0);
	print_json(json_pack("{ss ss sI sI sb so}", "command", scan->request->command, "target",
		scan->request->target, "ports_tried", (json_int_t)scan->tried_count, "ports_open",
		(json_int_t)scan->open_count, "is_interrupted", scan->is_interrupted, "ports",
		list));
}

static int run(const struct request *request, const void *settings)
{
	const struct check_settings *own = settings;
	struct port_list *list = NULL;
	struct scan *scan = calloc(1, sizeof *scan);
	struct error error;

	CHECK(scan != NULL);
	if (request->path == NULL)
		CHECK((list = read_ports(request, &error)) != NULL);
	scan_init(scan, request, list != NULL ? list->ports : NULL, list != NULL ? list->count : 1,
		own->wait_ms);
	scan_run(scan);
	if (request->is_json)
		print_object(scan);
	else if (!request->is_quiet)
		print_text(scan);
	int result = scan->open_count == scan->count ? CLIENT_OK : CLIENT_NETWORK;
	scan_fini(scan);
	free(scan);
	free(list);
	return result;
}

const struct command command_check = {
	.name = "check",
	.arguments = "HOST PORT[,PORT|-PORT]...",
	.help = "tell which ports are open, or wait until they are",
	.manual = "Checking",
	.options = options,
	.settings_bytes = sizeof(struct check_settings),
	.has_target = true,
	.has_ports = true,
	.max_operands = OPERANDS_MAX,
	.check = check,
	.run = run,
};
