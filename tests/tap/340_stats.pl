# The counters of queues are exact: under load with rollbacks, savepoints and prepared transactions, after a crash and a
# restart, while they are counted anew, when queues are dropped.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

my $node = start_node('stats', conf => "astrid.maintenance_interval = 100ms\nautovacuum = off\nrestart_after_crash = on\n");
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');

sub run { my ($statement) = @_; return $node->safe_psql('postgres', $statement); }

# What the views say against what the tables say; empty where they agree.
my $difference = q{
WITH job (queue_id, state) AS (
    SELECT queue_id, 'ready' FROM astrid.ready UNION ALL SELECT queue_id, 'running' FROM astrid.running
    UNION ALL SELECT queue_id, CASE WHEN blocked THEN 'blocked' ELSE 'scheduled' END FROM astrid.waiting
    UNION ALL SELECT queue_id, 'dead' FROM astrid.dead),
counted AS (
    SELECT q.queue_name, count(*) FILTER (WHERE state = 'ready') AS ready,
           count(*) FILTER (WHERE state = 'scheduled') AS scheduled,
           count(*) FILTER (WHERE state = 'blocked') AS blocked,
           count(*) FILTER (WHERE state = 'running') AS running, count(*) FILTER (WHERE state = 'dead') AS dead
      FROM astrid.queue q LEFT JOIN job USING (queue_id) GROUP BY 1)
SELECT c.*, s.ready, s.scheduled, s.blocked, s.running, s.dead FROM counted c JOIN astrid.queue_status s USING (queue_name)
 WHERE (c.ready, c.scheduled, c.blocked, c.running, c.dead)
       IS DISTINCT FROM (s.ready, s.scheduled, s.blocked, s.running, s.dead)
UNION ALL
SELECT 'no queue', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 WHERE NOT EXISTS (SELECT FROM astrid.queue_status)};

my $totals = q{SELECT queue_name, enqueued, started, completed, cancelled, failed, crashed, died, wait_sum, run_sum,
	wait_histogram, run_histogram FROM astrid.queue_stats};

# Repeatable read: the same view, counted by reading the tables.
sub totals_agree
{
	my ($name) = @_;
	my $counters = run("$totals ORDER BY 1");
	my $tables = run("BEGIN ISOLATION LEVEL REPEATABLE READ; $totals ORDER BY 1");
	return is($counters, $tables, "$name: the totals are those that the tables tell");
}

sub all_agree
{
	my ($name) = @_;
	# Until maintenance has taken back what was claimed for a second.
	$node->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT FROM astrid.running
		WHERE lease_until < now() + interval '10 minutes')});
	ok($node->poll_query_until('postgres', 'SELECT astrid._stats_exact()'), "$name: the counters are exact");
	is(run($difference), '', "$name: each count is that of the rows");
	return totals_agree($name);
}

run(q{SELECT astrid_create_queue(q, max_attempts => 2, backoff_base => '0') FROM unnest('{a,b,c,gone}'::text[]) q});
all_agree('empty');

