# Wake-up after what others hold: locks of groups that are released, claims that are undone, workers that look again. Who
# sleeps and how often a worker looked is what is asked, not how long it took.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

my $node = start_node('wake_again', conf => "astrid.maintenance = off\nautovacuum = off\nastrid.wait_max = 10min\n");
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', q{SELECT astrid_create_queue(q, group_concurrency => 2) FROM unnest('{q,r}'::text[]) q;
	SELECT astrid_create_queue('narrow', concurrency => 1); CREATE SEQUENCE looks});

my $sleeping = q{SELECT count(*) FROM pg_stat_activity WHERE query ~ '^CALL astrid_wait' AND state = 'active' AND wait_event_type = 'Extension'};
my $claim = q{SELECT job_id FROM astrid_claim('{q}', 'w')};
my $finish = q{SELECT astrid_complete(job_id, lease_id) FROM astrid.running};

sub asleep { return $node->safe_psql('postgres', $sleeping); }
sub empty { return $node->safe_psql('postgres', q{SELECT astrid_clear_queue(q) FROM unnest('{q,r,narrow}'::text[]) q}); }

# Looks for jobs and sleeps, again and again; each look is counted.
sub start_worker
{
	my ($queue, $rounds) = @_;
	my $worker = $node->background_psql('postgres', on_error_stop => 0);
	my $round = "SELECT nextval('looks'); SELECT job_id FROM astrid_claim('{$queue}', 'w');\nCALL astrid_wait('{$queue}', '10 min');\n";
	$worker->query_until(qr/begun/, "\\echo begun\n" . $round x $rounds . "\\echo over\n");
	return $worker;
}

# How often they looked until all slept, or at least too often.
sub looks
{
	my ($sleepers, $many) = @_;
	$node->poll_query_until('postgres', "SELECT ($sleeping) = $sleepers OR (SELECT last_value FROM looks) >= $many");
	return $node->safe_psql('postgres', 'SELECT last_value FROM looks');
}

# The locks of a transaction are released before anybody is woken. Between its commit and that it has much to do.
my $holder = $node->background_psql('postgres');
my $missed = 0;
$node->safe_psql('postgres', q{SELECT count(*) FROM astrid_enqueue_batch('q', array_fill('1'::jsonb, '{10}'), group_key => 'g')});
for my $round (1 .. 10)
{
	$holder->query_safe('BEGIN; ' . ($round == 1 ? "SELECT astrid_clear_queue('q'); " : '') . q{
		SELECT astrid._enter_group(queue_id, 'g') FROM astrid.queue WHERE queue_name = 'q';
		SELECT astrid_enqueue('q', '2', group_key => 'g');
		DO $$ BEGIN FOR i IN 1 .. 600 LOOP EXECUTE format('CREATE TEMP TABLE t%s (x int) ON COMMIT DROP', i); END LOOP; END $$});
	my $worker = $node->background_psql('postgres', on_error_stop => 0);
	$worker->query_until(qr/sleeping/, "\\echo sleeping\nCALL astrid_wait('{q}', '10 min');\n$claim;\n\\echo woken\n");
	is_waiting($node, 1) or last;
	$holder->query_safe('COMMIT');
	$missed++ if $worker->query_until(qr/woken/, '') !~ /\d/;
	$worker->query($finish);
	$worker->quit;
}
is($missed, 0, 'who is woken finds the group free');

# A savepoint is rolled back: what was enqueued after it wakes nobody, what was claimed after it is for somebody else.
my $sleeper = start_wait($node, q{'{q}'}, '10 min');
is_waiting($node, 1);
$holder->query_safe(q{BEGIN; SAVEPOINT s; SELECT astrid_enqueue('q', '3'); SAVEPOINT t; SELECT astrid_enqueue('q', '3'); RELEASE t; ROLLBACK TO s; COMMIT});
is(asleep(), '1', 'jobs enqueued after a savepoint that is rolled back wake nobody');
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query ~ '^CALL astrid_wait'});
$sleeper->query_until(qr/woken/, '');
$holder->query_safe(q{SELECT astrid_enqueue('q', '4'); BEGIN; SAVEPOINT s; SAVEPOINT t; SELECT job_id FROM astrid_claim('{q}', 'w'); RELEASE t});
is($sleeper->query($claim), '', 'a job is claimed after a savepoint');
$sleeper->query_until(qr/sleeping/, "\\echo sleeping\nCALL astrid_wait('{q}', '10 min');\n\\echo woken\n");
is_waiting($node, 1);
$holder->query_safe('SAVEPOINT u; ROLLBACK TO u');
is(asleep(), '1', 'a later savepoint that is rolled back leaves it claimed');
$holder->query_safe('ROLLBACK TO s');
$sleeper->query_until(qr/woken/, '');
isnt($sleeper->query($claim), '', 'the savepoint is rolled back: another session is woken at once, and has the job');
$holder->query_safe('COMMIT');
$sleeper->query($finish);

# A claim passes over a group that is full but for a job that is just completed; the next one of the group is nobody's news.
$node->safe_psql('postgres', q{SELECT astrid_alter_queue('q', group_concurrency => 1), astrid_enqueue('q', '5', group_key => 'g')});
$holder->query_safe("$claim; SELECT astrid_enqueue('q', '6', group_key => 'g'); BEGIN; $finish");
is($sleeper->query($claim), '', 'a group is passed over while a job of it is completed');
$sleeper->query_until(qr/sleeping/, "\\echo sleeping\nCALL astrid_wait('{q}', '10 min');\n\\echo woken\n");
is_waiting($node, 1);
$holder->query_safe('COMMIT');
$sleeper->query_until(qr/woken/, '');
isnt($sleeper->query($claim), '', 'the completion commits: the session is woken, and finds it');
$sleeper->query($finish);
$sleeper->quit;
$node->safe_psql('postgres', q{SELECT astrid_alter_queue('q', group_concurrency => 2)});

# The only ready job cannot be taken: workers look, wake each other once, and sleep.
for my $case ([ q => 1, "a job of a group" ], [ q => 2, "a job of a group, two workers" ], [ narrow => 2, "a job of a queue with concurrency, two workers" ])
{
	my ($queue, $n, $what) = @$case;
	empty();
	$node->safe_psql('postgres', "ALTER SEQUENCE looks RESTART; SELECT astrid_enqueue('$queue', '7', group_key => 'g')");
	$holder->query_safe('BEGIN; SELECT job_id FROM astrid.ready FOR UPDATE');
	my @workers = map { start_worker($queue, 60) } 1 .. $n;
	cmp_ok(looks($n, 40), '<', 10, "$what is held by another session: nobody looks for ever");
	$holder->query_safe('ROLLBACK');
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^CALL astrid_wait'});
	eval { $_->quit } for @workers;
	$node->safe_psql('postgres', $finish);
}
$holder->quit;
$node->stop;
done_testing();
