# Unique keys are not logged: after a crash, on a promoted standby and in a restored dump they are written again from the
# jobs and the windows, before anybody can take one twice.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

# Maintenance would come first.
my $node = start_node('keys', streaming => 1, conf => "restart_after_crash = on\nastrid.maintenance = off\n");
$node->safe_psql('postgres', q{CREATE EXTENSION astrid; SELECT astrid_create_queue('q'), astrid_create_queue('other'),
	astrid_create_queue('gone')});
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

sub enqueue
{
	my ($on, $key, $more) = @_;
	return $on->safe_psql('postgres', "SELECT astrid_enqueue('q', '{}', unique_key => '$key' " . ($more // '') . ')');
}

sub end_one
{
	my ($job, $lease) = split /\|/, claim_one($node, 'q', '1 h');
	$node->safe_psql('postgres', "SELECT astrid_complete($job, $lease)");
	return $job;
}

my $keys = q{SELECT queue_name, unique_key, job_id, next_id, held_until, finished FROM astrid.unique_key k
	JOIN astrid.queue q USING (queue_id) ORDER BY queue_id, unique_key COLLATE "C"};

# A key in every state of its job
enqueue($node, 'window is over', ", unique_window => '1 ms'");
end_one();
enqueue($node, 'window', ", unique_window => '1 day'");
my $ended = end_one();
enqueue($node, 'free');
end_one();
enqueue($node, 'forgotten', ", unique_window => '1 day'");
$node->safe_psql('postgres', q{SELECT astrid_delete_jobs('{"queue": "q", "state": "ready", "unique_key": "forgotten"}')});
enqueue($node, 'dead', ', max_attempts => 1');
my ($job, $lease) = split /\|/, claim_one($node, 'q', '1 h');
$node->safe_psql('postgres', "SELECT astrid_fail($job, $lease, 'broken')");
my $running = enqueue($node, 'running', ", unique_window => '1 day'");
claim_one($node, 'q', '1 h');
my $next = enqueue($node, 'running', ", unique_mode => 'replace', unique_window => '2 days'");
enqueue($node, 'handed on', ", unique_window => '1 day'");
($job, $lease) = split /\|/, claim_one($node, 'q', '1 h');
enqueue($node, 'handed on', ", unique_mode => 'replace'");
$node->safe_psql('postgres', "SELECT astrid_complete($job, $lease)");
end_one();
enqueue($node, 'scheduled', ", run_at => clock_timestamp() + '1 h'");
enqueue($node, 'blocked', ", depends_on => ARRAY[$running]::bigint[]");
my $ready = enqueue($node, 'ready');
$node->safe_psql('postgres', q{SELECT astrid_enqueue_batch('other', array_fill('{}'::jsonb, '{300}'),
	unique_keys => ARRAY(SELECT 'ready ' || i FROM generate_series(1, 300) i))});
$node->safe_psql('postgres', q{SELECT astrid_enqueue('gone', '{}', unique_key => 'k', unique_window => '1 day');
	SELECT astrid_drop_queue('gone')});
$node->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT FROM astrid.unique_key WHERE held_until < clock_timestamp())
	OR (astrid_maintain() IS NULL)});
my $before = $node->safe_psql('postgres', $keys);
is(scalar(split /\n/, $before), 306, 'keys are held');

# A standby, which has none of them, tells from the jobs
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', "SELECT astrid_why($next)"), $node->safe_psql('postgres', "SELECT astrid_why($next)"),
	'astrid_why names the holder of a key on a standby');
like($standby->safe_psql('postgres', "SELECT astrid_why($ended)"), qr/"window" stays taken until/, 'and its window');

sub crash
{
	$node->stop('immediate');
	$node->start;
	is($node->safe_psql('postgres', 'SELECT count(*) FROM astrid.unique_key'), '0', 'a crash empties the table');
	return;
}

