# A worker obeys what it and its jobs say: processors, cancel, deadline, error classes, room for outputs.
use strict;
use warnings;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;
use AstridWorker;

my $node = start_node('limits');
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');

my $dir = work_folder();
mkfifo("$dir/gate", 0600) or die;

my %program = (
	shown => "#!/usr/bin/perl\nmy %r; open(my \$s, '<', '/proc/self/status'); /^Cpus_allowed_list:\\s+(\\S+)/ and \$r{cpus} = \$1 while <\$s>;\n"
	  . "open(my \$l, '<', '/proc/self/limits'); /^Max cpu time\\s+(\\S+)/ and \$r{seconds} = \$1 while <\$l>;\n"
	  . "print qq({\"result\": {\"cpus\": \"\$r{cpus}\", \"seconds\": \"\$r{seconds}\"}}\\n);\n",
	stubborn => "#!/bin/sh\ntrap ': > $dir/out/term' TERM\necho '{\"progress\": 0.5}'\nwhile :; do read line < $dir/gate; done\n",
	wait => "#!/bin/sh\necho '{\"progress\": 0.5}'\nread line < $dir/gate\n",
	data => "#!/bin/sh\nexit 65\n",
	later => "#!/bin/sh\nexit 75\n",
	header => "#!/bin/sh\necho '{\"error\": {\"code\": \"bad_header\", \"message\": \"odd\"}}'\nexit 1\n",
	notyet => "#!/bin/sh\necho '{\"error\": \"not yet\", \"retryable\": true}'\nexit 65\n",
	nospace => "#!/usr/bin/perl\nopen(my \$o, '>', '/dev/full'); \$o->autoflush(1); print \$o 'x' or "
	  . "print qq({\"error\": {\"code\": \"disk_full\", \"message\": \"\$!\"}}\\n);\nexit 74;\n");
my $conf = 'queues = ' . join(',', sort keys %program) . "\nmax_memory = 200\ncgroups = off\nisolate = off\n";
for my $name (sort keys %program)
{
	my $path = write_program($dir, $name, $program{$name});
	$conf .= "[handler.$name]\ntype = exec\nprogram = $path\n" . ($name eq 'shown' ? "max_cpu = 30\ntimeout = 5min\n" : '');
	$node->safe_psql('postgres', "SELECT astrid_create_queue('$name', max_attempts => 3, backoff_base => '1 h', backoff_max => '1 h')");
}
my $worker = start_worker($node, $dir, conf => "max_cpu = 150\nprefetch_multiplier = 2\n$conf");

sub status_is { return $node->poll_query_until('postgres', "SELECT bool_or(status = '$_[0]') FROM astrid.worker_status"); }
sub started { return $node->poll_query_until('postgres', "SELECT progress = 0.5 FROM astrid.job_status WHERE job_id = $_[0]"); }

# What it tells
ok(status_is('IDLE'), 'the worker is there');
is($node->safe_psql('postgres', q{SELECT info->'max_memory', info->'max_cpu', info->'concurrency', info->'prefetch_multiplier' FROM astrid.worker_status}),
	'200.0|150|1|2', 'its heartbeat tells its limits');
ok(wait_for_worker_log($worker, $_), "and its log: $_")
  for (qr/astrid-worker \S+ with 1 slots/);