# One transaction of a client, chosen by chance: jobs come, go, and come to nothing.
my $work = q{
\set kind random(1, 14)
\set queue random(1, 3)
\set n random(1, 5)
\set end random(1, 10)
\if :kind <= 3
  BEGIN;
  SELECT count(*) FROM astrid_enqueue_batch(('{a,b,c}'::text[])[:queue], array_fill('{}'::jsonb, ARRAY[:n]));
\elif :kind = 4
  BEGIN;
  SELECT astrid_enqueue('a', '{}', run_at => now() + interval '1 hour');
  SELECT astrid_enqueue('b', '{}', depends_on => ARRAY[astrid_enqueue('a', '{}')]);
\elif :kind <= 7
  BEGIN;
  SELECT count(astrid_complete(job_id, lease_id)) FROM astrid_claim('{a,b,c}', 'w', :n, '1 hour');
\elif :kind = 8
  BEGIN;
  SELECT count(astrid_fail(job_id, lease_id, 'no', info => '{"cause": "crash"}')) FROM astrid_claim('{a,b,c}', 'w', :n, '1 hour');
\elif :kind = 9
  BEGIN;
  SELECT count(astrid_snooze(job_id, lease_id, '1 hour')) FROM astrid_claim('{a,b,c}', 'w', 1, '1 hour');
\elif :kind = 10
  BEGIN;
  SELECT count(*) FROM astrid_claim('{a,b,c}', 'w', :n, '1 second');
\elif :kind = 11
  BEGIN;
  SELECT astrid_redrive(('{a,b,c}'::text[])[:queue]);
  SELECT astrid_clear_queue('c', '{scheduled,completed}');
\elif :kind = 12
  BEGIN;
  SELECT astrid_enqueue('a', '{}');
  SAVEPOINT one;
  SELECT astrid_enqueue('a', '{}'), astrid_enqueue('b', '{}', run_at => now() + interval '1 hour');
  SAVEPOINT two;
  SELECT count(astrid_complete(job_id, lease_id)) FROM astrid_claim('{a,b,c}', 'w', :n, '1 hour');
  ROLLBACK TO two;
  SELECT count(*) FROM astrid_claim('{b}', 'w', :n, '1 hour');
  RELEASE two;
  SELECT count(*) FROM astrid_enqueue_batch('c', array_fill('{}'::jsonb, ARRAY[:n]));
  RELEASE one;
\elif :kind = 13
  BEGIN;
  SAVEPOINT one;
  SELECT count(*) FROM astrid_claim('{a}', 'w', :n);
  ROLLBACK TO one;
  DO $$BEGIN PERFORM astrid_cancel(min(job_id)) FROM astrid.ready; EXCEPTION WHEN OTHERS THEN NULL; END$$;
\else
  BEGIN;
  SELECT count(*) FROM astrid_enqueue_batch('a', array_fill('{}'::jsonb, ARRAY[:n]));
  DELETE FROM astrid.waiting WHERE job_id IN (SELECT job_id FROM astrid.waiting WHERE NOT blocked LIMIT 1 FOR UPDATE SKIP LOCKED);
  UPDATE astrid.ready SET queue_id = 2 WHERE job_id IN (SELECT job_id FROM astrid.ready WHERE queue_id = 1 LIMIT 1 FOR UPDATE SKIP LOCKED);
\endif
\if :end <= 2
  ROLLBACK;
\else
  COMMIT;
\endif
};
my $script = $node->basedir . '/work.sql';
append_to_file($script, $work);

# Ends with stop_load(), or with the server; the time is only a bound.
sub start_load
{
	my $out = '';
	my $handle = IPC::Run::start([ 'pgbench', '-n', '-c', '5', '-j', '2', '-T', '180', '--max-tries=100', '-f', $script,
			$node->connstr('postgres') . ' application_name=load' ], '>', \$out, '2>&1');
	$node->poll_query_until('postgres', q{SELECT count(*) = 5 FROM pg_stat_activity WHERE application_name = 'load'});
	return $handle;
}

# Until the load has enqueued so many jobs more
sub wait_for_work
{
	my ($jobs) = @_;
	my $last = $jobs + run('SELECT last_value FROM astrid.job_seq');
	return $node->poll_query_until('postgres', "SELECT last_value >= $last FROM astrid.job_seq");
}

sub stop_load
{
	my ($handle) = @_;
	$handle->signal('INT');
	$handle->finish;
	return $node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'load'});
}

# While they are counted again and again
my $load = start_load();
my ($counted, $completed) = (0, 0);
for (1 .. 2000)
{
	last if $counted >= 60 && $completed >= 500;
	$counted++ if run('SELECT astrid_stats_recount()') eq 't';
	$completed = run('SELECT completed FROM astrid.queue_stats WHERE queue_name = \'a\'');
}
stop_load($load);
cmp_ok($counted, '>=', 60, "counted anew under load ($counted times)");
cmp_ok($completed, '>=', 500, "jobs were completed meanwhile ($completed)");
all_agree('after load');