crash();
like($node->safe_psql('postgres', "SELECT astrid_why($next)"), qr/waits until job $running/, 'astrid_why knows the holder');
is(enqueue($node, 'ready'), $ready, 'who comes first writes the keys again');
is($node->safe_psql('postgres', $keys), $before, 'all of them, as they were');

crash();
is( $node->safe_psql('postgres', q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 AS snapshot \gset
	SELECT astrid_enqueue('q', '{}', unique_key => 'new') IS NULL; ROLLBACK; SELECT count(*) FROM astrid.unique_key}) =~ s/\n/ /r,
	'f 0', 'what is rolled back did not happen');
is( $node->safe_psql('postgres', q{BEGIN; SAVEPOINT s; SELECT astrid_enqueue('q', '{}', unique_key => 'scheduled') IS NULL;
	ROLLBACK TO s; SELECT astrid_enqueue('q', '{}', unique_key => 'running', unique_mode => 'replace'); COMMIT}) =~ s/\n/ /r,
	"f $next", 'a savepoint neither');
is($node->safe_psql('postgres', $keys), $before, 'the next one writes them');

# Completions, and two at the same time
crash();
my $first = $node->background_psql('postgres', on_error_stop => 0);
my $second = $node->background_psql('postgres', on_error_stop => 0);
$first->query_safe(q{BEGIN; SELECT astrid_enqueue('q', '{}', unique_key => 'from the first')});
$second->query_until(qr/begun/, "BEGIN; \\echo begun\nSELECT astrid_enqueue('q', '{}', unique_key => 'from the first') AS job;\n");
ok( $node->poll_query_until('postgres', q{SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'astrid.unique_key'::regclass}, '1'),
	'a second session waits for the one that writes them');
my $new = $first->query_safe(q{COMMIT; SELECT job_id FROM astrid.unique_key WHERE unique_key = 'from the first'});
$second->query_until(qr/$new/, "\n");
is($node->safe_psql('postgres', q{SET lock_timeout = '10 s'; SELECT astrid_enqueue('q', '{}', unique_key => 'ready')}), $ready,
	'which a third one does not wait for');
$second->query_safe('COMMIT');
ok($first->quit && $second->quit, 'and finds what that one enqueued');
$node->safe_psql('postgres', "SELECT astrid_cancel($new)");
crash();
is( $node->safe_psql('postgres', "SELECT astrid_complete(job_id, lease_id) FROM astrid.running"), 't', 'the first is a completion');
is($node->safe_psql('postgres', "SELECT job_id, next_id, held_until > clock_timestamp() + '1 day' FROM astrid.unique_key WHERE unique_key = 'running'"),
	"$next||t", 'the job that waited has its key, until its own window is over');
is($node->safe_psql('postgres', "SELECT state FROM astrid.job_status WHERE job_id = $next"), 'ready', 'and goes on');

# Jobs that the first transaction is just moving have their keys
sub moved_first
{
	my ($what, $jobs, $move) = @_;
	$node->safe_psql('postgres', "SELECT astrid_create_queue('moved');" . $jobs);
	crash();
	$node->safe_psql('postgres', $move);
	is( $node->safe_psql('postgres', q{SELECT count(*), count(*) FILTER (WHERE astrid_enqueue('moved', '{}', unique_key => unique_key) = job_id)
		FROM astrid.job_status WHERE queue_name = 'moved' AND unique_key IS NOT NULL AND state IN ('ready', 'scheduled')}), '2|2', $what);
	$node->safe_psql('postgres', q{SELECT astrid_drop_queue('moved')});
	return;
}
moved_first('leases that run out', q{SELECT astrid_enqueue('moved', '{}', max_attempts => i, unique_key => i::text) FROM generate_series(1, 3) i;
	SELECT FROM astrid_claim('{moved}', 'w', 3, '1 ms')}, 'SELECT astrid_reap()');
