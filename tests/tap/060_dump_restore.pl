# pg_dump keeps jobs and sequences; restored on another day, after shipped rows were edited, the jobs run.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

my $node = start_node('dump', conf => "astrid.maintenance = off\n");
my $dump = $node->backup_dir . '/dump';
mkdir $node->backup_dir;

$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql('source', q{
	CREATE EXTENSION astrid;
	SELECT astrid_install_defaults();
	SELECT astrid_create_queue('q', max_attempts => 1);
	SELECT astrid_create_queue('r', max_attempts => 9, backoff_base => interval '1 h');
});
my $shipped = $node->safe_psql('source',
	q{SELECT queue_name FROM astrid.queue_status WHERE queue_name NOT IN ('q', 'r') ORDER BY 1 LIMIT 1});
isnt($shipped, '', 'there are shipped queues');
$node->safe_psql('source', "SELECT astrid_alter_queue('$shipped', priority => 77, max_attempts => 5)");

# One job in every state
sub claim_source
{
	my ($database, $queue) = @_;
	return split /\|/,
	  $node->safe_psql($database, "SELECT job_id, lease_id, attempt FROM astrid_claim('{$queue}', 'tap', 1, '1 min')");
}
$node->safe_psql('source', q{SELECT astrid_enqueue('q', '{"n": 1}', unique_key => 'done')});
my ($job, $lease) = claim_source('source', 'q');
$node->safe_psql('source', qq{SELECT astrid_complete($job, $lease, '{"ok": true}')});
$node->safe_psql('source', q{SELECT astrid_enqueue('q', '{"n": 2}')});
($job, $lease) = claim_source('source', 'q');
$node->safe_psql('source', "SELECT astrid_fail($job, $lease, 'broken', true)");
$node->safe_psql('source', q{SELECT astrid_enqueue('r', '{"n": 3}')});
($job, $lease) = claim_source('source', 'r');
$node->safe_psql('source', "SELECT astrid_fail($job, $lease, 'once more', true)");
$node->safe_psql('source', q{SELECT astrid_cancel(astrid_enqueue('q', '{"n": 4}'))});
$node->safe_psql('source', q{SELECT astrid_enqueue('r', '{"n": 5}')});
claim_source('source', 'r');
$node->safe_psql('source', q{
	SELECT astrid_enqueue('q', '{"n": 6}', unique_key => 'live', tags => '{x,y}');
	SELECT astrid_enqueue('q', '{"n": 7}', depends_on => ARRAY[astrid_enqueue('q', '{"n": 8}', priority => 9)]);
});

my $jobs = q{SELECT job_id, queue_name, state, priority, attempt, payload, result, error FROM astrid.job_status ORDER BY 1};
my $queues = q{SELECT queue_name, worker_type, priority, max_retries, timeout, concurrency, enabled, ready, scheduled,
	blocked, running, dead FROM astrid.queue_status ORDER BY 1};
my $before = $node->safe_psql('source', $jobs);
is( $node->safe_psql('source', q{SELECT count(DISTINCT state) FROM astrid.job_status}),
	'7', 'a job in each of the seven states');
my $newest = $node->safe_psql('source', 'SELECT max(job_id) FROM astrid.job_status');

for my $format (['plain', 'p'], ['directory', 'd'])
{
	my ($name, $letter) = @$format;
	command_ok(['pg_dump', '-F', $letter, '-f', "$dump-$letter", $node->connstr('source')], "pg_dump, $name");
	$node->safe_psql('postgres', "CREATE DATABASE copy TEMPLATE template0");
	if ($letter eq 'p')
	{
		command_ok(['psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dump-p", $node->connstr('copy')], "psql -f, $name");
	}
	else
	{
		command_ok(['pg_restore', '-e', '-j', '2', '-d', $node->connstr('copy'), "$dump-d"], "pg_restore -j 2, $name");
	}
	is($node->safe_psql('copy', $jobs), $before, 'the same jobs in the same states');
	is($node->safe_psql('copy', $queues), $node->safe_psql('source', $queues), 'the same queues, an edited one too');
	command_ok(['pg_dump', '-f', "$dump-again", $node->connstr('copy')], 'what was restored can be dumped');

	# Another day
	$node->safe_psql('copy', q{ALTER DATABASE copy SET astrid.test_clock = '2199-03-01 12:00+00'});
	my $id = $node->safe_psql('copy', q{SELECT astrid_enqueue('q', '{"n": 9}')});
	cmp_ok($id, '>', $newest, 'a new job gets a new id');
	is($node->safe_psql('copy', q{SELECT astrid_enqueue('q', '{}', unique_key => 'live') < (SELECT max(job_id) FROM astrid.job_status)}),
		't', 'a unique key is still held');
	$node->safe_psql('copy', 'SELECT astrid_maintain() FROM generate_series(1, 5)');
	my %done;
	for my $queue (qw(q q q q r r))
	{
		my ($next, $its_lease) = claim_source('copy', $queue);
		last unless $next;
		ok(!$done{$next}++, "job $next is claimed once");
		cmp_ok($its_lease, '>', $lease, 'with a lease never used before');
		$node->safe_psql('copy', "SELECT astrid_complete($next, $its_lease, NULL)");
		$node->safe_psql('copy', 'SELECT astrid_maintain()');
	}
	is(scalar keys %done, 6, 'every live job has run: ready, blocked, backing off and running ones');
	$node->safe_psql('postgres', 'DROP DATABASE copy');
}
$node->stop;
done_testing();
