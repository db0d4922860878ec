/* SPDX-License-Identifier: MIT */
#include "yodel/client/commands.h"

#include <stddef.h>

const struct command *const commands[] = {
	&command_send,
	&command_check,
	&command_ping,
	NULL,
};
