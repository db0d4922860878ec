/* SPDX-License-Identifier: MIT */
#include "yodel/transport/tls_settings.h"

#include "yodel/base/check.h"

static bool has_own(const struct tls_settings *settings)
{
	return settings->files.certificate[0] != '\0';
}

size_t tls_settings_count(const struct tls_settings *settings)
{
	return has_own(settings) + settings->certificates.count;
}

const struct tls_files *tls_settings_files(const struct tls_settings *settings, size_t index)
{
	const struct tls_files *more = settings->certificates.items;

	CHECK(index < tls_settings_count(settings));
	if (!has_own(settings))
		return &more[index];
	return index == 0 ? &settings->files : &more[index - 1];
}
