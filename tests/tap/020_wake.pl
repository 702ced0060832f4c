# Wake-up: who sleeps in astrid_wait is woken by a commit elsewhere, not before, and holds no snapshot.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Astrid;

my $node = start_node('wake', conf => "astrid.maintenance_interval = 1h\nastrid.wait_max = 60s\n");
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', q{SELECT astrid_create_queue(q) FROM unnest('{a,b}'::text[]) q});
wait_for_worker($node, 'postgres');

my $sleeping = q{SELECT count(*) FROM pg_stat_activity WHERE query ~ '^CALL astrid_wait' AND state = 'active'};

# Before the commit, at the commit
my $sleeper = start_wait($node, q{'{a}'}, '60 s');
ok(is_waiting($node, 1), 'a session sleeps');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM pg_stat_activity
		 WHERE query ~ '^CALL astrid_wait' AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)}),
	'0', 'and holds no snapshot');
my $producer = $node->background_psql('postgres');
$producer->query_safe(q{BEGIN; SELECT astrid_enqueue('b', '{}'); SAVEPOINT s; SELECT astrid_enqueue('a', '{}')});
is($node->safe_psql('postgres', $sleeping), '1', 'an enqueue wakes nobody before its commit');
$producer->query_safe('ROLLBACK TO s; COMMIT');
is($node->safe_psql('postgres', $sleeping), '1', 'nor does a subtransaction that was rolled back, nor another queue');
$producer->query_safe(q{BEGIN; SELECT astrid_enqueue('a', '{}'); ROLLBACK});
is($node->safe_psql('postgres', $sleeping), '1', 'nor a transaction that was rolled back');
$producer->query_safe(q{BEGIN; SAVEPOINT s; SELECT astrid_enqueue('a', '{}'); RELEASE s; COMMIT});
$sleeper->query_until(qr/woken/, '');
pass('a commit does, though the job was added in a subtransaction');
isnt($sleeper->query(q{SELECT job_id FROM astrid_claim('{a}', 'w')}), '', 'and the job is visible to the woken session');

# Between an empty claim and the wait
is($sleeper->query(q{SELECT job_id FROM astrid_claim('{a}', 'w')}), '', 'an empty claim');
$producer->query_safe(q{SELECT astrid_enqueue('a', '{}')});
my $begin = time;
$sleeper->query(q{CALL astrid_wait('{a}', '30 s')});
cmp_ok(time - $begin, '<', 10, 'a job that was committed after the last claim ends the wait at once');
$sleeper->query(q{SELECT job_id FROM astrid_claim('{a,b}', 'w', 10)});
$begin = time;
$sleeper->query(q{CALL astrid_wait('{a}', '300 ms')});
cmp_ok(time - $begin, '>=', 0.29, 'otherwise the timeout does');
$begin = time;
$sleeper->query(q{SET astrid.wait_max = 100; CALL astrid_wait('{a}', '1 day')});
cmp_ok(time - $begin, '<', 10, 'which astrid.wait_max limits');
$sleeper->quit;

# Latency
my $total = 0;
for my $round (1 .. 20)
{
	my $worker = start_wait($node, 'NULL', '60 s');
	is_waiting($node, 1) or last;
	$begin = time;
	$producer->query_safe(q{SELECT astrid_enqueue('b', '{}')});
	$worker->query_until(qr/woken/, '');
	$total += time - $begin;
	$worker->quit;
}
note sprintf('enqueue to wake-up, both through psql: %.1f ms on average', $total / 20 * 1000);
cmp_ok($total / 20, '<', 1, 'waking takes less than a second');

# No herd, no loss
my @herd = map { start_wait($node, q{'{a}'}, '60 s') } 1 .. 5;
ok(is_waiting($node, 5), 'five sessions sleep');
$producer->query_safe(q{SELECT astrid_enqueue('a', '{}')});
ok($node->poll_query_until('postgres', $sleeping, '4'), 'one job wakes one of them');
$producer->query_safe(q{SELECT astrid_enqueue_batch('a', ARRAY['{}', '{}']::jsonb[])});
ok($node->poll_query_until('postgres', $sleeping, '2'), 'two jobs wake two');
$node->safe_psql('postgres', q{
	SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	 WHERE query ~ '^CALL astrid_wait' AND state = 'active' LIMIT 1});
ok($node->poll_query_until('postgres', $sleeping, '1'), 'one is terminated');
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity
	 WHERE query ~ '^CALL astrid_wait' AND state = 'active'});
ok($node->poll_query_until('postgres', $sleeping, '0'), 'one is cancelled');
$producer->query_safe(q{SELECT astrid_enqueue('a', '{}')});
pass('a commit after that finds nobody, and no remains of anybody');
for my $session (@herd) { eval { $session->quit }; }

# Those who wait for the queue come first, then those who wait for any
my $named = start_wait($node, q{'{b}'}, '60 s');
my $any = start_wait($node, 'NULL', '60 s');
ok(is_waiting($node, 2), 'one waits for the queue, one for any');
$producer->query_safe(q{SELECT astrid_enqueue('b', '{}')});
$named->query_until(qr/woken/, '');
is($node->safe_psql('postgres', $sleeping), '1', 'one job wakes the one who waits for the queue');
$producer->query_safe(q{SELECT astrid_enqueue('b', '{}')});
$any->query_until(qr/woken/, '');
pass('the next one wakes the other');
$_->quit for $named, $any;

