/* See loop.h. SPDX-License-Identifier: PostgreSQL */
#include "core/loop.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"

double
loop_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double) ts.tv_sec + 1e-9 * (double) ts.tv_nsec;
}

/* ---- timers --------------------------------------------------------------------------------- */

static void
set_alarm(struct loop *loop)
{
	struct itimerspec spec = {{0, 0}, {0, 0}};
	double first = 0;

	for (size_t i = 0; i < loop->n_timers; i++)
		if (first == 0 || loop->timers[i]->at < first)
			first = loop->timers[i]->at;
	spec.it_value.tv_sec = (time_t) first;
	spec.it_value.tv_nsec = (long) ((first - floor(first)) * 1e9);
	timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void
remove_timer(struct loop *loop, struct loop_timer *timer)
{
	timer->at = 0;
	for (size_t i = 0; i < loop->n_timers; i++)
		if (loop->timers[i] == timer)
		{
			loop->timers[i] = loop->timers[--loop->n_timers];
			return;
		}
}

void
loop_disarm(struct loop *loop, struct loop_timer *timer)
{
	remove_timer(loop, timer);
	set_alarm(loop);
}

void
loop_arm(struct loop *loop, struct loop_timer *timer, double seconds)
{
	remove_timer(loop, timer);
	if (loop->n_timers == LOOP_MAX_TIMERS)
		abort(); /* the number of timers is fixed in the code: more is a bug */
	timer->at = loop_now() + (seconds > 0 ? seconds : 1e-9);
	loop->timers[loop->n_timers++] = timer;
	set_alarm(loop);
}

static void
on_alarm(void *arg, short revents)
{
	struct loop *loop = arg;
	unsigned long long ticks;
	double now;

	(void) revents;
	/* reset the descriptor; a spurious wake-up finds nothing to read and nothing due */
	if (read(loop->timer_fd, &ticks, sizeof ticks) < 0 && errno != EAGAIN)
		return;
	now = loop_now();
	for (size_t i = 0; i < loop->n_timers;)
	{
		struct loop_timer *timer = loop->timers[i];

		if (timer->at > now)
		{
			i++;
			continue;
		}
		remove_timer(loop, timer);
		timer->fn(timer->arg);
		i = 0; /* the callback may have armed and disarmed others */
	}
	set_alarm(loop);
}

/* ---- descriptors and signals ---------------------------------------------------------------- */

static struct loop_watch *
find_watch(struct loop *loop, int fd)
{
	for (size_t i = 0; i < loop->n_watches; i++)
		if (loop->watches[i].fd == fd)
			return &loop->watches[i];
	return NULL;
}

void
loop_watch(struct loop *loop, int fd, short events, void (*fn)(void *arg, short revents), void *arg)
{
	struct loop_watch *watch = find_watch(loop, fd);

	if (watch == NULL)
	{
		if (loop->n_watches == LOOP_MAX_WATCHES)
			abort(); /* as with timers */
		watch = &loop->watches[loop->n_watches++];
	}
	*watch = (struct loop_watch){fd, events, fn, arg};
}

void
loop_unwatch(struct loop *loop, int fd)
{
	struct loop_watch *watch = find_watch(loop, fd);

	if (watch != NULL)
		*watch = loop->watches[--loop->n_watches];
}

static void
on_signal_fd(void *arg, short revents)
{
	struct loop *loop = arg;
	struct signalfd_siginfo info;

	(void) revents;
	while (read(loop->signal_fd, &info, sizeof info) == sizeof info)
		loop->on_signal(loop->signal_arg, (int) info.ssi_signo);
}

int
loop_run(struct loop *loop)
{
	struct pollfd fds[LOOP_MAX_WATCHES];
	size_t n = loop->n_watches;

	for (size_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){loop->watches[i].fd, loop->watches[i].events, 0};
	if (poll(fds, n, -1) < 0)
		return errno == EINTR ? 0 : err_raise(ASTRID_E_INTERNAL, "poll: %s", strerror(errno));
	for (size_t i = 0; i < n; i++)
	{
		/* looked up again: an earlier callback of this round may have removed the watch */
		struct loop_watch *watch = fds[i].revents != 0 ? find_watch(loop, fds[i].fd) : NULL;

		if (watch != NULL && (fds[i].revents & (watch->events | POLLERR | POLLHUP | POLLNVAL)) != 0)
			watch->fn(watch->arg, fds[i].revents);
	}
	return 0;
}

int
loop_open(struct loop *loop, const sigset_t *signals, void (*on_signal)(void *arg, int signo),
		  void *arg)
{
	memset(loop, 0, sizeof *loop);
	loop->on_signal = on_signal;
	loop->signal_arg = arg;
	loop->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->signal_fd < 0 || loop->timer_fd < 0 || sigprocmask(SIG_BLOCK, signals, NULL) < 0)
		return err_raise(ASTRID_E_INTERNAL, "cannot set up the event loop: %s", strerror(errno));
	loop_watch(loop, loop->signal_fd, POLLIN, on_signal_fd, loop);
	loop_watch(loop, loop->timer_fd, POLLIN, on_alarm, loop);
	return 0;
}

void
loop_close(struct loop *loop)
{
	close(loop->signal_fd);
	close(loop->timer_fd);
}
