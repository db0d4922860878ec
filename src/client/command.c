/* SPDX-License-Identifier: MIT */
#include "yodel/client/command.h"

#include "yodel/base/check.h"
#include "yodel/base/flags.h"
#include "yodel/base/parse.h"
#include "yodel/base/text.h"
#include "yodel/client/dial.h"
#include "yodel/client/proxy_spec.h"
#include "yodel/transport/tls_client.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sysexits.h>

#define AT(member) .offset = offsetof(struct request, member)

enum {
	HELP_COLUMN = 32,
	HELP_BYTES = 160,
	TARGET_PART_BYTES = TARGET_BYTES / 2 - 8,
	TIMEOUT_MAX_MS = INT32_MAX,
	NAME_MAX_BYTES = 253,
};

static bool check_path(const char *text, char why[OPTION_WHY_BYTES])
{
	struct address address;

	snprintf(why, OPTION_WHY_BYTES, "the path of a Unix socket, 1 to 107 bytes");
	return address_from_path(text, &address);
}

const struct command_option shared_options[] = {
	{.letter = '4',
		.row = {.path = "ipv4",
			.type = OPTION_BOOL,
			AT(is_ipv4_only),
			.default_value = "false",
			.help = "use IPv4 only"}},
	{.letter = '6',
		.row = {.path = "ipv6",
			.type = OPTION_BOOL,
			AT(is_ipv6_only),
			.default_value = "false",
			.help = "use IPv6 only"}},
	{.argument = "ADDR[/BITS][:PORT]",
		.row = {.path = "source",
			.type = OPTION_STRING,
			AT(source),
			.default_value = "",
			.help = "connect from here; from so many bits, each address in turn",
			.check = dial_check_source}},
	{.argument = "SPEC",
		.row = {.path = "send-proxy",
			.type = OPTION_STRING,
			AT(send_proxy),
			.default_value = "",
			.help = "begin each connection with a header of the PROXY protocol: v1 or v2, and more behind commas",
			.check = proxy_spec_check}},
	{.letter = 't',
		.argument = "TIME",
		.row = {.path = "timeout",
			.type = OPTION_DURATION,
			AT(timeout_ms),
			.max = TIMEOUT_MAX_MS,
			.default_value = "10s",
			.help = "longest wait to connect and for an answer; 0 waits for ever"}},
	{.letter = 'U',
		.argument = "PATH",
		.row = {.path = "unix",
			.type = OPTION_STRING,
			AT(unix_path),
			.default_value = "",
			.check = check_path,
			.help = "a Unix socket in place of HOST and PORT; also as HOST unix:PATH"}},
	{.row = {.path = "json",
		 .type = OPTION_BOOL,
		 AT(is_json),
		 .default_value = "false",
		 .help = "print the result as JSON"}},
	{.letter = 'q',
		.row = {.path = "quiet",
			.type = OPTION_BOOL,
			AT(is_quiet),
			.default_value = "false",
			.help = "print the result only: no single lines, no progress"}},
	{.row = {.path = "no-color",
		 .type = OPTION_BOOL,
		 AT(is_colorless),
		 .default_value = "false",
		 .help = "no colours, as with NO_COLOR in the environment"}},
	{.letter = 'v',
		.row = {.path = "verbose",
			.type = OPTION_BOOL,
			AT(is_verbose),
			.default_value = "false",
			.help = "say on stderr what is done"}},
	{.letter = 'V',
		.row = {.path = "version",
			.type = OPTION_BOOL,
			AT(wants_version),
			.default_value = "false",
			.help = "print the version and exit"}},
	{.letter = 'h',
		.row = {.path = "help",
			.type = OPTION_BOOL,
			AT(wants_help),
			.default_value = "false",
			.help = "print this help and exit; behind a command, that command's"}},
	COMMAND_OPTIONS_END,
};

static bool check_file(const char *text, char why[OPTION_WHY_BYTES])
{
	snprintf(why, OPTION_WHY_BYTES, "the name of a file");
	return *text != '\0';
}

static bool check_name(const char *text, char why[OPTION_WHY_BYTES])
{
	snprintf(why, OPTION_WHY_BYTES, "a host name or an address, 1 to %d bytes", NAME_MAX_BYTES);
	return *text != '\0' && strlen(text) <= NAME_MAX_BYTES;
}

