/* SPDX-License-Identifier: MIT */
/* The client's program: finds the command in the table, reads its arguments and runs it. */
#include "yodel/base/check.h"
#include "yodel/base/descriptor.h"
#include "yodel/base/error.h"
#include "yodel/base/text.h"
#include "yodel/client/command.h"
#include "yodel/transport/tls_client.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage_error(const char *message)
{
	fprintf(stderr, "yodel: %s\n", message);
	return CLIENT_USAGE;
}

static int unknown_command(const char *name)
{
	const char *nearest = NULL;
	size_t best = SIZE_MAX;
	char shown[256];

	for (size_t i = 0; commands[i] != NULL; i++)
		if (text_is_nearer(name, commands[i]->name, &best))
			nearest = commands[i]->name;
	text_show(shown, sizeof shown, name, strlen(name));
	fprintf(stderr, "yodel: unknown command \"%s\"", shown);
	if (nearest != NULL)
		fprintf(stderr, " (did you mean \"%s\"?)", nearest);
	fputs("; try yodel --help\n", stderr);
	return CLIENT_USAGE;
}

static bool is_version(const char *word)
{
	return strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0;
}

static bool is_help(const char *word)
{
	return strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0;
}

static void print_version(void)
{
	puts("yodel " YODEL_VERSION);
}

/* Returns 0, or -1 with error. */
static int prepare_tls(struct request *request, struct error *error)
{
	const char *host = request->host != NULL ? request->host : "";
	struct tls_client_settings settings = {
		.name = *request->server_name != '\0' ? request->server_name : host,
		.ca = request->ca,
		.files = {request->certificate, request->key},
		.alpn = request->alpn,
		.is_insecure = request->is_insecure,
	};

	request->tls = tls_client_new(&settings, error);
	return request->tls != NULL ? 0 : -1;
}

/* Returns an exit code. */
static int run_command(const struct command *command, struct request *request, const void *settings)
{
	struct error error;

	if (request->is_tls && prepare_tls(request, &error) != 0)
		return usage_error(error.message);
	int result = command->run(request, settings);
	tls_client_free(request->tls);
	return result;
}

/* Returns an exit code. */
static int answer(const struct command *command, struct request *request, const void *settings)
{
	if (request->wants_help)
		command_print_help(stdout, command);
	else if (request->wants_version)
		print_version();
	else
		return run_command(command, request, settings);
	return CLIENT_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct request request = {.command = command->name};
	void *settings = calloc(1, command->settings_bytes + 1);
	struct error error;
	int result = -1;

	CHECK(settings != NULL);
	if (command_read(command, argc, argv, &request, settings, &error) == 0)
		result = answer(command, &request, settings);
	else if (command->report_usage != NULL)
		result = command->report_usage(argc, argv, error.message);
	if (result < 0)
		result = usage_error(error.message);
	command_free(command, &request, settings);
	free(settings);
	return result;
}

/* Without a command there are two things to ask. */
static int run_or_answer(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	const struct command *command = command_find(word);

	if (command != NULL)
		return run(command, argc - 1, argv + 1);
	if (is_version(word))
		print_version();
	else if (is_help(word))
		command_print_overview(stdout);
	else if (*word != '\0')
		return unknown_command(word);
	else
		return usage_error("expected a command; try yodel --help");
	return CLIENT_OK;
}

int main(int argc, char **argv)
{
	descriptor_fill_standard();
	signal(SIGPIPE, SIG_IGN);
	int result = run_or_answer(argc, argv);
	if (result == CLIENT_OK && (fflush(stdout) != 0 || ferror(stdout))) {
		fprintf(stderr, "OTHER: cannot write to standard output: %s\n", error_text(errno));
		return CLIENT_NETWORK;
	}
	return result;
}
