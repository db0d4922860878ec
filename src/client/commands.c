/* SPDX-License-Identifier: MIT */
#include "yodel/client/commands.h"

#include <stddef.h>

const struct command *const commands[] = {
	&command_send,
	&command_connect,
	&command_check,
	&command_ping,
	&command_load,
	&command_verify,
	&command_multi,
	&command_ask,
	&command_tls_selfsigned,
	&command_completion,
	NULL,
};
