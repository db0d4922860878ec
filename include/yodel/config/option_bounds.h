/* SPDX-License-Identifier: MIT */
/*
 * What the bounds in daemon_options and listener_options are written with. Threads: any; constant.
 */
#ifndef YODEL_CONFIG_OPTION_BOUNDS_H
#define YODEL_CONFIG_OPTION_BOUNDS_H

#include <stdint.h>

/* Milliseconds of a duration. */
#define SECOND ((int64_t)1000)
#define DAY    (86400 * SECOND)

/* Bytes of a size. */
#define KIB ((int64_t)1024)
#define MIB (1024 * KIB)

/* Of the daemon as of each listener. */
enum { CONNECTIONS_MAX = 1000000, RATE_MAX = 1000000 };

#endif
