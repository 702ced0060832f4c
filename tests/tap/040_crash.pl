# A crash loses no job: what was running is run again when its lease is over, and its old lease is worth nothing.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

my $node = start_node('crash', conf => "restart_after_crash = on\nastrid.maintenance_interval = 100ms\n");
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', q{
	SELECT astrid_create_queue('q', max_attempts => 5, backoff_base => interval '10 ms',
		backoff_max => interval '20 ms')});
wait_for_worker($node, 'postgres');

sub state_of
{
	my ($job) = @_;
	return "SELECT state FROM astrid.job_status WHERE job_id = $job";
}

# Immediate stop with a job running
my $job = $node->safe_psql('postgres', q{SELECT astrid_enqueue('q', '{"n": 1}')});
my (undef, $lease) = split /\|/, claim_one($node, 'q', '500 ms');
my $sleeper = start_wait($node, 'NULL', '60 s');
$node->stop('immediate');
$node->start;
eval { $sleeper->quit };
ok($node->poll_query_until('postgres', state_of($job), 'ready'), 'after a crash the job becomes ready again');
my (undef, $next_lease, $attempt) = split /\|/, claim_one($node, 'q', '1 min');
is($attempt, 2, 'its second attempt');
cmp_ok($next_lease, '>', $lease, 'with a lease of its own');
is($node->safe_psql('postgres', "SELECT astrid_complete($job, $lease, NULL)"), 'f', 'the lost lease completes nothing');
is($node->safe_psql('postgres', "SELECT astrid_complete($job, $next_lease, NULL)"), 't', 'the new one does');
is($node->safe_psql('postgres', state_of($job)), 'completed', 'once');

# kill -9 of the maintenance worker: the server restarts all its processes
for my $kind ('astrid maintenance', 'astrid launcher')
{
	$job = $node->safe_psql('postgres', q{SELECT astrid_enqueue('q', '{"n": 2}')});
	claim_one($node, 'q', '500 ms');
	my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = '$kind'");
	kill 'KILL', $pid;
	ok( $node->poll_query_until('postgres',
			"SELECT count(*) FROM pg_stat_activity WHERE backend_type = '$kind' AND pid <> $pid", '1'),
		"kill -9: the $kind is there again");
	ok($node->poll_query_until('postgres', state_of($job), 'ready'), 'and does its work');
	(undef, $lease, $attempt) = split /\|/, claim_one($node, 'q', '1 min');
	is($attempt, 2, 'the job runs again');
	$node->safe_psql('postgres', "SELECT astrid_complete($job, $lease, NULL)");
}

# Nothing uncommitted survives, nothing committed is missing
my $producer = $node->background_psql('postgres', on_error_stop => 0);
$producer->query_safe(q{BEGIN; SELECT astrid_enqueue('q', '{"lost": 1}')});
my $kept = $node->safe_psql('postgres', q{SELECT astrid_enqueue('q', '{"kept": 1}')});
$node->stop('immediate');
$node->start;
eval { $producer->quit };
is( $node->safe_psql('postgres', q{SELECT string_agg(job_id::text, ',') FROM astrid.job_status WHERE state = 'ready'}),
	$kept, 'what was committed is there, what was not is not');

$node->stop;
done_testing();
