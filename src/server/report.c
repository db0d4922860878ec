/* SPDX-License-Identifier: MIT */
#include "yodel/server/report.h"

#include "yodel/base/log.h"
#include "yodel/server/kernel_limits.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

void report_plan(const struct config *config, const struct descriptor_plan *plan)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_INFO, "start");
	log_text(&line, "version", YODEL_VERSION);
	log_number(&line, "pid", (uint64_t)getpid());
	log_number(&line, "max_connections", plan->connections);
	log_number(&line, "open_files", plan->limit);
	log_end(&line);
	if (plan->connections < (size_t)config->limits.max_connections)
		log_message(LOG_LEVEL_WARN, "start",
			"limits.max_connections = %lld, but %zu open files allow %zu at once",
			(long long)config->limits.max_connections, plan->limit, plan->connections);
	kernel_limits_warn((size_t)config->limits.max_connections);
}

void report_privileges(const struct privileges *privileges, const char *landlock)
{
	bool is_asked_for = privileges->user[0] != '\0' || privileges->group[0] != '\0' ||
			    privileges->landlock != LANDLOCK_OFF;
	struct log_line line;

	if (!is_asked_for)
		return;
	log_begin(&line, LOG_LEVEL_INFO, "privileges");
	log_number(&line, "uid", getuid());
	log_number(&line, "gid", getgid());
	log_text(&line, "no_new_privs", privileges->no_new_privs ? "yes" : "no");
	log_text(&line, "landlock", landlock);
	log_end(&line);
}

static void log_socket(const struct listening_entry *entry, const char *service, const char *name)
{
	char address[ADDRESS_TEXT_BYTES];
	struct log_line line;

	address_format(&entry->address, address);
	log_begin(&line, LOG_LEVEL_INFO, "listen");
	log_text(&line, "listener", name);
	log_text(&line, "service", service);
	if (entry->is_datagram)
		log_text(&line, "protocol", "udp");
	log_text(&line, "address", address);
	log_end(&line);
}

void report_ready(const struct config *config, const struct listening *listening)
{
	struct log_line line;

	for (size_t i = 0; i < listening->count; i++) {
		const struct listening_entry *entry = &listening->entries[i];
		const struct listener_settings
			*settings = &config->listeners[entry->listener_index];

		log_socket(entry, settings->service, settings->name);
	}
	log_begin(&line, LOG_LEVEL_INFO, "ready");
	log_number(&line, "listeners", listening->count);
	log_end(&line);
}

void report_ready_lines(const struct listening *listening)
{
	char address[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < listening->count; i++) {
		address_format(&listening->entries[i].address, address);
		printf("%s%s\n", listening->entries[i].is_datagram ? "udp:" : "", address);
	}
	fflush(stdout);
}

void report_end_output(void)
{
	/* Not just closed: the next descriptor must not become number 1. */
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null < 0)
		return;
	(void)dup2(null, STDOUT_FILENO);
	close(null);
}

void report_drain(struct registry *registry, int64_t drain_ms)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_INFO, "drain");
	log_number(&line, "active", registry_open_count(registry));
	log_number(&line, "ms", (uint64_t)drain_ms);
	log_end(&line);
}

static void add_datagrams(struct log_line *line, const struct datagrams *datagrams)
{
	struct datagram_totals totals = datagrams_totals(datagrams);
	char name[32];

	log_number(line, "datagrams_in", totals.in);
	log_number(line, "datagrams_out", totals.out);
	for (int reason = CLOSE_NONE + 1; reason < CLOSE_REASON_COUNT; reason++) {
		snprintf(name, sizeof name, "dropped_%s",
			close_reason_word((enum close_reason)reason));
		if (totals.by_reason[reason] != 0)
			log_number(line, name, totals.by_reason[reason]);
	}
}

void report_statistics(
	const char *event, struct registry *registry, const struct datagrams *datagrams)
{
	struct totals totals = registry_totals(registry);
	struct log_line line;

	log_begin(&line, LOG_LEVEL_INFO, event);
	log_number(&line, "active", registry_open_count(registry));
	log_number(&line, "accepted", totals.accepted);
	log_number(&line, "refused", totals.refused);
	log_number(&line, "in", totals.bytes_in);
	log_number(&line, "out", totals.bytes_out);
	for (int reason = CLOSE_NONE + 1; reason < CLOSE_REASON_COUNT; reason++)
		if (totals.by_reason[reason] != 0)
			log_number(&line, close_reason_word((enum close_reason)reason),
				totals.by_reason[reason]);
	if (datagrams->count > 0)
		add_datagrams(&line, datagrams);
	log_end(&line);
}
