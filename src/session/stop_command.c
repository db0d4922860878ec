/* SPDX-License-Identifier: MIT */
#include "yodel/session/stop_command.h"

#include <string.h>

static bool is_whole(const struct stop_command *command, const char *text)
{
	return !command->is_another_line && text[command->matched] == '\0';
}

/* A carriage return behind the command belongs to the line end, if one follows. */
static void match(struct stop_command *command, const char *text, char byte)
{
	if (byte == '\r' && is_whole(command, text))
		return;
	if (text[command->matched] == byte && byte != '\0')
		command->matched++;
	else
		command->is_another_line = true;
}

bool stop_command_feed(struct stop_command *command, const char *text, const char *bytes,
	size_t length, bool is_all)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] != '\n') {
			match(command, text, bytes[i]);
			continue;
		}
		if (is_whole(command, text))
			return true;
		*command = (struct stop_command){.matched = 0};
	}
	return is_all && is_whole(command, text);
}
