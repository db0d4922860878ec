/* SPDX-License-Identifier: MIT */
/*
 * The settings of service talk.
 * Owns nothing. Threads: any; constant.
 */
#ifndef YODEL_SERVICE_TALK_H
#define YODEL_SERVICE_TALK_H

#include "yodel/base/option.h"

#include <stdint.h>

struct talk_settings {
	int64_t max_line_bytes; /* without the line end */
	int64_t pause_ms;       /* 0: a message ends with its line */
	char *absent_text;
};

extern const struct option_row talk_options[];

#endif