const struct command_option tls_options[] = {
	{.row = {.path = "tls",
		 .type = OPTION_BOOL,
		 AT(is_tls),
		 .default_value = "false",
		 .help = "speak TLS, and only with whom its certificate shows to be HOST"}},
	{.argument = "FILE",
		.row = {.path = "ca",
			.type = OPTION_STRING,
			AT(ca),
			.default_value = "",
			.check = check_file,
			.help = "certificates to trust, in place of the system's"}},
	{.argument = "FILE",
		.row = {.path = "cert",
			.type = OPTION_STRING,
			AT(certificate),
			.default_value = "",
			.check = check_file,
			.help = "a certificate to show, with its chain"}},
	{.argument = "FILE",
		.row = {.path = "key",
			.type = OPTION_STRING,
			AT(key),
			.default_value = "",
			.check = check_file,
			.help = "its key, if it is not in the same file"}},
	{.argument = "NAME",
		.row = {.path = "servername",
			.type = OPTION_STRING,
			AT(server_name),
			.default_value = "",
			.check = check_name,
			.help = "whom to ask for and to expect, in place of HOST"}},
	{.argument = "NAME[,NAME]",
		.row = {.path = "alpn",
			.type = OPTION_STRING,
			AT(alpn),
			.default_value = "",
			.check = tls_client_check_alpn,
			.help = "protocols to offer, the best first"}},
	{.row = {.path = "insecure",
		 .type = OPTION_BOOL,
		 AT(is_insecure),
		 .default_value = "false",
		 .help = "speak with anybody, whatever the certificate"}},
	COMMAND_OPTIONS_END,
};

const struct command_option datagram_options[] = {
	{.letter = 'u',
		.row = {.path = "udp",
			.type = OPTION_BOOL,
			AT(is_udp),
			.default_value = "false",
			.help = "a UDP datagram in place of a TCP connection"}},
	COMMAND_OPTIONS_END,
};

