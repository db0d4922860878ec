/* SPDX-License-Identifier: MIT */
/* Configurations with the daemon's own services, from lines like those of -o. */
#ifndef YODEL_TESTS_UNIT_SERVER_SUPPORT_H
#define YODEL_TESTS_UNIT_SERVER_SUPPORT_H

#include "support.h"

#include "yodel/config/config.h"

/* Builds from arguments of the command line, NULL at the end. The caller owns the configuration. */
struct config *config_of(const char *const *words);

#define CONFIG(...) config_of((const char *const[]){__VA_ARGS__, NULL})

#endif
