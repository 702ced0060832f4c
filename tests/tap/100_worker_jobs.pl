# Jobs through astrid-worker: the exec example, the plug-in example, what is recorded, how the configuration is told.
use strict;
use warnings;
use Digest::SHA;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;
use AstridWorker;

my $node = start_node('jobs');
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', "SELECT astrid_create_queue(q) FROM unnest('{digest,stats,plain}'::text[]) q");

my $dir = work_folder();
my $plugin = build_plugin($dir, "$ENV{ASTRID_TOP}/contrib/examples/plugin/byte_stats.c");
my $plain = write_program($dir, 'plain', qq(#!/bin/sh\necho working\necho '{"log": "odd", "level": "warning"}'\n));
append_to_file("$dir/raw/abc", 'abc');

my $conf = qq{
queues = digest, stats, plain
[handler.digest]
type = exec
program = $ENV{ASTRID_TOP}/contrib/examples/exec/digest.pl
[handler.stats]
type = stage
stage = byte_stats
plugin = $plugin
[handler.plain]
type = exec
program = $plain
};
my $worker = start_worker($node, $dir, conf => $conf);

# The exec example
my $job = enqueue($node, 'digest', qq({"uri": "$dir/raw/abc"}));
is_state($node, $job, 'completed', 'an exec job completes');
is($node->safe_psql('postgres', "SELECT result ->> 'sha256' FROM astrid.job_status WHERE job_id = $job"),
	Digest::SHA::sha256_hex('abc'), 'its result is recorded');
is($node->safe_psql('postgres', "SELECT message FROM astrid.job_log WHERE job_id = $job"),
	'reading 3 bytes', 'and its log line');

$job = enqueue($node, 'digest', qq({"uri": "$dir/raw/none"}));
is_state($node, $job, 'dead', 'an error that says it is no use to retry ends the job at once');
is(attempt_field($node, $job, 'cause'), 'error', 'the cause is an error');
is(attempt_field($node, $job, 'exit_status'), '65', 'with its exit status');
like($node->safe_psql('postgres', "SELECT error FROM astrid.job_status WHERE job_id = $job"),
	qr/not_found: cannot open/, 'and its text');

$job = enqueue($node, 'plain', '{}');
is_state($node, $job, 'completed', 'a program that prints no JSON is fine');
is($node->safe_psql('postgres', "SELECT string_agg(level || ' ' || message, ', ' ORDER BY message) FROM astrid.job_log WHERE job_id = $job"),
	'warning odd, info working', 'its lines are log lines');

# The plug-in example
$job = enqueue($node, 'stats',
	qq({"inputs": {"file": "$dir/raw/abc"}, "outputs": {"report": "reports/abc.tar.gz"}, "params": {"scale": 2}}));
is_state($node, $job, 'completed', 'a plug-in stage completes');
my ($lease, $uri, $sha, $mean) = split /\|/, $node->safe_psql('postgres',
	"SELECT lease_id, result #>> '{outputs,report,uri}', result #>> '{outputs,report,sha256}', result #>> '{result,mean}' "
	  . "FROM astrid.job_status WHERE job_id = $job");
is($mean + 0, 2 * (97 + 98 + 99) / 3, 'its result is recorded');
is($uri, "$dir/out/reports/abc-j$job-l$lease.tar.gz", 'the output carries job and lease before its ending');
is($sha, Digest::SHA::sha256_hex(slurp_file($uri)), 'and the digest of what it holds');

$job = enqueue($node, 'stats', qq({"inputs": {"file": "$dir/raw/abc"}, "params": {"scale": "big"}}));
is_state($node, $job, 'dead', 'a bad parameter is refused for good');
is(attempt_field($node, $job, 'error,code'), 'bad_parameter', 'with its code');
$job = enqueue($node, 'stats', '[1]');
is_state($node, $job, 'dead', 'so is a payload of another shape');

# What the view says
$node->poll_query_until('postgres', "SELECT tasks_processed + tasks_failed = 6 AND status = 'IDLE' FROM astrid.worker_status");
is($node->safe_psql('postgres',
		q{SELECT worker_type, status, tasks_processed, tasks_failed, average_processing_time > 0, memory_usage BETWEEN 1 AND 1000,
			cpu_usage >= 0, last_heartbeat > now() - interval '1 min', version FROM astrid.worker_status}),
	"stats|IDLE|3|3|t|t|t|t|0.2.0", 'worker_status has the fields of the contract');
like(worker_log($worker), qr/^ts="[^"]+Z" level="info" pid=\d+ slot=1 queue="stats" job=\d+ attempt=1 stage="byte_stats" ms=[\d.]+ /m,
	'log lines carry job, attempt, stage and milliseconds');
is(stop_worker($worker), 0, 'SIGTERM ends an idle worker');
is($node->safe_psql('postgres', 'SELECT status FROM astrid.worker_status'), 'STOPPED', 'which is recorded');

# The configuration
my $run = sub {
	my ($stdout, $stderr);
	IPC::Run::run([ worker_binary(), @_ ], '>', \$stdout, '2>', \$stderr);
	return ($? >> 8, $stdout, $stderr);
};
my ($status, $out, $err) = $run->('--config', "$dir/worker.conf", '--check-config');
is($status, 0, '--check-config accepts it');
($status, $out) = $run->('--config', "$dir/worker.conf", '--print-config', '--lease=5min');
like($out, qr/^lease = 300$/m, 'a flag beats the file');
append_to_file("$dir/again.conf", $out);
is(($run->('--config', "$dir/again.conf", '--print-config'))[1], $out, 'what --print-config prints can be read again');
append_to_file("$dir/bad.conf", "queues = a\nleaze = 2\n");
($status, undef, $err) = $run->('--config', "$dir/bad.conf", '--check-config');
is($status, 2, 'an unknown name is an error');
like($err, qr/bad\.conf:2: unknown setting 'leaze'; did you mean 'lease'\?/, 'that names file, line and the nearest name');
($status, $out) = $run->('--config', "$dir/worker.conf", '--list-stages');
like($out, qr/^byte_stats +version 1 /m, '--list-stages lists the plug-in');

done_testing();
