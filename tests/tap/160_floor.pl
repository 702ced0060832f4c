# The claim floor: claims stay cheap while an old snapshot is held, and no job is left behind it.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

my $node = start_node('floor', conf => "astrid.maintenance = off\nautovacuum = off\n");
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', q{SELECT astrid_create_queue(q) FROM unnest('{hot,late,model,off}'::text[]) q});

sub enqueue { my ($queue, $payload, $priority) = @_; return "SELECT astrid_enqueue('$queue', '$payload', " . ($priority // 0) . ')'; }
sub claim { my ($queue, $n) = @_; return "SELECT payload FROM astrid_claim('{$queue}', 'tap', " . ($n // 1) . ')'; }
sub run { my ($statement) = @_; return $node->safe_psql('postgres', $statement); }

# Pages that a claim looks at; it is rolled back.
sub cost
{
	my ($floor) = @_;
	my $plan = run(qq{SET astrid.claim_floor = $floor; BEGIN; } . claim('hot') . q{; ROLLBACK; BEGIN; EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) }
		. claim('hot') . q{; ROLLBACK});
	# The first one fills the session's caches.
	my ($pages) = $plan =~ /"Shared Hit Blocks": (\d+)/ or BAIL_OUT("no buffers in $plan");
	return $pages;
}

# Cheap under an old snapshot
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class');
my $drain = q{SELECT count(*) FROM astrid_claim('{hot}', 'tap', 400);};
run(q{SELECT count(*) FROM generate_series(0, 2) p,
	 LATERAL astrid_enqueue_batch('hot', array_fill('{}'::jsonb, '{20000}'), priority => p)});
run("SELECT 1; " . $drain x 150);
run(enqueue('hot', '"left"', 2));
cost('on') for 1 .. 2;
my ($on, $off) = (cost('on'), cost('off'));
note "pages: $on with the floor, $off without";
cmp_ok($on * 10, '<', $off, 'a claim does not read what 60000 others left, though an old snapshot keeps it');
is(run(claim('hot')), '"left"', 'and finds the job');
$holder->query_safe('ROLLBACK');
$holder->quit;

# A commit that comes late, with a smaller position
my ($one, $two) = map { $node->background_psql('postgres') } 1 .. 2;
$one->query_safe('BEGIN; ' . enqueue('late', '"early place"'));
run(enqueue('late', $_)) for 1 .. 3;
run(claim('late')) for 1 .. 3;
is(run(claim('late')), '', 'nothing is ready');
$one->query_safe('COMMIT');
is(run(claim('late')), '"early place"', 'a job that is committed late, below the floor, is found');

# Between the snapshot of a claim and its commit
$one->query_safe('BEGIN; ' . enqueue('late', '"unseen"'));
run(enqueue('late', '"seen"'));
$two->query_safe('BEGIN; ' . claim('late'));
$one->query_safe('COMMIT');
$two->query_safe('COMMIT');
is(run(claim('late')), '"unseen"', 'so is one that the raising claim was blind to');

# More such commits than are remembered
$two->query_safe('BEGIN');
run(enqueue('late', '"last"'));
$one->query_safe('BEGIN; ' . enqueue('late', '"lost?"'));
run(enqueue('late', '"above"'));
$two->query_safe(claim('late', 2));
$one->query_safe('COMMIT');
run(join ';', (enqueue('late', '"flood"')) x 200);
$two->query_safe('COMMIT');
is(run(claim('late')), '"lost?"', 'so is it when more was committed than is remembered');
run(claim('late', 1000));

# Claims that come to nothing
run(enqueue('late', $_)) for 1 .. 3;
$one->query_safe('BEGIN; ' . claim('late'));
is(run(claim('late')), '2', 'a claim takes what the one under way has not');
$one->query_safe('ROLLBACK');
is(run(claim('late')), '1', 'what was rolled back comes first');
$one->query_safe('BEGIN; SAVEPOINT s; ' . claim('late') . '; ROLLBACK TO s; COMMIT');
is(run(claim('late')), '3', 'what a subtransaction claimed and gave back is found');
run(enqueue('late', $_)) for 4 .. 5;
run('BEGIN; ' . claim('late') . q{; PREPARE TRANSACTION 'claim'});
is(run(claim('late')), '5', 'a claim goes on behind a prepared one');
run(q{ROLLBACK PREPARED 'claim'});
is(run(claim('late')), '4', 'whose job is found when it is rolled back');

# A transaction's own jobs
$one->query_safe('BEGIN; ' . enqueue('late', '"own"'));
run(enqueue('late', '"other"')) and run(claim('late'));
is($one->query_safe(claim('late')), '"own"', 'a transaction can claim its own job below the floor');
$one->query_safe('ROLLBACK');

# Promoted, by SQL
run(q{SELECT astrid_enqueue('late', '"due"', run_at => now() + interval '1 hour')});
run(enqueue('late', '6')) and run(claim('late'));
run(q{SET astrid.test_clock = '2100-01-01'; SELECT astrid_maintain()});
is(run(claim('late')), '"due"', 'a job that became due is found');

# COMMIT PREPARED: no callback tells of it
$one->query_safe('BEGIN; ' . enqueue('late', '"prepared"') . q{; PREPARE TRANSACTION 'job'});
run(enqueue('late', '7')) and run(claim('late'));
run(q{COMMIT PREPARED 'job'});
ok($node->poll_query_until('postgres', claim('late'), '"prepared"'), 'a prepared job below the floor is found in a while');

# The same with the floor and without
sub random_work
{
	my ($queue, $floor) = @_;
	my @session = map { $node->background_psql('postgres') } 1 .. 3;
	my @open = (0) x 3;
	my $told = '';

	srand(20260901);
	$_->query_safe("SET astrid.claim_floor = $floor") for @session;
	for my $step (1 .. 400)
	{
		my $i = int(rand(3));
		my $what = rand();
		if ($what < 0.2) { $session[$i]->query_safe($open[$i] ? (rand() < 0.5 ? 'COMMIT' : 'ROLLBACK') : 'BEGIN'); $open[$i] = !$open[$i]; }
		elsif ($what < 0.6) { $session[$i]->query_safe(enqueue($queue, $step, int(rand(4)))); }
		else { $told .= "$step: " . $session[$i]->query_safe(claim($queue, 1 + int(rand(2)))) . "\n"; }
	}
	for my $i (0 .. 2) { $session[$i]->query_safe('COMMIT') if $open[$i]; }
	$told .= 'rest: ' . run(claim($queue, 1000)) . "\n";
	$_->quit for @session;
	return $told;
}
my $with = random_work('model', 'on');
my $without = random_work('off', 'off');
# A claim passes over what another one is taking in either case, so even the order is the same.
is($with, $without, '400 random steps of three sessions give the same jobs with the floor and without');
cmp_ok(() = $with =~ /: \d/g, '>', 50, 'and they did give jobs');

# A crash forgets it all
run(join ';', map { enqueue('late', $_) } 10 .. 20);
run(claim('late', 5));
$_->quit for $one, $two;
$node->stop('immediate');
$node->start;
is(run(claim('late')), '15', 'after a crash the queue goes on where it was');

$node->stop;
done_testing();
