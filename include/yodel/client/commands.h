/* SPDX-License-Identifier: MIT */
/*
 * The rows of all commands; each stands in the file of its command. Rows are constant. Threads: any.
 */
#ifndef YODEL_CLIENT_COMMANDS_H
#define YODEL_CLIENT_COMMANDS_H

#include "yodel/client/command.h"

extern const struct command command_send;    /* text or standard input out, the answer back */
extern const struct command command_connect; /* a conversation, line by line */
extern const struct command command_check;   /* which ports are open */
extern const struct command command_ping;    /* round trips, as of ping(8) */
extern const struct command command_load;    /* many connections, rates and latencies */
extern const struct command command_verify;  /* a pattern out and back, and what differs */
extern const struct command command_multi;   /* messages on several connections at once */
extern const struct command command_ask;     /* a framed request and its answer */
extern const struct command command_tls_selfsigned; /* a certificate to try TLS with */
extern const struct command command_completion;     /* the shell's completion of all this */

#endif