# Each client keeps what it sees of its own
is(run(q{BEGIN; SELECT astrid_enqueue('gone', '{}'); SELECT ready FROM astrid.queue_status WHERE queue_name = 'gone'; ROLLBACK;})
	=~ s/^\d+\n//r, '1', 'a transaction sees its own job');
is(run(q{SELECT ready FROM astrid.queue_status WHERE queue_name = 'gone'}), '0', 'and nobody else does');

# Prepared transactions
run(q{BEGIN; SELECT astrid_enqueue('a', '{}'), astrid_enqueue('gone', '{}'); PREPARE TRANSACTION 'one'});
run(q{BEGIN; SELECT count(*) FROM astrid_claim('{a}', 'w', 3, '1 hour'); PREPARE TRANSACTION 'two'});
run(q{SELECT astrid_enqueue('a', '{}')});
is(run($difference), '', 'prepared: each count is that of the rows');
is(run('SELECT astrid_stats_recount()'), 'f', 'no count begins meanwhile');
run(q{COMMIT PREPARED 'one'});
is(run($difference), '', 'one committed: each count is that of the rows');
is(run('SELECT astrid_stats_recount()'), 'f', 'another one is left');
$node->restart;
is(run($difference), '', 'restarted: each count is that of the rows');
is(run('SELECT astrid_stats_recount()'), 'f', 'it is still there');
run(q{ROLLBACK PREPARED 'two'});
is(run('SELECT astrid_stats_recount()'), 't', 'it is gone');
all_agree('after prepared transactions');

# A crash in the middle of work
for my $round (1 .. 2)
{
	$load = start_load();
	wait_for_work(1000);
	my $pid = run(q{SELECT pid FROM pg_stat_activity WHERE application_name = 'load' LIMIT 1});
	kill 'KILL', $pid;
	$load->finish;
	$node->poll_query_until('postgres', 'SELECT true');
	all_agree("crash $round");
}

# A crash of the process that counts, and a restart
$node->restart;
all_agree('restart');
$load = start_load();
wait_for_work(1000);
$node->stop('immediate');
$load->finish;
$node->start;
all_agree('immediate shutdown');

# Totals outlive the rows: the rings turn, and what a queue keeps longer moves
sub set_maintenance
{
	my ($value) = @_;
	$node->append_conf('postgresql.conf', "astrid.maintenance = $value");
	$node->reload;
	return $value eq 'on' ? wait_for_worker($node, 'postgres') : wait_for_no_worker($node, 'postgres');
}
my $sums = q{SELECT queue_name, enqueued, started, completed, cancelled, failed, crashed, died, wait_sum, run_sum,
	wait_histogram, run_histogram FROM astrid.queue_stats WHERE queue_name = 'a'};
set_maintenance('off');
run(q{SELECT astrid_alter_queue('a', retention => '1 year')});
my $before = run($sums);
for my $day (1 .. 9)
{
	run("SET astrid.test_clock = '2100-01-0$day'; SELECT astrid_maintain(); SELECT astrid_maintain()");
}
is(run('SELECT count(*) FROM astrid.history h JOIN astrid.queue q USING (queue_id) WHERE queue_name <> \'a\''), '0', 'the rings have turned');
cmp_ok(run('SELECT count(*) FROM astrid.queue_total'), '>', 0, 'and left their totals');
cmp_ok(run('SELECT completed FROM astrid.queue_stats WHERE queue_name = \'a\''), '>=', (split /\|/, $before)[3], 'nothing is forgotten');
totals_agree('after rotation');
my $after = run($sums);
run(q{SELECT astrid_alter_queue('a', retention => '1 day')});
run(q{SET astrid.test_clock = '2100-01-09'; SELECT astrid_maintain(); SELECT astrid_maintain()});
is(run('SELECT count(*) FROM astrid.history'), '0', 'what was kept is gone');
is(run($sums), $after, 'and still counted');
totals_agree('after retention');
run(q{SELECT astrid._fold_totals(); SELECT astrid_enqueue('a', '{}'); SELECT count(astrid_snooze(job_id, lease_id, '1 hour'))
	FROM astrid_claim('{a}', 'w', 200); SELECT astrid._fold_totals()});
totals_agree('folded');
$after = run($sums);
set_maintenance('on');
$node->restart;
all_agree('rotation and restart');
is(run($sums), $after, 'the restart changes no total');

# Queues are dropped, and made again
run(q{SELECT astrid_drop_queue('b')});
run(q{SELECT astrid_create_queue('b'), astrid_create_queue('late'); SELECT astrid_enqueue('b', '{}'), astrid_enqueue('late', '{}')});
all_agree('after a drop');
run('TRUNCATE astrid.ready');
is(run($difference), '', 'truncated: each count is that of the rows');
all_agree('after truncation');

# DROP DATABASE does not wait for a count
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION astrid');
$node->poll_query_until('other', 'SELECT astrid._stats_exact()');
within($node, 5, 'DROP DATABASE other', 'DROP DATABASE of a counted database');

$node->stop;

# More queues than places
$node->append_conf('postgresql.conf', 'astrid.max_stat_queues = 3');
$node->start;
run(q{SELECT astrid_enqueue(queue_name, '{}') FROM astrid.queue});
run('SELECT astrid_stats_recount()');
is(run($difference), '', 'more queues than places: each count is that of the rows');
$load = start_load();
wait_for_work(1000);
stop_load($load);
is(run($difference), '', 'and after load');
my $places = run('SELECT count(*) FROM astrid.queue_stats WHERE enqueued IS NOT NULL');
cmp_ok($places, '<=', 3, 'totals are shown of those that have a place');
$node->stop;

done_testing();
