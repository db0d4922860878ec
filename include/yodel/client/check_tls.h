/* SPDX-License-Identifier: MIT */
/*
 * What check tells of TLS. Bytes of the peer are made harmless. Owns nothing. Threads: one.
 */
#ifndef YODEL_CLIENT_CHECK_TLS_H
#define YODEL_CLIENT_CHECK_TLS_H

#include "yodel/client/scan.h"

#include <jansson.h>

/* Writes what was agreed on, and a line for each certificate, on stdout, indented so far. */
void check_tls_print(const struct scan_tls *tls, int indent);

/* The same as an object, to be dropped. */
json_t *check_tls_to_json(const struct scan_tls *tls);

#endif
