/*
 * The event loop of every process of astrid-worker: poll over descriptors, signals (signalfd) and
 * timers (one timerfd). SPDX-License-Identifier: PostgreSQL
 *
 * Callbacks note what happened and return; they never wait. Whoever waits for something calls
 * loop_run() until it has happened, also from inside another wait (a query, a reconnect), so that
 * timers and pipes are served meanwhile.
 */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define LOOP_MAX_WATCHES 16
#define LOOP_MAX_TIMERS  16

struct loop_timer /* owned by the caller, one-shot; zero-initialise and set fn, arg */
{
	void (*fn)(void *arg);
	void *arg;
	double at; /* monotonic seconds; 0: not armed */
};

struct loop_watch
{
	int fd;
	short events;
	void (*fn)(void *arg, short revents);
	void *arg;
};

struct loop
{
	struct loop_watch watches[LOOP_MAX_WATCHES];
	struct loop_timer *timers[LOOP_MAX_TIMERS];
	size_t n_watches, n_timers;
	int signal_fd, timer_fd;
	void (*on_signal)(void *arg, int signo);
	void *signal_arg;
};

/* Blocks the signals and receives them in the loop from now on; -1 with the error set. */
int loop_open(struct loop *loop, const sigset_t *signals, void (*on_signal)(void *arg, int signo),
			  void *arg);
void loop_close(struct loop *loop);

/* events: POLLIN, POLLOUT. Watching a watched descriptor replaces its entry. */
void loop_watch(struct loop *loop, int fd, short events, void (*fn)(void *arg, short revents),
				void *arg);
void loop_unwatch(struct loop *loop, int fd);

void loop_arm(struct loop *loop, struct loop_timer *timer, double seconds);
void loop_disarm(struct loop *loop, struct loop_timer *timer);

/* Wait for events and serve them once; returns at the latest when the first timer has run. */
int loop_run(struct loop *loop);

double loop_now(void); /* CLOCK_MONOTONIC, seconds */

#endif
