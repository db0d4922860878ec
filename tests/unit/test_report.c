/* SPDX-License-Identifier: MIT */
#include "server_support.h"

#include "yodel/server/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void the_plan_is_logged_and_a_shortage_warned_of(void **state)
{
	struct config *config = CONFIG("-olimits.max_connections=100");
	struct descriptor_plan enough = {.limit = 1000, .connections = 100};
	struct descriptor_plan scarce = {.limit = 64, .connections = 50};

	(void)state;
	capture_start();
	report_plan(config, &enough);
	char *text = capture_end();
	assert_non_null(strstr(text, " info start version="));
	assert_non_null(strstr(text, " max_connections=100 open_files=1000\n"));
	assert_null(strstr(text, "warn"));
	free(text);
	capture_start();
	report_plan(config, &scarce);
	text = capture_end();
	assert_non_null(strstr(text,
		" warn start message=\"limits.max_connections = 100, but 64 open files allow 50 at once\"\n"));
	free(text);
	config_free(config);
}

static int report_to_pipe(void *context)
{
	struct config *config = *(struct config **)context;
	int *ends = ((int **)context)[1];
	struct listening listening;
	struct stat before, after;
	struct error error;

	if (listening_open(&listening, config, &error) != 0)
		return 1;
	dup2(ends[1], STDOUT_FILENO);
	close(ends[0]);
	close(ends[1]);
	fstat(STDOUT_FILENO, &before);
	report_ready(config, &listening);
	report_ready_lines(&listening);
	report_end_output();
	listening_close(&listening);
	/* Still open, so that no other descriptor becomes number 1, but not the pipe any more. */
	if (fstat(STDOUT_FILENO, &after) != 0 || before.st_ino == after.st_ino)
		return 2;
	return 0;
}

static void ready_lines_are_the_addresses_and_then_the_end_of_stdout(void **state)
{
	struct config *config = CONFIG("-l127.0.0.1:0", "-l127.0.0.1:0=time");
	char line[64];
	int ends[2], lines = 0;
	unsigned port;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	void *context[] = {config, ends};
	capture_start();
	int status = in_child(report_to_pipe, context);
	char *text = capture_end();
	close(ends[1]);
	assert_int_equal(status, 0);
	FILE *out = fdopen(ends[0], "r");
	assert_non_null(out);
	for (; fgets(line, sizeof line, out) != NULL; lines++) {
		char expected[128];

		assert_int_equal(sscanf(line, "127.0.0.1:%u\n", &port), 1);
		snprintf(expected, sizeof expected,
			" info listen listener=%s service=%s address=%s",
			lines == 0 ? "echo" : "time", lines == 0 ? "echo" : "time", line);
		assert_non_null(strstr(text, expected));
	}
	assert_int_equal(lines, 2);
	assert_non_null(strstr(text, " info ready listeners=2\n"));
	fclose(out);
	free(text);
	config_free(config);
}

static void statistics_name_the_reasons_that_have_occurred(void **state)
{
	struct listener_settings listener = {.name = NULL};
	struct registry_settings settings = {
		.capacity = 1, .listeners = &listener, .listener_count = 1};
	const struct datagrams datagrams = {.count = 0};
	struct registry registry;

	(void)state;
	assert_int_equal(registry_init(&registry, &settings), 0);
	registry_count_refusal(&registry, CLOSE_RATE);
	registry_count_refusal(&registry, CLOSE_RATE);
	registry_count_refusal(&registry, CLOSE_RESOURCES);
	capture_start();
	report_statistics("statistics", &registry, &datagrams);
	report_drain(&registry, 30000);
	char *text = capture_end();
	assert_non_null(strstr(text,
		" info statistics active=0 accepted=0 refused=3 in=0 out=0 rate=2 resources=1\n"));
	assert_non_null(strstr(text, " info drain active=0 ms=30000\n"));
	free(text);
	registry_fini(&registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_plan_is_logged_and_a_shortage_warned_of),
		cmocka_unit_test(ready_lines_are_the_addresses_and_then_the_end_of_stdout),
		cmocka_unit_test(statistics_name_the_reasons_that_have_occurred),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
