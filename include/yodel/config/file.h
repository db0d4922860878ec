/* SPDX-License-Identifier: MIT */
/*
 * Reads a libconfig file into assignments. Knows the grammar and nothing of the options.
 * Owns nothing. Threads: any.
 * Source: libconfig 1.5 manual, "Configuration Files".
 */
#ifndef YODEL_CONFIG_FILE_H
#define YODEL_CONFIG_FILE_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/config/assignment.h"
#include "yodel/config/problems.h"

/*
 * Reads a file, once, so that it may be a pipe; @include is relative to the file's folder.
 *   assignments   gets one entry per value, in the file's order
 *   problems      gets syntax errors, included files that cannot be read, and what libconfig would
 *                 have changed
 * Returns 0 (also with problems), or -1 with error where the file cannot be read: EX_NOINPUT
 * (missing, a folder, over 1 MiB), EX_NOPERM, EX_OSERR.
 */
int config_file_read(const char *path, struct assignments *assignments, struct problems *problems,
	struct error *error) MUST_USE;

#endif
