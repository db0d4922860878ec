/* SPDX-License-Identifier: MIT */
#include "yodel/service/service.h"

#include "yodel/base/check.h"
#include "yodel/service/greeting.h"
#include "yodel/service/message.h"
#include "yodel/service/talk.h"

#include <string.h>

/* The one place to add a service: name, function, rows, settings, whether clients send lines. */
#define SERVICES(X)                                                                                \
	X("echo", service_echo, NULL, 0, true)                                                     \
	X("greet", service_greet, greet_options, sizeof(struct greet_settings), false)             \
	X("discard", service_discard, NULL, 0, true)                                               \
	X("chargen", service_chargen, NULL, 0, true)                                               \
	X("daytime", service_daytime, NULL, 0, false)                                              \
	X("time", service_time, NULL, 0, false)                                                    \
	X("message", service_message, message_options, sizeof(struct message_settings), false)     \
	X("talk", service_talk, talk_options, sizeof(struct talk_settings), true)

#define SCHEMA(word, function, rows, bytes, lines)                                                 \
	{.name = (word), .options = (rows), .settings_bytes = (bytes), .has_lines = (lines)},
const struct service_schema service_schemas[] = {SERVICES(SCHEMA){.name = NULL}};

#define FUNCTION(word, function, rows, bytes, lines) (function),
static service_run *const functions[] = {SERVICES(FUNCTION)};

service_run *service_find(const char *name)
{
	size_t index = 0;

	while (service_schemas[index].name != NULL &&
		strcmp(service_schemas[index].name, name) != 0)
		index++;
	CHECK(service_schemas[index].name != NULL);
	return functions[index];
}
