/* SPDX-License-Identifier: MIT */
#include "config_support.h"

static const struct option_row speaker_options[] = {
	{.path = "text",
		.type = OPTION_STRING,
		.offset = offsetof(struct speaker_settings, text),
		.default_value = "hi",
		.help = "What is said"},
	{.path = "pauses.between",
		.type = OPTION_DURATION,
		.offset = offsetof(struct speaker_settings, pause_ms),
		.max = 60000,
		.default_value = "1s",
		.help = "Between two words"},
	OPTION_END,
};

#define NOTE(member) .path = #member, .offset = offsetof(struct board_note, member)

static const struct option_row note_rows[] = {
	{NOTE(key), .type = OPTION_STRING, .is_unique = true},
	{NOTE(value), .type = OPTION_STRING},
	{NOTE(stay_ms), .type = OPTION_DURATION, .max = 60000, .default_value = "5s"},
	OPTION_END,
};

static const struct option_row colour_rows[] = {
	{.path = "", .type = OPTION_STRING, .is_unique = true},
	OPTION_END,
};

static const char *const default_notes[] = {"hello", "Good \"day\" \U0001f430", "5s", NULL};

static const struct option_row board_options[] = {
	{.path = "notes",
		.type = OPTION_LIST,
		.offset = offsetof(struct board_settings, notes),
		.max = 3,
		.elements = note_rows,
		.element_bytes = sizeof(struct board_note),
		.default_elements = default_notes,
		.help = "What hangs there"},
	{.path = "paint.colours",
		.type = OPTION_LIST,
		.offset = offsetof(struct board_settings, colours),
		.max = 3,
		.elements = colour_rows,
		.element_bytes = sizeof(char *),
		.help = "Layers of paint"},
	OPTION_END,
};

const struct service_schema test_schemas[] = {
	{.name = "echo"},
	{.name = "speaker",
		.options = speaker_options,
		.settings_bytes = sizeof(struct speaker_settings)},
	{.name = "clock"},
	{.name = "board",
		.options = board_options,
		.settings_bytes = sizeof(struct board_settings)},
	{.name = NULL},
};

int trial_set_up(void **state)
{
	struct trial *trial = calloc(1, sizeof *trial);

	assert_non_null(trial);
	problems_init(&trial->problems);
	*state = trial;
	return 0;
}

int trial_tear_down(void **state)
{
	struct trial *trial = *state;

	config_free(trial->config);
	problems_fini(&trial->problems);
	assignments_fini(&trial->assignments);
	free(trial);
	return 0;
}

void trial_set(struct trial *trial, int listener, enum value_kind kind, const char *path,
	const char *text, const char *origin)
{
	struct assignment item = {
		.path = path,
		.listener = listener,
		.kind = kind,
		.text = text,
		.origin = origin,
	};

	assignments_add(&trial->assignments, &item);
	if (listener != SCOPE_TOP && trial->assignments.listener_count < (size_t)listener + 1)
		trial->assignments.listener_count = (size_t)listener + 1;
}

void trial_option(struct trial *trial, int listener, const char *path, const char *text)
{
	trial_set(trial, listener, VALUE_WORD, path, text, "-o");
	trial->assignments.items[trial->assignments.count - 1].is_from_command_line = true;
}

const struct config *trial_build(struct trial *trial)
{
	config_free(trial->config);
	trial->config = config_build(&trial->assignments, test_schemas, &trial->problems);
	if (trial->config == NULL)
		fail_msg("%s", problems_text(&trial->problems));
	assert_int_equal(trial->problems.count, 0);
	return trial->config;
}

void trial_expect_problems(struct trial *trial, const char *lines)
{
	size_t count = 0;

	assert_null(config_build(&trial->assignments, test_schemas, &trial->problems));
	assert_string_equal(problems_text(&trial->problems), lines);
	for (const char *at = lines; (at = strchr(at, '\n')) != NULL; at++)
		count++;
	assert_int_equal(trial->problems.count, count);
}
