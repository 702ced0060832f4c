/* See supervisor.h. SPDX-License-Identifier: PostgreSQL */
#include "daemon/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cgroup.h"
#include "core/err.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/proc.h"
#include "core/sdnotify.h"
#include "daemon/board.h"
#include "daemon/slot.h"
#include "daemon/sweep.h"
#include "daemon/throttle.h"

#define MAX_SLOTS    256
#define TICK_S       1.0
#define HUNG_EXTRA_S 60.0 /* beyond two leases without a sign of life a slot is taken for hung */

struct child
{
	pid_t pid; /* 0: not running */
	struct throttle throttle;
	double start_at; /* when to start it; 0: not to be started */
};

static struct supervisor
{
	struct config *config;
	supervisor_reload_fn reload;
	struct loop loop;
	struct board_slot *board;
	struct cgroups cgroups; /* its path is empty where there are none */
	struct child slots[MAX_SLOTS];
	pid_t sweeper;
	double sweep_at, kill_at, watchdog_at, watchdog_interval;
	struct loop_timer tick;
	int terms; /* signals to end that came in */
} sv;

/* ---- children ------------------------------------------------------------------------------- */

/* Fork a process that dies with this one; true in the child. */
static bool
fork_child(pid_t *pid)
{
	pid_t parent = getpid();

	*pid = fork();
	if (*pid < 0)
	{
		log_event(LOG_AT_ERROR, "cannot start a process: %s", strerror(errno));
		*pid = 0;
	}
	else if (*pid == 0 && getpid() != parent)
	{
		proc_die_with(parent);
		loop_close(&sv.loop);
		return true;
	}
	return false;
}

static void
start_slot(int i)
{
	struct child *child = &sv.slots[i];

	memset(&sv.board[i], 0, sizeof sv.board[i]);
	sv.board[i].alive = loop_now();
	child->start_at = 0;
	if (fork_child(&child->pid))
		exit(slot_main(sv.config, i + 1, &sv.board[i],
					   sv.cgroups.path[0] != '\0' ? &sv.cgroups : NULL));
	if (child->pid == 0)
		child->start_at = loop_now() + throttle_next(&child->throttle, false);
}

static void
start_sweeper(void)
{
	if (fork_child(&sv.sweeper))
		exit(sweep_main(sv.config));
}

static void
slot_ended(int i, int status)
{
	struct child *child = &sv.slots[i];
	bool succeeded = sv.board[i].processed + sv.board[i].failed > 0;
	double delay;

	child->pid = 0;
	/* a slot that was killed could not end its runner's group itself */
	proc_kill_group(sv.board[i].runner, SIGKILL);
	cgroup_sweep(&sv.cgroups, i + 1);
	if (sv.terms > 0 || (WIFEXITED(status) && WEXITSTATUS(status) == SLOT_DRAINED))
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
	{
		child->start_at = loop_now(); /* for a reload */
		return;
	}
	delay = throttle_next(&child->throttle, succeeded);
	child->start_at = loop_now() + delay;
	log_event(LOG_AT_ERROR, "slot %d ended by %s %d, restart in %g s", i + 1,
			  WIFSIGNALED(status) ? "signal" : "exit status",
			  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), delay);
}

static void
reap(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
	{
		if (pid == sv.sweeper)
			sv.sweeper = 0;
		for (int i = 0; i < sv.config->concurrency; i++)
			if (sv.slots[i].pid == pid)
				slot_ended(i, status);
	}
}

static void
signal_slots(int signo)
{
	for (int i = 0; i < sv.config->concurrency; i++)
		if (sv.slots[i].pid > 0)
			kill(sv.slots[i].pid, signo);
}

/* ---- signals -------------------------------------------------------------------------------- */

static void
dump_state(void)
{
	static const char *const names[] = {"IDLE", "BUSY", "ERROR", "STOPPED"};

	for (int i = 0; i < sv.config->concurrency; i++)
	{
		const struct board_slot *b = &sv.board[i];

		log_event(LOG_AT_INFO, "slot %d: pid %d %s job %lld runner %d processed %ld failed %ld",
				  i + 1, (int) sv.slots[i].pid, names[b->status], b->job_id, (int) b->runner,
				  b->processed, b->failed);
	}
}

/* Slots end after their job and are started again with the new settings. */
static void
reload(void)
{
	struct config loaded;
	const char *kept;

	sdnotify("RELOADING=1\nMONOTONIC_USEC=%.0f", loop_now() * 1e6);
	if (sv.reload(&loaded) < 0)
		log_event(LOG_AT_ERROR, "the new configuration is not used: %s", err_message());
	else
	{
		kept = config_keep_fixed(&loaded, sv.config);
		if (kept != NULL)
			log_event(LOG_AT_WARNING, "%s changes only with a restart", kept);
		config_free(sv.config);
		*sv.config = loaded;
		log_setup((enum log_level) sv.config->log_level, sv.config->log_format == 1);
		signal_slots(SIGHUP);
		log_event(LOG_AT_INFO, "configuration reloaded");
	}
	sdnotify("READY=1");
}