# Without cgroups max_cpu is a number of processors, and over a timeout an amount of processor time.
my $job = enqueue($node, 'shown', '{}');
is_state($node, $job, 'completed', 'a job below 100 % of a processor');
like($node->safe_psql('postgres', "SELECT result->>'cpus' FROM astrid.job_status WHERE job_id = $job"), qr/^\d+$/, 'runs on one');
is($node->safe_psql('postgres', "SELECT result->>'seconds' FROM astrid.job_status WHERE job_id = $job"), '90', 'and for 30 % of its timeout');
ok($node->poll_query_until('postgres', q{SELECT (info #>> '{rusage,maxrss_mib}')::float8 > 1 FROM astrid.worker_status}),
	'heartbeats tell what runners used');

# Cancel: SIGTERM, grace, SIGKILL
$job = enqueue($node, 'stubborn', '{}');
ok(started($job), 'a job that ignores SIGTERM runs');
my (undef, $runner) = runner_of($worker);
$node->safe_psql('postgres', "SELECT astrid_cancel($job)");
is_state($node, $job, 'cancelled', 'and is cancelled');
ok(-e "$dir/out/term", 'it had its SIGTERM');
ok(!kill(0, $runner), 'and is gone');
is($node->safe_psql('postgres', "SELECT info->>'cause', info->>'signal' FROM astrid.attempt WHERE job_id = $job"), 'cancel|9', 'by SIGKILL, for a cancel');
$job = enqueue($node, 'wait', '{}');
ok(started($job), 'a job that obeys SIGTERM runs');
$node->safe_psql('postgres', "SELECT astrid_cancel($job)");
is_state($node, $job, 'cancelled', 'and is cancelled');
is($node->safe_psql('postgres', "SELECT info->>'cause', info->>'signal' FROM astrid.attempt WHERE job_id = $job"), 'cancel|15', 'by SIGTERM');

# Classes of errors: state after one of three attempts
my %class = (data => 'dead', header => 'dead', later => 'scheduled', notyet => 'scheduled');
for my $name (sort keys %class)
{
	$job = enqueue($node, $name, '{}');
	is_state($node, $job, $class{$name}, "$name: $class{$name} after the first attempt");
}

# No room: an error of a job makes it pause, then it goes on by itself.
$job = enqueue($node, 'nospace', '{}');
is_state($node, $job, 'scheduled', 'a job without room on the disk is retried');
is(attempt_field($node, $job, 'error,code'), 'disk_full', 'as disk_full');
ok(wait_for_worker_log($worker, qr/no room below .*no job is taken/), 'the worker pauses');
ok(status_is('ERROR'), 'its status is ERROR');
ok(wait_for_worker_log($worker, qr/there is room below .* again/), 'and goes on');
ok(status_is('IDLE'), 'its status is IDLE again');
is(stop_worker($worker), 0, 'it ends well');

# No room at all, in truth: no disk here has 16 TiB.
$worker = start_worker($node, $dir, conf => "min_free = 16777216\n$conf");
ok(status_is('ERROR'), 'a worker without room begins with ERROR');
$job = enqueue($node, 'data', '{}');
$node->safe_psql('postgres', 'CHECKPOINT') for 1 .. 3;
is($node->safe_psql('postgres', "SELECT state, attempt FROM astrid.job_status WHERE job_id = $job"), 'ready|0', 'and takes no job');
my $text = slurp_file("$dir/worker.conf");
$text =~ s/^min_free = .*/min_free = 0/m;
unlink "$dir/worker.conf";
append_to_file("$dir/worker.conf", $text);
kill 'HUP', $worker->{pid};
is_state($node, $job, 'dead', 'until there is some');
is(stop_worker($worker), 0, 'it ends well');
# A deadline that passes while the job runs
$worker = start_worker($node, $dir, conf => $conf);
my (undef, undef, $refusal) = $node->psql('postgres', q{SELECT astrid.fail(0, 0, info => '{"cause": "deadline"}')});
SKIP:
{
	skip 'this queue knows no end by deadline', 4 if $refusal =~ /none of the causes/;
	$job = enqueue($node, 'wait', '{}', q{deadline => astrid.clock() + interval '2 s'});
	runner_of($worker);
	is_state($node, $job, 'dead', 'a job is ended at its deadline, for good');
	is($node->safe_psql('postgres', "SELECT count(*) FROM astrid.attempt WHERE job_id = $job"), '1', 'in its first attempt');
	# The worker may come first with its timeout, which ends at the deadline: the queue knows better.
	is($node->safe_psql('postgres', "SELECT cause FROM astrid.attempt WHERE job_id = $job"), 'deadline', 'with the cause deadline');
	is(attempt_field($node, $job, 'signal'), '15', 'by SIGTERM');
}
is(stop_worker($worker), 0, 'it ends well');
done_testing();
