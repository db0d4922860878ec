/* SPDX-License-Identifier: MIT */
/*
 * What OpenSSL says has gone wrong. It keeps a queue of errors for each thread.
 * Owns nothing. Threads: any. Source: ERR_get_error(3).
 */
#ifndef YODEL_TRANSPORT_TLS_ERROR_H
#define YODEL_TRANSPORT_TLS_ERROR_H

/* The text of this thread's last error, like "no shared cipher"; a static string. Empties the queue. */
const char *tls_error_take(void);

#endif
