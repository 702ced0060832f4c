# astrid preloaded, and loaded on first use only: what works, what says why it does not.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

my $settings = q{
astrid.maintenance_interval = 100ms
astrid.max_waiters = 1
};
my $node = start_node('preload', conf => $settings);
my $launchers = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'astrid launcher'};

ok($node->poll_query_until('postgres', $launchers, '1'), 'the launcher runs');
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
ok(wait_for_worker($node, 'postgres'), 'CREATE EXTENSION brings a maintenance worker');
ok(wait_for_no_worker($node, 'template1'), 'a template has none');

$node->safe_psql('postgres', q{SELECT astrid_create_queue('q')});
$node->safe_psql('postgres', q{SELECT astrid_enqueue('q', '{}', run_at => clock_timestamp() + interval '200 ms')});
ok( $node->poll_query_until('postgres', q{SELECT state FROM astrid.job_status}, 'ready'),
	'the worker makes a scheduled job ready when it is due');

# What falls due wakes the worker, also when it was awake before for something else, and one pass is not the limit.
$node->append_conf('postgresql.conf', 'astrid.maintenance_interval = 1h');
$node->reload;
$node->safe_psql('postgres', q{
	SELECT astrid_create_queue('later'), astrid_create_queue('soon');
	SELECT astrid_enqueue('soon', '{}', run_at => clock_timestamp() + interval '1 s');
	SELECT count(*) FROM astrid_enqueue_batch('later', array_fill('{}'::jsonb, '{25000}'),
		run_at => clock_timestamp() + interval '2 s')});
ok( $node->poll_query_until('postgres', q{SELECT ready FROM astrid.queue_status WHERE queue_name = 'later'}, '25000'),
	'25000 jobs that fall due are made ready long before the next pass by the clock');
$node->append_conf('postgresql.conf', 'astrid.maintenance_interval = 100ms');
$node->reload;

# One slot for two sleepers: the second one looks for itself.
my @sleepers = map { start_wait($node, q{'{q}'}, '30 s') } 1 .. 2;
ok(is_waiting($node, 2), 'two sessions sleep');
$node->safe_psql('postgres', q{SELECT astrid_enqueue_batch('q', ARRAY['{}', '{}']::jsonb[])});
$_->query_until(qr/woken/, '') for @sleepers;
pass('both are woken, though only one has a slot');
$_->quit for @sleepers;

# SIGHUP
$node->append_conf('postgresql.conf', 'astrid.maintenance = off');
$node->reload;
ok(wait_for_no_worker($node, 'postgres'), 'astrid.maintenance = off ends the worker at reload');
$node->append_conf('postgresql.conf', 'astrid.maintenance = on');
$node->reload;
ok(wait_for_worker($node, 'postgres'), 'and on brings it back');

$node->restart;
ok(wait_for_worker($node, 'postgres'), 'so does a restart');
is(claim_one($node, 'q', '1 min') =~ /^\d+\|\d+\|1$/, 1, 'the jobs are there');

# In binary upgrade pg_upgrade owns the server.
$node->stop;
system_or_bail('pg_ctl', '-D', $node->data_dir, '-l', $node->logfile, '-w', '-o', '-b', 'start');
$node->_update_pid(1);
is($node->safe_psql('postgres', $launchers), '0', 'no launcher in binary upgrade');
my (undef, undef, $stderr) = $node->psql('postgres', 'CALL astrid_wait()', extra_params => ['-v', 'VERBOSITY=verbose']);
like($stderr, qr/QJ007/, 'no shared memory either');
$node->stop;

# Without preload
my $plain = start_node('plain', preload => 0, conf => $settings);
$plain->safe_psql('postgres', 'CREATE EXTENSION astrid');
$plain->safe_psql('postgres', q{SELECT astrid_create_queue('q')});
is($plain->safe_psql('postgres', $launchers), '0', 'without preload there is no launcher');
(undef, undef, $stderr) = $plain->psql('postgres', 'CALL astrid_wait()', extra_params => ['-v', 'VERBOSITY=verbose']);
like($stderr, qr/QJ007.*HINT:  Set shared_preload_libraries/s, 'astrid_wait says what it needs');
(undef, undef, $stderr) = $plain->psql('postgres', q{SELECT astrid_enqueue('q', '{}')});
is($stderr, '', 'a setting of the preloaded server is no unknown name');

my $listener = $plain->background_psql('postgres');
$listener->query_safe('LISTEN astrid');
$plain->safe_psql('postgres', q{
	BEGIN;
	SELECT astrid_enqueue('q', '{}') FROM generate_series(1, 100);
	SELECT astrid_create_queue('other');
	SELECT astrid_enqueue('other', '{}');
	COMMIT;
});
my @told = $listener->query('SELECT 1') =~ /notification "astrid" with payload "([^"]*)"/g;
is_deeply(\@told, ['q,other'], 'one NOTIFY for a transaction, with the queues');
$plain->safe_psql('postgres', q{SET astrid.notify_without_preload = off; SELECT astrid_enqueue('q', '{}')});
@told = $listener->query('SELECT 1') =~ /notification "astrid"/g;
is(scalar @told, 0, 'none with astrid.notify_without_preload = off');
$listener->quit;

my $job = $plain->safe_psql('postgres', q{
	SELECT astrid_enqueue('q', '{"late": 1}', priority => -1, run_at => clock_timestamp() + interval '10 ms')});
ok( $plain->poll_query_until('postgres', qq{
		SELECT astrid_maintain() IS NOT NULL AND state = 'ready' FROM astrid.job_status WHERE job_id = $job}),
	'astrid_maintain() by hand does the work of the worker');
like(claim_one($plain, 'q', '1 min'), qr/^$job\|\d+\|1$/, 'claims work');
$plain->stop;

done_testing();
