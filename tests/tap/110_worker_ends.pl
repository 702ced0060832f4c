# However a runner ends, the attempt says how: timeout, memory, crash, signal, exit, error, cancel; lost leases.
use strict;
use warnings;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;
use AstridWorker;

my $node = start_node('ends');
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');

my $dir = work_folder();
mkfifo("$dir/gate", 0600) or die;

my %program = (
	hang => "#!/bin/sh\ntrap '' TERM\necho '{\"progress\": 0.5}'\nread line < $dir/gate\nread line < $dir/gate\n",
	hog => "#!/usr/bin/perl\nmy \@a; push \@a, 'x' x 1_000_000 while 1;\n",
	crash => "#!/bin/sh\nkill -SEGV \$\$\n",
	exit => "#!/bin/sh\necho 'it went wrong' >&2\nexit 7\n",
	error => "#!/bin/sh\necho '{\"error\": \"no stars\", \"retryable\": false}'\n",
	flood => "#!/bin/sh\nexec cat /dev/zero\n",
	latin => "#!/bin/sh\nprintf 'caf\\351' >&2\nexit 3\n",
	nul => "#!/bin/sh\necho '{\"error\": {\"code\": \"odd\", \"message\": \"a\\u0000b\"}}'\nexit 4\n",
	nulresult => "#!/bin/sh\necho '{\"result\": \"a\\u0000b\"}'\n",
	wait => "#!/bin/sh\necho '{\"progress\": 0.5, \"step\": \"waiting\"}'\nread line < $dir/gate\necho '{\"result\": \"done\"}'\n",
	spin => "#!/bin/sh\nwhile :; do :; done\n",
	missing => undef);
my $conf = 'queues = ' . join(',', sort keys %program) . "\nmax_memory = 128\nmax_result = 1\n";
for my $name (sort keys %program)
{
	my $path = defined $program{$name} ? write_program($dir, $name, $program{$name}) : "$dir/bin/none";
	my $timeout = $name eq 'hang' ? "timeout = 1\n" : $name eq 'spin' ? "max_cpu = 1\ntimeout = 90\n" : '';
	$conf .= "[handler.$name]\ntype = exec\nprogram = $path\n$timeout";
	$node->safe_psql('postgres', "SELECT astrid_create_queue('$name', max_attempts => 1)");
}
my $worker = start_worker($node, $dir, conf => $conf);

# name => [cause, text of the error, path in info, its value]
my %end = (
	hang => [ 'timeout', qr/^timeout after 1 s/, 'signal', 9 ],
	hog => [ 'memory', qr/memory limit/, 'rusage,user_s', qr/^\d/ ],
	crash => [ 'crash', qr/signal 11/, 'signal', 11 ],
	exit => [ 'exit', qr/status 7: it went wrong/, 'exit_status', 7 ],
	error => [ 'error', qr/no stars/, 'error,message', 'no stars' ],
	flood => [ 'error', qr/more than 1 MiB/, 'signal', 15 ],
	latin => [ 'exit', qr/status 3: caf\?/, 'stderr', 'caf?' ],
	nul => [ 'error', qr/odd: a$/, 'cause', 'error' ],
	nulresult => [ 'error', qr/^commit: .*Unicode/, 'cause', 'error' ],
	spin => [ 'timeout', qr/processor time/, 'rusage,user_s', qr/^[0-9.]+/ ],
	missing => [ 'error', qr/cannot start .*none/, 'error,code', 'usage' ]);
for my $name (sort keys %end)
{
	my ($cause, $text, $path, $value) = @{ $end{$name} };
	my $job = enqueue($node, $name, '{}');

	is_state($node, $job, 'dead', "$name: the job is dead");
	is(attempt_field($node, $job, 'cause'), $cause, "$name: the cause is $cause");
	like($node->safe_psql('postgres', "SELECT error FROM astrid.job_status WHERE job_id = $job"), $text, "$name: the error says so");
	like(attempt_field($node, $job, $path), ref $value ? $value : qr/^\Q$value\E$/, "$name: $path is recorded");
}

# kill -9 of the runner
my $job = enqueue($node, 'wait', '{}', 'max_attempts => 2');
ok($node->poll_query_until('postgres', "SELECT progress = 0.5 AND step = 'waiting' FROM astrid.job_status WHERE job_id = $job"),
	'progress is seen while it runs');
my ($slot, $runner) = runner_of($worker);
ok($node->poll_query_until('postgres', q{SELECT status = 'BUSY' FROM astrid.worker_status}), 'and the worker is BUSY');
kill 'KILL', $runner;
is_state($node, $job, 'scheduled,ready', 'kill -9 of a runner: the job will be run again');
is(attempt_field($node, $job, 'cause'), 'signal', 'and the attempt says signal');
is(attempt_field($node, $job, 'signal'), '9', 'number 9');
$node->safe_psql('postgres', "SELECT astrid_cancel($job)");

# A cancel ends it
$job = enqueue($node, 'wait', '{}');
runner_of($worker);
$node->safe_psql('postgres', "SELECT astrid_cancel($job)");
is_state($node, $job, 'cancelled', 'a cancel ends the runner');

# A lost lease ends it, and nothing is written: the job is taken away with its queue.
$job = enqueue($node, 'wait', '{}');
(undef, $runner) = runner_of($worker);
$node->safe_psql('postgres', "SELECT astrid_drop_queue('wait')");
ok(wait_until('end of the runner', sub { !kill 0, $runner }), 'a lost lease ends the runner');
ok(wait_for_worker_log($worker, qr/job=$job .*not ours any more/), 'which the log says');

# The slot lived through all of it
is((children_of($worker->{pid}))[0], $slot, 'the slot is the same');
is(stop_worker($worker), 0, 'and ends well');
done_testing();
