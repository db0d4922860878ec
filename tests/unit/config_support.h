/* SPDX-License-Identifier: MIT */
/*
 * Configurations built from assignments that a test writes down, with services of its own: the
 * floor config does not know those of the daemon.
 */
#ifndef YODEL_TESTS_UNIT_CONFIG_SUPPORT_H
#define YODEL_TESTS_UNIT_CONFIG_SUPPORT_H

#include "support.h"

#include "yodel/config/config.h"

#include <stdlib.h>
#include <string.h>

struct speaker_settings {
	char *text;
	int64_t pause_ms;
};

struct board_note {
	char *key, *value;
	int64_t stay_ms;
};

struct board_settings {
	struct option_list notes;   /* struct board_note, at most 3, keys of their own */
	struct option_list colours; /* char *, at most 3, each once; none by default */
};

/*
 * "echo" without options, "speaker" with text and pause, "clock" without options, "board" with two
 * lists.
 */
extern const struct service_schema test_schemas[];

struct trial {
	struct assignments assignments;
	struct problems problems;
	struct config *config;
};

/* For cmocka: *state becomes an empty trial, and is freed with all it holds. */
int trial_set_up(void **state);
int trial_tear_down(void **state);

/* Adds an assignment of the file; a listener's number counts as named. */
void trial_set(struct trial *trial, int listener, enum value_kind kind, const char *path,
	const char *text, const char *origin);

/* Adds an assignment of the command line. */
void trial_option(struct trial *trial, int listener, const char *path, const char *text);

/* Builds, and asserts that there is no problem. Returns the configuration, the trial's. */
const struct config *trial_build(struct trial *trial);

/* Builds, and asserts that exactly these lines are the problems. */
void trial_expect_problems(struct trial *trial, const char *lines);

#endif