moved_first('jobs that waited for one that ended', q{SELECT astrid_enqueue('moved', '{}', tags => '{parent}') AS parent \gset
	SELECT astrid_enqueue('moved', '{}', unique_key => how || i, depends_on => ARRAY[:parent]::bigint[], depends_failure => how)
	  FROM unnest('{run,cancel,run}'::text[]) WITH ORDINALITY u (how, i)},
	q{SELECT astrid_cancel(job_id) FROM astrid.job_status WHERE tags = '{parent}'});

# A prepared transaction outlives the crash, with the key that it took
$node->safe_psql('postgres', q{BEGIN; SELECT astrid_enqueue('q', '{}', unique_key => 'prepared'); PREPARE TRANSACTION 'p'});
crash();
my ($status) = $node->psql('postgres', q{SET lock_timeout = '100 ms'; SELECT astrid_enqueue('q', '{}', unique_key => 'prepared')});
isnt($status, 0, 'keys wait for a prepared transaction that took one');
is($node->safe_psql('postgres', q{SELECT astrid_enqueue('q', '{}') IS NULL}), 'f', 'jobs without a key do not');
$node->safe_psql('postgres', q{COMMIT PREPARED 'p'});
is( $node->safe_psql('postgres', q{SELECT astrid_enqueue('q', '{}', unique_key => 'prepared') = job_id FROM astrid.job_status
	WHERE unique_key = 'prepared'}), 't', 'then its job has it');
$before = $node->safe_psql('postgres', $keys);

# Promotion, and dumps with and without unlogged tables
$node->wait_for_catchup($standby);
$standby->promote;
is($standby->safe_psql('postgres', 'SELECT count(*) FROM astrid.unique_key'), '0', 'a promoted standby has no rows');
is(enqueue($standby, 'ready'), $ready, 'and writes them');
is($standby->safe_psql('postgres', $keys), $before, 'all');
$standby->stop;
for my $option ('--unlogged-table-data', '--no-unlogged-table-data')
{
	my $dump = $node->basedir . "/dump$option";

	command_ok([ 'pg_dump', ($option =~ /no/ ? $option : ()), '-f', $dump, $node->connstr('postgres') ], "dumped with $option");
	$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE template0');
	# As if maintenance came by while the dump is restored
	my $early = $node->background_psql('copy');
	$early->query_safe(q{CREATE EXTENSION astrid; SELECT astrid_create_queue('early'); SELECT astrid_enqueue('early', '{}', unique_key => 'k'); SELECT astrid_drop_queue('early')});
	command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('copy') ], 'and restored');
	# A session that has taken keys before does not look again, but maintenance does
	$early->query_safe('SELECT astrid_maintain()') if $option =~ /no/;
	is($early->query_safe(q{SELECT astrid_enqueue('q', '{}', unique_key => 'ready')}), $ready, 'keys are held');
	ok($early->quit);
	is($node->safe_psql('copy', $keys), $before, 'all');
	$node->safe_psql('postgres', 'DROP DATABASE copy');
}

# Damage: two live jobs with one key
$node->safe_psql('postgres', q{BEGIN; SELECT astrid_enqueue('other', '{}'); UPDATE astrid.ready SET unique_key = 'ready 1' WHERE job_id = (SELECT max(job_id) FROM astrid.ready); COMMIT});
$node->stop('immediate');
$node->start;
my (undef, undef, $warning) = $node->psql('postgres', q{SELECT astrid_enqueue('q', '{}', unique_key => 'ready')});
like($warning, qr/WARNING:  job \d+ has lost its unique key "ready 1"/, 'of two jobs with one key one keeps it');
is($node->safe_psql('postgres', $keys), $before, 'the others have theirs');

# Maintenance mostly comes first
$node->append_conf('postgresql.conf', "astrid.maintenance = on\nastrid.maintenance_interval = 100ms");
$node->stop('immediate');
$node->start;
ok($node->poll_query_until('postgres', 'SELECT count(*) > 300 FROM astrid.unique_key'), 'maintenance writes them');
is($node->safe_psql('postgres', $keys), $before, 'all');
$node->stop;
done_testing();
