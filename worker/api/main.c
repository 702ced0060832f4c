/*
 * astrid-api: the views of astrid over HTTP, read-only, on loopback. SPDX-License-Identifier:
 * PostgreSQL
 *
 * Signals are waited for by the main thread; a small pool of libmicrohttpd's threads answers, each
 * with a database connection of its own.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http.h"
#include "api/query.h"
#include "core/sdnotify.h"

#define EXIT_USAGE       2
#define EXIT_UNAVAILABLE 69
#define THREADS          4
#define CONNECTIONS      128
#define IDLE_SECONDS     30

static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
										{"dbname", required_argument, NULL, 'd'},
										{"help", no_argument, NULL, 'h'},
										{"version", no_argument, NULL, 'V'},
										{NULL, 0, NULL, 0}};

static int
usage(FILE *out)
{
	fputs("astrid-api " ASTRID_VERSION " - the views of astrid over HTTP, read-only\n\n"
		  "Usage: astrid-api [--listen ADDRESS:PORT] [--dbname CONNINFO]\n\n"
		  "  -l, --listen ADDRESS:PORT  default 127.0.0.1:8080; ASTRID_API_LISTEN. Loopback only: "
		  "there is\n"
		  "                             no authentication; put a reverse proxy before it. Port 0: "
		  "any\n"
		  "  -d, --dbname CONNINFO      database; else PGHOST, PGDATABASE, PGSERVICE ...\n\n"
		  "Answers GET /health, /metrics, /workers/status, /workers/queues, "
		  "/workers/{worker_type}/metrics.\n",
		  out);
	return out == stdout ? 0 : EXIT_USAGE;
}

/* "127.0.0.1:8080" or "[::1]:8080"; only loopback addresses are accepted. */
static int
parse_listen(const char *text, struct sockaddr_storage *addr)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *) addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) addr;
	const char *colon = strrchr(text, ':');
	char host[64], *end;
	long port;

	memset(addr, 0, sizeof *addr);
	if (colon == NULL || (size_t) (colon - text) >= sizeof host)
		return -1;
	memcpy(host, text, (size_t) (colon - text));
	host[colon - text] = '\0';
	port = strtol(colon + 1, &end, 10);
	if (end == colon + 1 || *end != '\0' || port < 0 || port > 65535)
		return -1;
	if (strcmp(host, "[::1]") == 0)
	{
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = in6addr_loopback;
		in6->sin6_port = htons((uint16_t) port);
		return 0;
	}
	in4->sin_family = AF_INET;
	in4->sin_port = htons((uint16_t) port);
	if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &in4->sin_addr) !=
		1)
		return -1;
	return ntohl(in4->sin_addr.s_addr) >> 24 == 127 ? 0 : -1;
}

static struct MHD_Daemon *
start(const struct sockaddr_storage *addr)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG;

	if (addr->ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	return MHD_start_daemon(flags, 0, NULL, NULL, http_answer, NULL, MHD_OPTION_SOCK_ADDR, addr,
							MHD_OPTION_THREAD_POOL_SIZE, (unsigned) THREADS,
							MHD_OPTION_CONNECTION_LIMIT, (unsigned) CONNECTIONS,
							MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) IDLE_SECONDS, MHD_OPTION_END);
}

static void
serve_until_signal(struct MHD_Daemon *daemon, const sigset_t *signals)
{
	int got;

	/* The line that scripts wait for: which port it is, and that requests are taken. */
	printf("astrid-api listening on port %u\n",
		   (unsigned) MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	sdnotify("READY=1");
	sigwait(signals, &got);
	sdnotify("STOPPING=1");
	MHD_stop_daemon(daemon);
}

int
main(int argc, char **argv)
{
	const char *listen = getenv("ASTRID_API_LISTEN");
	struct sockaddr_storage addr;
	struct MHD_Daemon *daemon;
	sigset_t signals;
	int opt;

	while ((opt = getopt_long(argc, argv, "l:d:hV", options, NULL)) != -1)
	{
		if (opt == 'l')
			listen = optarg;
		else if (opt == 'd')
			query_set_conninfo(optarg);
		else if (opt == 'V')
			return puts("astrid-api " ASTRID_VERSION) < 0;
		else
			return usage(opt == 'h' ? stdout : stderr);
	}
	if (optind < argc)
		return usage(stderr);
	if (parse_listen(listen != NULL ? listen : "127.0.0.1:8080", &addr) < 0)
	{
		fprintf(stderr, "astrid-api: --listen takes a loopback ADDRESS:PORT, not '%s'\n", listen);
		return EXIT_USAGE;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals,
					NULL); /* inherited by the pool: only this thread gets them */
	signal(SIGPIPE, SIG_IGN);
	daemon = start(&addr);
	if (daemon == NULL)
	{
		fprintf(stderr, "astrid-api: cannot listen on %s\n",
				listen != NULL ? listen : "127.0.0.1:8080");
		return EXIT_UNAVAILABLE;
	}
	serve_until_signal(daemon, &signals);
	return 0;
}
