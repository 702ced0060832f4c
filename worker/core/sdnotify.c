/* See sdnotify.h. SPDX-License-Identifier: PostgreSQL */
#include "core/sdnotify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
sdnotify(const char *fmt, ...)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char text[512];
	size_t len;
	va_list args;
	int fd;

	if (name == NULL || (name[0] != '/' && name[0] != '@') ||
		strlen(name) >= sizeof address.sun_path)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	len = strlen(name);
	memcpy(address.sun_path, name, len);
	if (name[0] == '@') /* the abstract namespace */
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* MSG_DONTWAIT, and no look at the outcome: a deaf service manager must not stop the work */
	sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *) &address,
		   (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

double
sdnotify_watchdog_interval(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (usec == NULL || (pid != NULL && atol(pid) != (long) getpid()))
		return 0;
	return atof(usec) * 1e-6 / 2;
}
