/* SPDX-License-Identifier: MIT */
/* The client's program: finds the command in the table, reads its arguments and runs it. */
#include "yodel/base/descriptor.h"
#include "yodel/base/error.h"
#include "yodel/base/parse.h"
#include "yodel/client/client.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const struct command {
	const char *name;
	const char *arguments;
	bool has_text; /* takes an optional TEXT behind HOST and PORT */
	int (*run)(const struct request *request);
	const char *help;
} commands[] = {
	{"send", "HOST PORT [TEXT]", true, client_send,
		"send TEXT or standard input, then print the whole answer"},
	{"connect", "HOST PORT", false, client_connect,
		"talk line by line; \"bye\" ends the conversation"},
};

enum {
	COMMAND_COUNT = sizeof commands / sizeof *commands,
	DEFAULT_TIMEOUT_MS = 10000,
	IS_ANSWERED = -1
};

static void print_help(FILE *out)
{
	fputs("Usage: yodel COMMAND [OPTION...] HOST PORT ...\n\nCommands:\n", out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-8s %-18s %s\n", commands[i].name, commands[i].arguments,
			commands[i].help);
	fputs("\nOptions:\n"
	      "  -4, -6              use IPv4 or IPv6 only\n"
	      "  -t, --timeout TIME  longest wait for a connection, and for an answer once all is sent:\n"
	      "                      like 500ms, 10s or 5m; 0 waits for ever; 10s if not given\n"
	      "  -V, --version       print the version\n"
	      "  -h, --help          print this help\n"
	      "\nExit codes: 0 done, 1 network failure, 2 wrong usage. Manual: yodel(1).\n",
		out);
}

static void print_version(void)
{
	puts("yodel " YODEL_VERSION);
}

static int usage_error(const char *problem, const char *value)
{
	fprintf(stderr, "yodel: %s \"%s\"; try yodel --help\n", problem, value);
	return CLIENT_USAGE;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* Reads the options in front of and between the arguments. Returns CLIENT_OK, or an exit code to
 * end with. */
static int read_options(struct request *request, int argc, char **argv)
{
	static const struct option names[] = {
		{"timeout", required_argument, NULL, 't'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int letter;

	opterr = 0;
	while ((letter = getopt_long(argc, argv, ":46t:Vh", names, NULL)) != -1) {
		switch (letter) {
		case '4':
			request->family = AF_INET;
			break;
		case '6':
			request->family = AF_INET6;
			break;
		case 't':
			if (parse_duration(optarg, &request->timeout_ms) &&
				request->timeout_ms <= INT32_MAX)
				break;
			return usage_error(
				"--timeout: expected a time like 500ms or 10s, got", optarg);
		case 'V':
			print_version();
			return IS_ANSWERED;
		case 'h':
			print_help(stdout);
			return IS_ANSWERED;
		default:
			return usage_error("unknown or incomplete option", argv[optind - 1]);
		}
	}
	return CLIENT_OK;
}

/* getaddrinfo(3) takes what strtoul(3) takes, cut to 16 bits. Names are its business alone. */
static bool is_port(const char *text)
{
	int64_t number;

	if (strspn(text, "0123456789+- \t") < strlen(text))
		return true;
	return parse_integer(text, &number) && number >= 1 && number <= UINT16_MAX;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct request request = {.family = AF_UNSPEC, .timeout_ms = DEFAULT_TIMEOUT_MS};
	int result = read_options(&request, argc, argv);
	int count = argc - optind;

	if (result != CLIENT_OK)
		return result == IS_ANSWERED ? CLIENT_OK : result;
	if (count < 2 || count > 2 + command->has_text) {
		fprintf(stderr, "Usage: yodel %s [OPTION...] %s\n", command->name,
			command->arguments);
		return CLIENT_USAGE;
	}
	request.host = argv[optind];
	request.port = argv[optind + 1];
	request.text = count > 2 ? argv[optind + 2] : NULL;
	if (!is_port(request.port))
		return usage_error(
			"port: expected 1 ... 65535 or the name of a service, got", request.port);
	return command->run(&request);
}

/* Runs the command, or answers without one. Returns an exit code. */
static int answer(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct command *command = find_command(name);

	if (command != NULL)
		return run(command, argc - 1, argv + 1);
	if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0) {
		print_version();
		return CLIENT_OK;
	}
	if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0) {
		print_help(stdout);
		return CLIENT_OK;
	}
	if (*name != '\0')
		return usage_error("unknown command", name);
	print_help(stderr);
	return CLIENT_USAGE;
}

int main(int argc, char **argv)
{
	descriptor_fill_standard();
	signal(SIGPIPE, SIG_IGN);
	int result = answer(argc, argv);
	if (result == CLIENT_OK && (fflush(stdout) != 0 || ferror(stdout))) {
		fprintf(stderr, "yodel: cannot write to standard output: %s\n", error_text(errno));
		return CLIENT_NETWORK;
	}
	return result;
}
