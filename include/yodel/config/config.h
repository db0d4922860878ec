/* SPDX-License-Identifier: MIT */
/*
 * The whole configuration: built once from rows and assignments, then constant.
 * Only the server floor and the programs see it whole; others are handed values.
 * Owns its strings and listeners. Threads: any, for reading, between config_build and config_free.
 */
#ifndef YODEL_CONFIG_CONFIG_H
#define YODEL_CONFIG_CONFIG_H

#include "yodel/base/attributes.h"
#include "yodel/base/option.h"
#include "yodel/config/assignment.h"
#include "yodel/config/problems.h"
#include "yodel/config/settings.h"

#include <stdio.h>

/* Whether the kernel holds the daemon to the files that it will need: server/landlock.h. */
enum landlock { LANDLOCK_OFF, LANDLOCK_AUTO, LANDLOCK_ON };

/* Their words, in the same order and ended by NULL. */
extern const char *const landlock_names[];

struct privileges {
	char *user; /* "" for none */
	char *group;
	bool no_new_privs;
	int landlock; /* enum landlock */
	bool allow_root;
};

struct config {
	struct limits limits;
	int64_t peer_prefix_v4_bits;
	int64_t peer_prefix_v6_bits;
	int64_t drain_ms;
	struct {
		int64_t max_accepts; /* 0 = no limit */
		int64_t idle_ms;     /* 0 = never */
		bool with_parent;
	} exit;
	struct privileges privileges;
	int64_t thread_stack_bytes;
	int scheduling; /* enum scheduling */
	int affinity;   /* enum affinity */
	int log_level;  /* enum log_level */
	int log_format; /* enum log_format */
	struct listener_settings *listeners;
	size_t listener_count;
};

/*
 * The rows, in the order of the shipped file. A path in daemon_options means the daemon as a whole
 * when it stands at the top of the file; listener_options may stand in a listener, or at the top
 * for all listeners.
 */
extern const struct option_row daemon_options[];
extern const struct option_row listener_options[];

/*
 * Builds a configuration from assignments: command line over file over default, listener over top.
 *   schemas    the services that may be named; lent until config_free
 *   problems   gets a line for every unknown name, wrong type, value out of range and broken rule
 * Returns the configuration, or NULL where there was a problem.
 */
struct config *config_build(const struct assignments *assignments,
	const struct service_schema *schemas, struct problems *problems) MUST_USE;

/*
 * Names each listener that has "" after its service: "echo", then "echo-2", "echo-3".
 *   listeners   count of them, name and service owned strings; passes over those that are NULL
 */
void config_name_listeners(struct listener_settings *listeners, size_t count);

/*
 * The assignment that decides an option, or NULL for its default. A path of daemon_options at the top
 * means the daemon, so it counts for no listener.
 *   listener   index, or SCOPE_TOP for a value of the daemon
 */
const struct assignment *config_decide(
	const struct assignments *assignments, const char *path, int listener);

/* Whether a listener has this service. */
bool config_has_service(const struct config *config, const char *name);

/* Writes every effective value with its origin, a line each: `listen.[0].port = 7  #
 * yodeld.conf:3`. */
void config_print(FILE *out, const struct config *config, const struct assignments *assignments);

/* Writes every row with what it allows, for --help. */
void config_print_options(FILE *out, const struct service_schema *schemas);

/* Frees a configuration; NULL is fine. */
void config_free(struct config *config);

#endif
