# prefetch_multiplier: a slot claims several jobs, keeps their leases, does one after the other, and gives back what it
# has not begun.
use strict;
use warnings;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;
use AstridWorker;

my $node = start_node('prefetch', conf => 'astrid.maintenance_interval = 100ms');
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', q{SELECT astrid_create_queue('wait', max_attempts => 2)});

my $dir = work_folder();
mkfifo("$dir/gate", 0600) or die;
my $program = write_program($dir, 'wait',
	"#!/bin/sh\necho \"\$(cat)\" >> $dir/out/begun\necho '{\"progress\": 0.5}'\nread line < $dir/gate\n");
my $conf = "queues = wait\nlease = 1\nprefetch_multiplier = 4\n[handler.wait]\ntype = exec\nprogram = $program\n";

sub jobs
{
	my ($n) = @_;
	return split /\n/, $node->safe_psql('postgres',
		"SELECT astrid_enqueue_batch('wait', array_agg(to_jsonb(i))) FROM generate_series(1, $n) i");
}
sub started { return $node->poll_query_until('postgres', "SELECT progress = 0.5 FROM astrid.job_status WHERE job_id = $_[0]"); }
sub states
{
	my $ids = join ',', @_;
	return $node->safe_psql('postgres', "SELECT string_agg(state, ' ' ORDER BY job_id) FROM astrid.job_status WHERE job_id IN ($ids)");
}
sub attempts
{
	my $ids = join ',', @_;
	return $node->safe_psql('postgres', "SELECT count(*) FROM astrid.attempt WHERE job_id IN ($ids)");
}

# Six jobs, four to one slot
my @job = jobs(6);
my $worker = start_worker($node, $dir, conf => $conf);
ok(started($job[0]), 'the first job runs');
like(worker_log($worker), qr/each runner gets a cgroup below|runners get no cgroup, limits hold for each process by itself: /,
	'which limits hold is said at the start');
is(states(@job), 'running running running running ready ready', 'three more are held, the others are not');
is($node->safe_psql('postgres', q{SELECT count(DISTINCT worker_id) FROM astrid.job_status WHERE state = 'running'}), '1', 'by the same slot');

# Their leases are kept while the first one runs: all of them are renewed, twice over.
for my $round (1 .. 2)
{
	my $until = $node->safe_psql('postgres', q{SELECT max(lease_until) FROM astrid.job_status WHERE state = 'running'});
	ok($node->poll_query_until('postgres', "SELECT min(lease_until) > '$until'::timestamptz + interval '1 s' FROM astrid.job_status WHERE state = 'running'"),
		"all leases are renewed ($round)");
}
is(attempts(@job), '0', 'none is lost');

# Commands for one that has not begun
$node->safe_psql('postgres', "SELECT astrid_cancel($job[1])");
is_state($node, $job[1], 'cancelled', 'a held job is cancelled while another runs');
is(states($job[0]), 'running', 'which goes on');

# One after the other
open_gate("$dir/gate");
is_state($node, $job[0], 'completed', 'the first job is done');
ok(started($job[2]), 'then the next one that is left');

# The end of the worker: what has not begun goes back, no attempt used, at once.
kill 'TERM', $worker->{pid};
ok(wait_for_worker_log($worker, qr/ending after the running jobs/), 'the worker is to end');
open_gate("$dir/gate");
is(wait_for_exit($worker), 0, 'it ends after the running job');
is(states(@job), 'completed cancelled completed ready ready ready', 'what it had not begun is ready');
is(attempts(@job[ 2 .. 5 ]), '0', 'without an attempt on record');
is($node->safe_psql('postgres', "SELECT attempt FROM astrid.job_status WHERE job_id = $job[3]"), '0', 'or used');
like(worker_log($worker), qr/1 jobs given back before they began/, 'which the log says');
is(slurp_file("$dir/out/begun"), "1\n3\n", 'it began no other');

# Drained by the database
sub running { return $node->safe_psql('postgres', q{SELECT job_id FROM astrid.job_status WHERE state = 'running' AND progress = 0.5}); }
sub wait_for_running
{
	my $id;
	wait_until('a running job', sub { $id = running(); return $id ne '' });
	return $id;
}
$worker = start_worker($node, $dir, conf => $conf);
my $running = wait_for_running();
my ($name) = $node->safe_psql('postgres', "SELECT worker_id FROM astrid.job_status WHERE job_id = $running");
is(states(@job[ 3 .. 5 ]), 'running running running', 'another worker has them');
$node->safe_psql('postgres', "SELECT astrid_drain_worker('$name')");
ok(wait_for_worker_log($worker, qr/told by the database to take no more jobs/), 'it is drained');
open_gate("$dir/gate");
is(wait_for_exit($worker), 0, 'and ends after the running job');
is_state($node, $running, 'completed', 'which is done');
my @left = grep { $_ != $running } @job[ 3 .. 5 ];
is(states(@left), 'ready ready', 'the others are ready');

# Ended at once
$worker = start_worker($node, $dir, conf => $conf);
wait_for_running();
kill 'TERM', $worker->{pid};
ok(wait_for_worker_log($worker, qr/ending after the running jobs/), 'a worker is to end');
kill 'TERM', $worker->{pid};
is(wait_for_exit($worker), 0, 'now at once');
is(states(@left), 'ready ready', 'the running job goes back too');
is(attempts(@job), '1', 'only the cancel of the second job is on record');

# Many short jobs, longer in all than a lease: each is done once, none is lost while it waits.
write_program($dir, 'short', "#!/usr/bin/perl\nselect(undef, undef, undef, 0.05);\n");
my $short = $conf =~ s/bin\/wait/bin\/short/r;
$short =~ s/= 4/= 50/;
$worker = start_worker($node, $dir, conf => "concurrency = 2\n$short");
jobs(100);
ok($node->poll_query_until('postgres', q{SELECT count(*) FROM astrid.job_status WHERE state = 'completed'}, '105'), 'all are done');
is($node->safe_psql('postgres', q{SELECT max(attempt) FROM astrid.job_status WHERE state = 'completed'}), '1', 'each in its first attempt');
is($node->safe_psql('postgres', 'SELECT count(*) FROM astrid.attempt'), '1', 'no attempt is on record but the cancel');
is(stop_worker($worker), 0, 'the worker ends well');
done_testing();
