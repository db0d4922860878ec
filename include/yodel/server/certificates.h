/* SPDX-License-Identifier: MIT */
/*
 * The TLS contexts of all listeners: loaded at start, and again at HUP.
 * Owns them. Threads: main; clients' threads take from the contexts.
 */
#ifndef YODEL_SERVER_CERTIFICATES_H
#define YODEL_SERVER_CERTIFICATES_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/config/config.h"
#include "yodel/config/problems.h"
#include "yodel/transport/tls_context.h"

#include <stddef.h>
#include <sys/types.h>

struct certificates {
	const struct config *config;
	struct tls_context *contexts; /* one for each listener */
	uid_t owner;                  /* who serves, and may own the keys */
};

/*
 * Reads the files of all listeners with TLS.
 *   config   lent until certificates_fini
 * Returns 0, or -1 with error (EX_CONFIG) that names listener, file and cause.
 */
int certificates_load(struct certificates *certificates, const struct config *config,
	struct error *error) MUST_USE;

/* Logs "certificate" for each with its last day; as a warning where it is not valid now. */
void certificates_report(const struct certificates *certificates);

/*
 * Reads the files again. A listener whose files are broken keeps what it has. Logs "reload" for each
 * listener with TLS.
 */
void certificates_reload(struct certificates *certificates);

/* Frees what no connection uses any more. */
void certificates_fini(struct certificates *certificates);

/* Reads all files as certificates_load does, and adds each listener's problem. */
void certificates_check(const struct config *config, struct problems *problems);

#endif
