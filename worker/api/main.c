/*
 * astrid-api: the views of astrid over HTTP, on loopback, and a few commands for those who show a
 * token. SPDX-License-Identifier: PostgreSQL
 *
 * Signals are waited for by the main thread; a small pool of libmicrohttpd's threads answers, each
 * with a database connection of its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http.h"
#include "api/query.h"
#include "api/token.h"
#include "core/sdnotify.h"

#define EXIT_USAGE       2
#define EXIT_UNAVAILABLE 69
#define THREADS          4
#define CONNECTIONS      128
#define IDLE_SECONDS     30

static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
										{"dbname", required_argument, NULL, 'd'},
										{"write-dbname", required_argument, NULL, 'w'},
										{"token-file", required_argument, NULL, 't'},
										{"make-token", required_argument, NULL, 'm'},
										{"help", no_argument, NULL, 'h'},
										{"version", no_argument, NULL, 'V'},
										{NULL, 0, NULL, 0}};

static struct settings
{
	const char *listen, *dbname, *write_dbname, *token_file;
} settings = {.listen = "127.0.0.1:8080", .dbname = ""};

static int
usage(FILE *out)
{
	fputs(
		"astrid-api " ASTRID_VERSION
		" - the views of astrid over HTTP, and commands with a token\n\n"
		"Usage: astrid-api [--listen ADDRESS:PORT] [--dbname CONNINFO]\n"
		"                  [--token-file FILE [--write-dbname CONNINFO]]\n"
		"       astrid-api --make-token NAME\n\n"
		"  -l, --listen ADDRESS:PORT    default 127.0.0.1:8080; ASTRID_API_LISTEN. Loopback only: "
		"who may\n"
		"                               read is for a reverse proxy to say. Port 0: any\n"
		"  -d, --dbname CONNINFO        database; else PGHOST, PGDATABASE, PGSERVICE ...\n"
		"  -t, --token-file FILE        who may write; without it the gateway only reads\n"
		"  -w, --write-dbname CONNINFO  the same database for POST, with a role that is a member "
		"of\n"
		"                               astrid_admin; default: as --dbname\n"
		"  -m, --make-token NAME        print a new token, and its line for the file\n\n"
		"GET /health, /metrics, /workers/status, /workers/queues, "
		"/workers/{worker_type}/metrics\n"
		"POST /workers/{worker_type}/start, stop, scale; /workers/queues/{queue_name}/clear\n",
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
start(const struct sockaddr_storage *addr, struct tokens *tokens)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG;

	if (addr->ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	return MHD_start_daemon(flags, 0, NULL, NULL, http_answer, tokens, MHD_OPTION_SOCK_ADDR, addr,
							MHD_OPTION_NOTIFY_COMPLETED, http_completed, NULL,
							MHD_OPTION_UNESCAPE_CALLBACK, http_unescape, NULL,
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

static int
make_token(const char *name)
{
	if (token_make(name, stdout) == 0)
		return 0;
	fprintf(stderr, "astrid-api: cannot make a token '%s': %s\n", name, strerror(errno));
	return errno == EINVAL ? EXIT_USAGE : EXIT_UNAVAILABLE;
}

static const char **
setting_of(int opt)
{
	switch (opt)
	{
		case 'l':
			return &settings.listen;
		case 'd':
			return &settings.dbname;
		case 'w':
			return &settings.write_dbname;
		case 't':
			return &settings.token_file;
		default:
			return NULL;
	}
}

/* -1: go on; else the exit status. */
static int
read_arguments(int argc, char **argv)
{
	int opt;

	if (getenv("ASTRID_API_LISTEN") != NULL)
		settings.listen = getenv("ASTRID_API_LISTEN");
	while ((opt = getopt_long(argc, argv, "l:d:w:t:m:hV", options, NULL)) != -1)
	{
		if (setting_of(opt) != NULL)
			*setting_of(opt) = optarg;
		else if (opt == 'm')
			return make_token(optarg);
		else if (opt == 'V')
			return puts("astrid-api " ASTRID_VERSION) < 0;
		else
			return usage(opt == 'h' ? stdout : stderr);
	}
	if (optind < argc)
		return usage(stderr);
	if (settings.write_dbname != NULL && settings.token_file == NULL)
	{
		fputs("astrid-api: --write-dbname needs --token-file: nobody could write\n", stderr);
		return EXIT_USAGE;
	}
	return -1;
}

static void
block_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	/* inherited by the pool: only this thread gets them */
	pthread_sigmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int
main(int argc, char **argv)
{
	static struct tokens tokens;
	struct sockaddr_storage addr;
	struct MHD_Daemon *daemon;
	sigset_t signals;
	int status = read_arguments(argc, argv);

	if (status >= 0)
		return status;
	if (parse_listen(settings.listen, &addr) < 0)
	{
		fprintf(stderr, "astrid-api: --listen takes a loopback ADDRESS:PORT, not '%s'\n",
				settings.listen);
		return EXIT_USAGE;
	}
	if (settings.token_file != NULL && tokens_load(settings.token_file, &tokens) < 0)
		return EXIT_USAGE;
	query_set_conninfo(QUERY_READ, settings.dbname);
	query_set_conninfo(QUERY_WRITE,
					   settings.write_dbname != NULL ? settings.write_dbname : settings.dbname);
	block_signals(&signals);
	daemon = start(&addr, settings.token_file != NULL ? &tokens : NULL);
	if (daemon == NULL)
	{
		fprintf(stderr, "astrid-api: cannot listen on %s\n", settings.listen);
		return EXIT_UNAVAILABLE;
	}
	serve_until_signal(daemon, &signals);
	return 0;
}