static void
stop(void)
{
	sv.terms++;
	sdnotify("STOPPING=1");
	log_event(LOG_AT_INFO, sv.terms == 1 ? "ending after the running jobs" : "ending at once");
	for (int i = 0; i < sv.config->concurrency; i++)
		sv.slots[i].start_at = 0;
	/* another signal: a second SIGTERM would be lost while the first is pending */
	signal_slots(sv.terms == 1 ? SIGTERM : SIGQUIT);
	if (sv.sweeper > 0)
		kill(sv.sweeper, SIGTERM);
	if (sv.terms > 1 && sv.kill_at == 0)
		sv.kill_at = loop_now() + sv.config->grace + 5;
}

static void
on_signal(void *arg, int signo)
{
	(void) arg;
	switch (signo)
	{
		case SIGCHLD:
			reap();
			break;
		case SIGHUP:
			reload();
			break;
		case SIGUSR1:
			dump_state();
			break;
		default:
			stop();
	}
}

/* ---- now and then --------------------------------------------------------------------------- */

static void
kill_hung_slots(double now)
{
	double limit = 2 * sv.config->lease + HUNG_EXTRA_S;

	for (int i = 0; i < sv.config->concurrency; i++)
		if (sv.slots[i].pid > 0 &&
			(now - sv.board[i].alive > limit || (sv.kill_at > 0 && now > sv.kill_at)))
		{
			log_event(LOG_AT_ERROR, "slot %d does not answer: killed", i + 1);
			sv.board[i].alive = now;
			kill(sv.slots[i].pid, SIGKILL);
		}
}

static void
tell_systemd(double now)
{
	int busy = 0, running = 0;

	for (int i = 0; i < sv.config->concurrency; i++)
	{
		running += sv.slots[i].pid > 0;
		busy += sv.slots[i].pid > 0 && sv.board[i].status == WORKER_BUSY;
	}
	sdnotify("STATUS=%d slots, %d busy", running, busy);
	if (sv.watchdog_interval > 0 && now >= sv.watchdog_at)
	{
		sdnotify("WATCHDOG=1");
		sv.watchdog_at = now + sv.watchdog_interval;
	}
}

static void
on_tick(void *arg)
{
	double now = loop_now();

	(void) arg;
	kill_hung_slots(now);
	for (int i = 0; i < sv.config->concurrency; i++)
		if (sv.slots[i].start_at > 0 && now >= sv.slots[i].start_at)
			start_slot(i);
	if (sv.config->sweep_interval > 0 && sv.config->data_dir[0] != '\0' && now >= sv.sweep_at &&
		sv.terms == 0 && sv.sweeper == 0)
	{
		sv.sweep_at = now + sv.config->sweep_interval;
		start_sweeper();
	}
	tell_systemd(now);
	loop_arm(&sv.loop, &sv.tick, TICK_S);
}

static bool
anything_left(void)
{
	for (int i = 0; i < sv.config->concurrency; i++)
		if (sv.slots[i].pid > 0 || sv.slots[i].start_at > 0)
			return true;
	return false;
}

static int
set_up(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGUSR1);
	signal(SIGPIPE, SIG_IGN);
	sv.board = mmap(NULL, MAX_SLOTS * sizeof *sv.board, PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sv.board == MAP_FAILED)
		return err_raise(ASTRID_E_NO_MEMORY, "no shared memory: %s", strerror(errno));
	sv.tick.fn = on_tick;
	sv.watchdog_interval = sdnotify_watchdog_interval();
	return loop_open(&sv.loop, &signals, on_signal, NULL);
}

/* Said once, so that it is known which limits hold. */
static void
set_up_cgroups(void)
{
	if (!sv.config->cgroups)
		return;
	if (cgroup_open(&sv.cgroups) < 0)
		log_event(LOG_AT_INFO, "runners get no cgroup, limits hold for each process by itself: %s",
				  err_message());
	else
		log_event(LOG_AT_INFO, "each runner gets a cgroup below %s with memory.max%s",
				  sv.cgroups.path, sv.cgroups.cpu ? " and cpu.max" : "");
}

int
supervisor_main(struct config *config, supervisor_reload_fn reload_fn)
{
	sv.config = config;
	sv.reload = reload_fn;
	if (set_up() < 0)
	{
		log_event(LOG_AT_ERROR, "%s", err_message());
		return EXIT_FAILURE;
	}
	log_event(LOG_AT_INFO, "astrid-worker %s with %d slots for %s", ASTRID_VERSION,
			  config->concurrency, config->queues);
	set_up_cgroups();
	for (int i = 0; i < config->concurrency; i++)
		start_slot(i);
	sv.sweep_at = loop_now() + 1;
	loop_arm(&sv.loop, &sv.tick, TICK_S);
	sdnotify("READY=1");
	while (anything_left())
		if (loop_run(&sv.loop) < 0)
		{
			log_event(LOG_AT_ERROR, "%s", err_message());
			return EXIT_FAILURE; /* the slots die with it, and their jobs go back when the leases
									run out */
		}
	cgroup_close(&sv.cgroups);
	log_event(LOG_AT_INFO, "ended");
	return EXIT_SUCCESS;
}
