# The server goes and comes back while jobs run; the worker is told to drain, to hurry, to reload.
use strict;
use warnings;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;
use AstridWorker;

my $node = start_node('restart');
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', q{SELECT astrid_create_queue('wait')});

my $dir = work_folder();
mkfifo("$dir/gate", 0600) or die;
my $program = write_program($dir, 'wait',
	"#!/bin/sh\necho '{\"progress\": 0.5}'\nread line < $dir/gate\necho '{\"result\": \"done\"}'\n");
my $conf = "queues = wait\nlease = 9\n[handler.wait]\ntype = exec\nprogram = $program\n";

sub started { return $node->poll_query_until('postgres', "SELECT progress = 0.5 FROM astrid.job_status WHERE job_id = $_[0]"); }

# A start before the server is up
$node->stop;
my $worker = start_worker($node, $dir, conf => $conf);
ok(wait_for_worker_log($worker, qr/cannot connect/), 'without a server the worker waits');
$node->start;
my $job = enqueue($node, 'wait', '{}');
ok(started($job), 'and takes a job when it is up');

# Restarts in the middle of the job
for my $mode ('fast', 'immediate')
{
	my ($slot, $runner) = runner_of($worker);
	my $before = () = worker_log($worker) =~ /msg="connected"/g;

	$node->stop($mode);
	ok(kill(0, $runner), "$mode shutdown: the runner computes on");
	$node->start;
	ok(wait_until('another connection', sub { (() = worker_log($worker) =~ /msg="connected"/g) > $before }),
		"$mode shutdown: the slot connects again by itself");
	is((runner_of($worker))[1], $runner, "$mode shutdown: with the same runner");
}
open_gate("$dir/gate");
is_state($node, $job, 'completed', 'the job completes');
is($node->safe_psql('postgres', "SELECT attempt FROM astrid.job_status WHERE job_id = $job"), '1', 'at the first attempt');
is($node->safe_psql('postgres', "SELECT count(*) FROM astrid.attempt"), '0', 'none failed');

# The runner ends while the server is down: the result waits.
$job = enqueue($node, 'wait', '{}');
ok(started($job), 'another job runs');
my (undef, $runner) = runner_of($worker);
$node->stop('immediate');
open_gate("$dir/gate");
ok(wait_until('end of the runner', sub { !kill 0, $runner }), 'its runner ends without a server');
$node->start;
is_state($node, $job, 'completed', 'the result is committed when the server is back');

# A new latch after the restart: an idle worker is woken at once.
$job = enqueue($node, 'wait', '{}');
ok(started($job), 'an idle worker is woken');

# SIGTERM drains
my $next = enqueue($node, 'wait', '{}');
(undef, $runner) = runner_of($worker);
kill 'TERM', $worker->{pid};
ok(wait_for_worker_log($worker, qr/ending after the running jobs/), 'SIGTERM is heard');
ok(kill(0, $runner), 'the running job goes on');
open_gate("$dir/gate");
is(wait_for_exit($worker), 0, 'the worker ends after it');
is($node->safe_psql('postgres', "SELECT string_agg(state, ',' ORDER BY job_id) FROM astrid.job_status WHERE job_id IN ($job, $next)"),
	'completed,ready', 'with the job completed and the next one not begun');

# A second SIGTERM is fast, and no attempt is used up.
$worker = start_worker($node, $dir, conf => $conf);
ok(started($next), 'the next worker takes it');
kill 'TERM', $worker->{pid};
ok(wait_for_worker_log($worker, qr/ending after the running jobs/), 'SIGTERM');
kill 'TERM', $worker->{pid};
is(wait_for_exit($worker), 0, 'a second SIGTERM ends it at once');
is_state($node, $next, 'ready', 'the job is given back');
is($node->safe_psql('postgres', "SELECT attempt FROM astrid.job_status WHERE job_id = $next"), '0', 'without counting the attempt');

# SIGHUP: new settings for the next job, the running one is left alone
$worker = start_worker($node, $dir, conf => $conf);
ok(started($next), 'it runs once more');
append_to_file("$dir/worker.conf", "[handler.other]\ntype = exec\nprogram = /bin/true\n");
my $text = slurp_file("$dir/worker.conf");
$text =~ s/queues = wait/queues = wait, other/;
unlink "$dir/worker.conf";
append_to_file("$dir/worker.conf", $text);
$node->safe_psql('postgres', q{SELECT astrid_create_queue('other')});
kill 'HUP', $worker->{pid};
ok(wait_for_worker_log($worker, qr/configuration reloaded/), 'SIGHUP is heard');
open_gate("$dir/gate");
is_state($node, $next, 'completed', 'the running job completes');
$job = enqueue($node, 'other', '{}');
is_state($node, $job, 'completed', 'the new queue is served');
append_to_file("$dir/worker.conf", "nonsense\n");
kill 'HUP', $worker->{pid};
ok(wait_for_worker_log($worker, qr/new configuration is not used: .*nonsense/), 'a bad file is refused');
$job = enqueue($node, 'other', '{}');
is_state($node, $job, 'completed', 'and the work goes on');
kill 'USR1', $worker->{pid};
ok(wait_for_worker_log($worker, qr/slot 1: pid \d+ IDLE job 0 .*processed \d+ failed 0/), 'SIGUSR1 tells what the slots do');

# Told by the database
$node->safe_psql('postgres', q{SELECT astrid_drain_worker(worker_id) FROM astrid.worker_status WHERE status = 'IDLE'});
is(wait_for_exit($worker), 0, 'a drain by SQL ends the worker');

# The other rungs of the ladder
for my $wake ('listen', 'poll')
{
	$worker = start_worker($node, $dir, conf => "wake = $wake\npoll_interval = 100ms\nqueues = other\n[handler.other]\ntype = exec\nprogram = /bin/true\n");
	$job = enqueue($node, 'other', '{}');
	is_state($node, $job, 'completed', "wake = $wake works");
	is(stop_worker($worker), 0, 'and ends');
}
done_testing();
