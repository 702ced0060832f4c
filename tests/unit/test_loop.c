/* The event loop: timers in their order, signals, descriptors that go while served.
 * SPDX-License-Identifier: PostgreSQL */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/loop.h"

static struct loop loop;
static int last_signal;
static char order[16];

static void
on_signal(void *arg, int signo)
{
	(void) arg;
	last_signal = signo;
}

static int
set_up(void **state)
{
	sigset_t signals;

	(void) state;
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	order[0] = '\0';
	last_signal = 0;
	return loop_open(&loop, &signals, on_signal, NULL);
}

static int
tear_down(void **state)
{
	(void) state;
	loop_close(&loop);
	return 0;
}

static void
note(void *arg)
{
	strcat(order, arg);
}

static void
test_timers_run_in_order_of_time(void **state)
{
	struct loop_timer a = {note, "a", 0}, b = {note, "b", 0}, c = {note, "c", 0};
	double begin = loop_now();

	(void) state;
	loop_arm(&loop, &c, 0.06);
	loop_arm(&loop, &a, 0.02);
	loop_arm(&loop, &b, 0.04);
	while (strlen(order) < 3)
		assert_int_equal(loop_run(&loop), 0);
	assert_string_equal(order, "abc");
	assert_true(loop_now() - begin >= 0.06);
	assert_int_equal(loop.n_timers, 0);
}

static void
test_disarmed_timer_does_not_run(void **state)
{
	struct loop_timer a = {note, "a", 0}, b = {note, "b", 0};

	(void) state;
	loop_arm(&loop, &a, 0.01);
	loop_arm(&loop, &b, 0.03);
	loop_disarm(&loop, &a);
	loop_disarm(&loop, &a);
	while (order[0] == '\0')
		loop_run(&loop);
	assert_string_equal(order, "b");
}

static void
test_arming_again_moves_a_timer(void **state)
{
	struct loop_timer a = {note, "a", 0}, b = {note, "b", 0};

	(void) state;
	loop_arm(&loop, &a, 0.01);
	loop_arm(&loop, &b, 0.02);
	loop_arm(&loop, &a, 0.04);
	while (strlen(order) < 2)
		loop_run(&loop);
	assert_string_equal(order, "ba");
}

static struct loop_timer again;

static void
note_and_rearm(void *arg)
{
	note(arg);
	if (strlen(order) < 3)
		loop_arm(&loop, &again, 0); /* at once: past times must not be lost */
}

static void
test_callback_may_arm_its_own_timer(void **state)
{
	(void) state;
	again = (struct loop_timer){note_and_rearm, "x", 0};
	loop_arm(&loop, &again, -5);
	while (strlen(order) < 3)
		loop_run(&loop);
	assert_string_equal(order, "xxx");
}

static void
test_signals_arrive_in_the_loop(void **state)
{
	(void) state;
	kill(getpid(), SIGUSR1);
	assert_int_equal(last_signal, 0);
	loop_run(&loop);
	assert_int_equal(last_signal, SIGUSR1);
}

static int pipes[2][2];

/* Both are ready; whichever comes first takes the other away. */
static void
unwatch_both(void *arg, short revents)
{
	(void) arg;
	assert_true(revents & POLLIN);
	strcat(order, "r");
	loop_unwatch(&loop, pipes[0][0]);
	loop_unwatch(&loop, pipes[1][0]);
}

static void
test_removed_watch_is_not_served(void **state)
{
	(void) state;
	for (int i = 0; i < 2; i++)
	{
		assert_int_equal(pipe(pipes[i]), 0);
		assert_int_equal(write(pipes[i][1], "x", 1), 1);
		loop_watch(&loop, pipes[i][0], POLLIN, unwatch_both, NULL);
	}
	loop_run(&loop);
	assert_string_equal(order, "r");
	for (int i = 0; i < 4; i++)
		close(pipes[i / 2][i % 2]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_timers_run_in_order_of_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_disarmed_timer_does_not_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_arming_again_moves_a_timer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_callback_may_arm_its_own_timer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_signals_arrive_in_the_loop, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_removed_watch_is_not_served, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
