/* SPDX-License-Identifier: MIT */
#include "yodel/base/descriptor.h"

#include "yodel/base/check.h"

#include <fcntl.h>
#include <unistd.h>

void descriptor_fill_standard(void)
{
	int fd;

	/* The lowest free number is given out first. */
	do {
		fd = open("/dev/null", O_RDWR);
		CHECK(fd >= 0);
	} while (fd <= STDERR_FILENO);
	close(fd);
}