# More than are taken from the list at a time
my @crowd = map { start_wait($node, $_ % 2 ? q{'{a}'} : q{'{b,a}'}, '60 s') } 1 .. 20;
ok(is_waiting($node, 20), 'twenty sessions sleep');
$producer->query_safe(q{SELECT astrid_enqueue_batch('a', array_fill('{}'::jsonb, '{20}'))});
$_->query_until(qr/woken/, '') for @crowd;
pass('twenty jobs wake them all');
$_->quit for @crowd;

# Chosen, and dead before it could do anything about it
my $first = start_wait($node, q{'{a}'}, '60 s');
is_waiting($node, 1);
my $first_pid = $node->safe_psql('postgres',
	q{SELECT pid FROM pg_stat_activity WHERE query ~ '^CALL astrid_wait' AND state = 'active'});
my $second = start_wait($node, q{'{a}'}, '60 s');
ok(is_waiting($node, 2), 'two sessions sleep');
kill 'STOP', $first_pid;
$producer->query_safe(q{SELECT astrid_enqueue('a', '{}')});
is($node->safe_psql('postgres', $sleeping), '2', 'the one that was chosen is stopped');
kill 'TERM', $first_pid;
kill 'CONT', $first_pid;
$second->query_until(qr/woken/, '');
pass('when it dies the other one is woken');
$second->quit;
eval { $first->quit };

# A claim that is rolled back
my $claimer = $node->background_psql('postgres');
$node->safe_psql('postgres', q{SELECT astrid_clear_queue('a', NULL)});
$producer->query_safe(q{SELECT astrid_enqueue('a', '{}')});
$claimer->query_safe(q{BEGIN; SELECT job_id FROM astrid_claim('{a}', 'w')});
my $other = start_wait($node, q{'{a}'}, '60 s');
is_waiting($node, 1);
$claimer->query_safe('ROLLBACK');
$other->query_until(qr/woken/, '');
pass('a claim that is rolled back wakes another session');
$other->quit;
$claimer->quit;

# Many queues in one transaction
$node->safe_psql('postgres', q{SELECT astrid_create_queue('many' || i) FROM generate_series(1, 50) i});
$sleeper = start_wait($node, q{'{many50}'}, '60 s');
is_waiting($node, 1);
$producer->query_safe(q{SELECT astrid_enqueue('many' || i, '{}') FROM generate_series(1, 50) i});
$sleeper->query_until(qr/woken/, '');
pass('more queues than a transaction remembers wake everybody');
$sleeper->quit;

# What it refuses
my %refused = (
	'BEGIN; CALL astrid_wait()' => 'QJ008',
	'DO $$ BEGIN CALL astrid_wait(); END $$' => 'QJ008',
	'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; CALL astrid_wait()' => 'QJ008',
	q{CALL astrid_wait(timeout => '-1 s')} => 'QJ006',
	q{CALL astrid_wait('{a,NULL}')} => 'QJ006',
	q{CALL astrid_wait(array_fill('a'::text, '{33}'))} => 'QJ006');
for my $statement (sort keys %refused)
{
	my (undef, undef, $stderr) =
	  $node->psql('postgres', $statement, extra_params => ['-v', 'VERBOSITY=verbose']);
	like($stderr, qr/$refused{$statement}/, "$refused{$statement}: $statement");
}

# PREPARE TRANSACTION: the poll is what remains
$producer->query_safe(q{BEGIN; SELECT astrid_enqueue('a', '{}'); PREPARE TRANSACTION 'p'});
$sleeper = start_wait($node, q{'{a}'}, '500 ms');
$producer->query_safe(q{COMMIT PREPARED 'p'});
$sleeper->query_until(qr/woken/, '');
isnt($sleeper->query(q{SELECT job_id FROM astrid_claim('{a}', 'w')}), '', 'a prepared job is found after the timeout');
$sleeper->quit;

# The hint for LISTEN comes from the worker, for many commits at once
my $listener = $node->background_psql('postgres');
$listener->query_safe('LISTEN astrid');
$producer->query_safe(q{SELECT astrid_enqueue('a', '{}')}) for 1 .. 200;
my $told = '';
my $deadline = time + 60;
$told .= $listener->query('SELECT 1') while $told !~ /notification/ && time < $deadline;
like($told, qr/notification "astrid" with payload "[^"]*\ba\b/, 'LISTEN astrid tells of the queue');
my @senders = $told =~ /process with PID (\d+)/g;
is( $node->safe_psql('postgres', "SELECT DISTINCT backend_type FROM pg_stat_activity WHERE pid = $senders[0]"),
	'astrid maintenance', 'the worker sends it, not the producers');
cmp_ok(scalar @senders, '<', 50, 'not one per commit: ' . scalar(@senders) . ' for 200');

# The worker makes a pass for what falls due, and before it sends a hint; what waits for another job is not due
my $engine = 'SELECT passed_at FROM astrid._engine()';
my $passed = $node->safe_psql('postgres', $engine);
$producer->query_safe(q{SELECT astrid_enqueue('b', '{}', depends_on => ARRAY[astrid_enqueue('b', '{}')])});
$told = '';
$told .= $listener->query('SELECT 1') while $told !~ /payload "[^"]*\bb\b/ && time < $deadline;
like($told, qr/payload "[^"]*\bb\b/, 'the hint for the parent of a blocked job');
is($node->safe_psql('postgres', $engine), $passed, 'a blocked job makes no work for the worker');
$producer->query_safe(q{SELECT astrid_enqueue('b', '{}', run_at => clock_timestamp() + '10 ms')});
ok($node->poll_query_until('postgres', "SELECT passed_at > '$passed' FROM astrid._engine()"), 'a scheduled one does');
$listener->quit;
$producer->quit;

$node->stop;
done_testing();