const struct command_option *command_more_options(const struct command *command)
{
	return command->has_udp ? datagram_options : NULL;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* --- Reading --------------------------------------------------------------------------------- */

/* Both tables of options as flags; entry i of rows is what flag i is about. */
struct flag_set {
	size_t count;
	struct flag flags[FLAGS_MAX];
	const struct option_row *rows[FLAGS_MAX];
	void *bases[FLAGS_MAX];
};

static void add_flags(struct flag_set *set, const struct command_option *options, void *base)
{
	for (; options != NULL && options->row.path != NULL; options++) {
		size_t i = set->count++;

		CHECK(i < FLAGS_MAX);
		set->flags[i] = (struct flag){
			options->letter, options->row.path, options->argument, options->row.help};
		set->rows[i] = &options->row;
		set->bases[i] = base;
		if (base != NULL)
			option_store(&options->row, options->row.default_value, base);
	}
}

/* Returns 0, or -1 with error. */
static int store_flag(const struct flag_set *set, size_t i, struct error *error)
{
	const char *text = set->flags[i].argument != NULL ? optarg : "true";
	char why[OPTION_WHY_BYTES];

	if (!option_check(set->rows[i], VALUE_WORD, text, why))
		return error_set(error, EX_USAGE, "--%s: %s", set->flags[i].name, why);
	option_store(set->rows[i], text, set->bases[i]);
	return 0;
}

/* Returns 0 with the other arguments from optind on, or -1 with error. */
static int read_flags(const struct flag_set *set, int argc, char **argv, struct error *error)
{
	int row;

	flags_begin();
	while ((row = flags_next(set->flags, set->count, argc, argv, error)) != FLAGS_END)
		if (row == FLAGS_BAD || store_flag(set, (size_t)row, error) != 0)
			return -1;
	return 0;
}

/* getaddrinfo(3) takes what strtoul(3) takes, cut to 16 bits. Names are its business alone. */
static bool is_port(const char *text)
{
	int64_t number;

	if (strspn(text, "0123456789+- \t\n\v\f\r") < strlen(text))
		return true;
	return parse_integer(text, &number) && number >= 1 && number <= UINT16_MAX;
}

static int wrong_count(const struct command *command, struct error *error)
{
	return error_set(error, EX_USAGE, "expected: yodel %s [OPTION...]%s%s; try yodel %s --help",
		command->name, command->arguments[0] != '\0' ? " " : "", command->arguments,
		command->name);
}

/* Whoever gives a path and a port, too, is told what is too much. */
static int check_count(
	const struct command *command, const struct request *request, struct error *error)
{
	char extra[TARGET_PART_BYTES];

	if (request->operand_count >= command->min_operands &&
		request->operand_count <= command->max_operands)
		return 0;
	if (request->path == NULL || request->operand_count < command->min_operands)
		return wrong_count(command, error);
	const char *operand = request->operands[command->max_operands];
	text_show(extra, sizeof extra, operand, strlen(operand));
	return error_set(error, EX_USAGE,
		"expected nothing more behind %s, which has no port, got \"%s\"", request->target,
		extra);
}

static int read_path(struct request *request, struct error *error)
{
	char path[TARGET_PART_BYTES], why[OPTION_WHY_BYTES];

	text_show(path, sizeof path, request->path, strlen(request->path));
	if (!check_path(request->path, why))
		return error_set(error, EX_USAGE, "expected %s, got \"%s\"", why, path);
	if (request->is_ipv4_only || request->is_ipv6_only || request->source[0] != '\0')
		return error_set(error, EX_USAGE,
			"-4, -6 and --source are for HOST and PORT, not for the Unix socket \"%s\"",
			path);
	if (request->is_udp)
		return error_set(error, EX_USAGE,
			"--udp is for HOST and PORT, not for the Unix socket \"%s\"", path);
	snprintf(request->target, sizeof request->target, "unix:%s", path);
	return 0;
}

static int read_host(const struct command *command, struct request *request, struct error *error)
{
	char host[TARGET_PART_BYTES], port[TARGET_PART_BYTES];

	text_show(host, sizeof host, request->host, strlen(request->host));
	text_show(port, sizeof port, request->port, strlen(request->port));
	if (request->is_ipv4_only && request->is_ipv6_only)
		return error_set(error, EX_USAGE, "-4 and -6 exclude each other");
	if (request->is_udp && request->send_proxy[0] != '\0')
		return error_set(error, EX_USAGE, "--send-proxy is for connections, not for --udp");
	if (!command->has_ports && !is_port(request->port))
		return error_set(error, EX_USAGE,
			"port: expected 1 to 65535 or the name of a service, got \"%s\"", port);
	if (command->has_ports)
		snprintf(request->target, sizeof request->target, "%s", host);
	else
		snprintf(request->target, sizeof request->target, "%s %sport %s", host,
			request->is_udp ? "UDP " : "", port);
	return 0;
}

/* An option that does nothing is a mistake; so is TLS with nobody in particular. */
static int check_tls(const struct request *request, struct error *error)
{
	char why[OPTION_WHY_BYTES];
	const struct {
		const char *name;
		bool is_given;
	} parts[] = {
		{"--ca", *request->ca != '\0'},
		{"--cert", *request->certificate != '\0'},
		{"--key", *request->key != '\0'},
		{"--servername", *request->server_name != '\0'},
		{"--alpn", *request->alpn != '\0'},
		{"--insecure", request->is_insecure},
	};

	for (size_t i = 0; i < sizeof parts / sizeof *parts && !request->is_tls; i++)
		if (parts[i].is_given)
			return error_set(error, EX_USAGE, "%s is for --tls", parts[i].name);
	if (!request->is_tls)
		return 0;
	if (request->host != NULL && *request->server_name == '\0' &&
		!check_name(request->host, why))
		return error_set(error, EX_USAGE, "HOST: expected %s with --tls, got \"%s\"", why,
			request->target);
	if (*request->key != '\0' && *request->certificate == '\0')
		return error_set(error, EX_USAGE, "--key needs the --cert that it belongs to");
	if (request->is_udp)
		return error_set(error, EX_USAGE, "--tls is for connections, not for --udp");
	if (request->path != NULL && *request->server_name == '\0' && !request->is_insecure)
		return error_set(error, EX_USAGE,
			"--tls over a Unix socket needs a --servername to expect, or --insecure");
	return 0;
}

/* Takes the target from the front of the operands. Returns 0, or -1 with error. */
static int read_target(const struct command *command, struct request *request, struct error *error)
{
	size_t used = 0;

	if (request->unix_path[0] != '\0') {
		request->path = request->unix_path;
	} else if (request->operand_count > 0 && strncmp(request->operands[0], "unix:", 5) == 0) {
		request->path = request->operands[0] + strlen("unix:");
		used = 1;
	} else if (request->operand_count >= 2) {
		request->host = request->operands[0];
		request->port = request->operands[1];
		used = 2;
	} else {
		return wrong_count(command, error);
	}
	request->operands += used;
	request->operand_count -= used;
	return request->path != NULL ? read_path(request, error)
				     : read_host(command, request, error);
}

int command_read(const struct command *command, int argc, char **argv, struct request *request,
	void *settings, struct error *error)
{
	struct flag_set set = {.count = 0};

	add_flags(&set, command->options, settings);
	add_flags(&set, command_more_options(command), request);
	add_flags(&set, shared_options, request);
	add_flags(&set, tls_options, request);
	request->command = command->name;
	if (read_flags(&set, argc, argv, error) != 0)
		return -1;
	if (request->wants_help || request->wants_version)
		return 0;
	request->operands = argv + optind;
	request->operand_count = (size_t)(argc - optind);
	if (command->has_target && read_target(command, request, error) != 0)
		return -1;
	if (check_tls(request, error) != 0)
		return -1;
	if (check_count(command, request, error) != 0)
		return -1;
	return command->check != NULL ? command->check(request, settings, error) : 0;
}

static void free_values(const struct command_option *options, void *base)
{
	for (; options != NULL && options->row.path != NULL; options++)
		option_free_value(&options->row, base);
}

void command_free(const struct command *command, struct request *request, void *settings)
{
	free_values(command->options, settings);
	free_values(shared_options, request);
	free_values(tls_options, request);
}

/* --- Help ------------------------------------------------------------------------------------ */

/* What an option does, and what holds without it where that tells something. */
static void describe(const struct option_row *row, char text[HELP_BYTES])
{
	bool has_default = row->type != OPTION_BOOL && row->default_value[0] != '\0' &&
			   strcmp(row->default_value, "0") != 0;

	snprintf(text, HELP_BYTES, "%s%s%s%s", row->help, has_default ? " (" : "",
		has_default ? row->default_value : "", has_default ? ")" : "");
}

static void print_options(FILE *out, const struct command_option *options)
{
	struct flag_set set = {.count = 0};
	char helps[FLAGS_MAX][HELP_BYTES];

	add_flags(&set, options, NULL);
	for (size_t i = 0; i < set.count; i++) {
		describe(set.rows[i], helps[i]);
		set.flags[i].help = helps[i];
	}
	flags_print(out, set.flags, set.count, HELP_COLUMN);
}

static void print_shared(FILE *out)
{
	fputs("\nOptions of every command:\n", out);
	print_options(out, shared_options);
	fputs("\nOptions of every command, for TLS:\n", out);
	print_options(out, tls_options);
}

void command_print_overview(FILE *out)
{
	fputs("Usage: yodel COMMAND [OPTION...] HOST PORT ...\n\nCommands:\n", out);
	for (size_t i = 0; commands[i] != NULL; i++) {
		fprintf(out, "  %-14s %-34s %s\n", commands[i]->name, commands[i]->arguments,
			commands[i]->help);
	}
	print_shared(out);
	fputs("\n\"yodel COMMAND --help\" tells more. Exit codes: 0 done, 1 network failure, 2 wrong "
	      "usage.\nManual: yodel(1).\n",
		out);
}

void command_print_help(FILE *out, const struct command *command)
{
	fprintf(out, "Usage: yodel %s [OPTION...] %s\n%s\n", command->name, command->arguments,
		command->help);
	if (command->options != NULL || command_more_options(command) != NULL) {
		fprintf(out, "\nOptions:\n");
		print_options(out, command->options);
		print_options(out, command_more_options(command));
	}
	print_shared(out);
	fprintf(out, "\nManual: yodel(1), \"%s\".\n", command->manual);
}
