# A property: whatever several sessions do, in whatever order, the queue is in the state that the reference model
# (QueueModel.pm) says, and every call has returned what the model says.
#
# One step is one action (QueueActions.pm) of one session, picked at random; sessions hold transactions open for a while,
# roll them back, or only to a savepoint. An action that would wait for another session is not done. Time is the test's.
#
# PROPERTY_SEED: which actions; PROPERTY_STEPS: how many (2500; make check-long: 30000). Told when something differs.
use strict;
use warnings;
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(time);
use Astrid;
use PsqlPipe;
use QueueActions;
use QueueModel;

my $steps = $ENV{PROPERTY_STEPS} || ($ENV{ASTRID_CHECK_LONG} ? 30_000 : 2500);
my $seed = $ENV{PROPERTY_SEED} || 1 + int rand 1_000_000;
my $repeat = "PROPERTY_SEED=$seed PROPERTY_STEPS=$steps";
srand $seed;
note($repeat);

my $node = start_node('property', conf => "astrid.maintenance = off\nautovacuum = off\nfsync = off\nsynchronous_commit = off\n");
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
my @names = map { "session $_" } 1 .. 4;
my $conninfo = $node->connstr('postgres');
my $m = QueueModel->new;
my (%depth, %clock, @told, %done);
$m->{stale} = [];

# Order: lines that the model gives in the same form.
my $micros = sub { my ($column) = @_; return "(extract(epoch FROM $column) * 1000000)::bigint - 1900000000000000"; };
my $jobs = sprintf q{SELECT job_id, queue_name, state, priority, attempt, max_attempts, %s, %s, unique_key, group_key, lease_id,
	worker_id, %s, progress FROM astrid.job_status WHERE state IN ('ready', 'scheduled', 'blocked', 'running', 'dead') ORDER BY job_id},
  map { $micros->($_) } qw(run_at deadline lease_until);
my $queues = 'SELECT queue_name, ready, scheduled, blocked, running, dead FROM astrid.queue_status ORDER BY queue_name COLLATE "C"';
my $keys = q{SELECT (queue_name || '|' || unique_key || '|' || job_id || '|' || coalesce(next_id::text, '') || '|'
	    || CASE WHEN finished THEN 't' ELSE 'f' END) COLLATE "C" FROM astrid.unique_key JOIN astrid.queue USING (queue_id)
	 WHERE NOT finished OR held_until > astrid.clock() ORDER BY 1};
# The next to be claimed first; behind the colon those that wait for their group.
my $order = q{SELECT queue_name || '|' || coalesce((SELECT string_agg(job_id::text, ' ' ORDER BY lane, position) FROM astrid.ready r
	                                              WHERE r.queue_id = q.queue_id), '') || ':'
	    || coalesce((SELECT string_agg(job_id::text, ' ' ORDER BY lane, position) FROM astrid.waiting w
	                  WHERE w.queue_id = q.queue_id AND parked), '')
	FROM astrid.queue q ORDER BY queue_name COLLATE "C"};
my $finished = q{SELECT job_id, state, attempt FROM astrid.job_status WHERE state IN ('completed', 'cancelled') ORDER BY job_id};
# Whatever the model thinks: units of limits are neither lost nor made, and what waits is waited for.
my $leaks = q{
	SELECT 'concurrency of ' || queue_name FROM astrid.queue q
	 WHERE concurrency <> (SELECT coalesce(sum(CASE lane WHEN 0 THEN units ELSE -units END), 0) FROM astrid.token t
	                        WHERE t.queue_id = q.queue_id AND lane IN (0, 3))
	                      + (SELECT count(*) FROM astrid.running r WHERE r.queue_id = q.queue_id)
	UNION ALL
	SELECT 'rate of ' || queue_name FROM astrid.queue q
	 WHERE rate_limit <> (SELECT coalesce(sum(units), 0) FROM astrid.token t WHERE t.queue_id = q.queue_id AND lane IN (1, 2))
	UNION ALL
	SELECT 'key of job ' || k.job_id FROM astrid.unique_key k
	 WHERE NOT finished AND NOT EXISTS (SELECT FROM astrid.job_status s WHERE s.job_id = k.job_id AND s.unique_key = k.unique_key
	                      AND state IN ('ready', 'scheduled', 'blocked', 'running'))
	UNION ALL
	SELECT 'slot of job ' || g.job_id FROM astrid.group_slot g
	 WHERE NOT EXISTS (SELECT FROM astrid.job_status s WHERE s.job_id = g.job_id AND s.group_key = g.group_key
	                      AND state IN ('ready', 'scheduled', 'running', 'dead'))
	UNION ALL
	SELECT 'parents of job ' || w.job_id FROM astrid.waiting w
	 WHERE coalesce(parents_left, 0) <> (SELECT count(*) FROM astrid.dependency d WHERE w.job_id = ANY (d.child_ids)
	                                        AND d.parent_id = ANY (w.parents)) OR parents_left <= 0
	UNION ALL
	SELECT 'children of job ' || d.parent_id FROM astrid.dependency d
	 WHERE NOT EXISTS (SELECT FROM astrid.job_status s WHERE s.job_id = d.parent_id
	                      AND state IN ('ready', 'scheduled', 'blocked', 'running', 'dead'))};

my %session = map {
	$_ => PsqlPipe->new($conninfo, "SET statement_timeout = '10s'", 'SELECT setseed(0.5)', 'SET plan_cache_mode = force_generic_plan',
		"PREPARE jobs AS $jobs", "PREPARE queues AS $queues", "PREPARE keys AS $keys", "PREPARE places AS $order", "PREPARE finished AS $finished", "PREPARE leaks AS $leaks")
} @names, 'observer';

sub difference
{
	my ($what, $got, $expected) = @_;
	my %got = map { $_ => 1 } @$got;
	my %expected = map { $_ => 1 } @$expected;
	my @lines = ((map { "  database: $_" } grep { !$expected{$_} } @$got), (map { "  model:    $_" } grep { !$got{$_} } @$expected));

	return '' if join("\n", @$got) eq join("\n", @$expected);
	@lines = ('  the order: ' . join(' ', @$got) . ' instead of ' . join(' ', @$expected)) if !@lines;
	return "$what:\n" . join("\n", @lines) . "\n";
}

# What a session sees; the observer also looks whether units leak.
sub look
{
	my ($name) = @_;
	my $observes = $name eq 'observer';
	set_clock($name);
	my @rows = $session{$name}->rows('EXECUTE jobs; EXECUTE queues; EXECUTE keys; EXECUTE places' . ($observes ? '; EXECUTE leaks' : ''));
	my $whose = $observes ? '' : $name;
	return difference("what $name sees", \@rows, [ $m->dump_jobs($whose), $m->dump_queues($whose), $m->dump_keys($whose), $m->dump_places($whose) ]);
}

sub record
{
	my ($name, @what) = @_;
	push @told, sprintf '%s %s: %s', QueueActions::clock_text($m->{now}), $name, join ' ', @what;
	shift @told if @told > 20;
	return;
}

sub set_clock
{
	my ($name) = @_;
	my $clock = clock_text($m->{now});
	$session{$name}->rows("SET astrid.test_clock = '$clock'") if ($clock{$name} // '') ne $clock;
	$clock{$name} = $clock;
	return;
}

# A statement outside of the model.
sub plain
{
	my ($name, $sql) = @_;
	record($name, $sql);
	$session{$name}->rows($sql);
	return;
}

# Begins or ends a transaction or a part of it.
sub transact
{
	my ($name, $what) = @_;
	my $depth = $depth{$name} // 0;
	# What a rollback undoes of the settings is not kept account of.
	delete $clock{$name};

	if ($what eq 'begin') { plain($name, 'BEGIN'); $m->begin($name); $depth{$name} = 1; }
	elsif ($what eq 'commit') { plain($name, 'COMMIT'); $m->commit($name); $depth{$name} = 0; }
	elsif ($what eq 'rollback') { plain($name, 'ROLLBACK'); $m->rollback($name); $depth{$name} = 0; }
	elsif ($what eq 'savepoint') { plain($name, "SAVEPOINT s$depth"); $m->savepoint($name); $depth{$name}++; }
	elsif ($depth > 1) { plain($name, 'ROLLBACK TO s' . ($depth - 1)); $m->rollback_to($name); }
	return;
}

# The action of a session; what differs, '' when nothing does, undef when it would have to wait.
sub act
{
	my ($name, $action) = @_;
	my @call = ($name, undef, $action->{method}, @{ $action->{arguments} });
	my $expected = $m->run(@call);

	if ($expected->{blocked})
	{
		$done{waits}++;
		return undef;
	}
	set_clock($name);
	my ($rows, $error) = $session{$name}->ask($action->{sql});
	record($name, $action->{sql}, '->', $error // "(@$rows)");
	if (!$error && !$expected->{error})
	{
		my ($learned) = $action->{learn} ? $session{$name}->rows('SELECT ' . $micros->('run_at') . " FROM astrid.job_status WHERE job_id = $action->{learn} AND state = 'scheduled'") : ();
		$m->{learned} = { $action->{learn} // '' => $learned };
		@call[1] = $rows;
		$expected = $m->run(@call);
	}
	$done{ $error ? "$action->{method} $error" : $action->{method} }++;
	if ($error && $depth{$name}) { transact($name, $depth{$name} > 1 ? 'rollback to' : 'rollback'); }
	elsif ($error) { delete $clock{$name}; }
	my @expected = $expected->{blocked} ? "blocked: $expected->{blocked}" : @{ $expected->{rows} // [] };
	return difference('answer', [ $error // @$rows ], [ $expected->{error} // @expected ]);
}


# A transaction of a session goes on, or time does, or a session does something.
sub step
{
	my $name = any(@names);
	my $open = grep { $depth{$_} } @names;

	if (chance(0.1)) { $m->{now} += any(1, 200_000, 500_000, 1e6, 3e6, 10e6, 21e6, 70e6, chance(0.2) ? 600e6 : 0); }

	if ($depth{$name} && chance(0.35)) { transact($name, any('commit', 'commit', 'rollback', 'savepoint', 'rollback to')); return ''; }
	if (!$depth{$name} && $open < 2 && chance(0.12)) { transact($name, 'begin'); return ''; }
	for (1 .. 5)
	{
		my $action = pick_action($m, $name, $depth{$name}, $open - ($depth{$name} ? 1 : 0)) or next;
		my $difference = act($name, $action) // next;
		return $difference;
	}
	return '';
}

# The last ones that were given, some of which are lost by now.
sub remember_leases
{
	$m->{rows}->enter('');
	my @running = grep { $_->{state} eq 'running' } QueueModel::by_id($m->{rows}->all('job'));
	push @{ $m->{stale} }, map { [ @$_{qw(id lease)} ] } @running;
	splice @{ $m->{stale} }, 0, max(0, @{ $m->{stale} } - 40);
	return;
}

my $stripes = q{SELECT string_agg(g, ' ' ORDER BY (hashtext(g)::bigint & 4294967295) % 1024) FROM unnest('{%s}'::text[]) g};
is(($session{observer}->rows(sprintf $stripes, join ',', @groups))[0], "@groups", 'the groups are locked in the order of their names');
my $begin = time;
my $difference = join '', map { act($names[0], $_) } first_actions($m);
my $i = 0;
while ($difference eq '' && $i++ < $steps)
{
	# What dies is a difference too: the last actions are told.
	$difference = (eval { step() } // "$@\n") . look('observer');
	my @open = grep { $depth{$_} } @names;
	$difference .= look(any(@open)) if @open && chance(0.3);
	remember_leases() if $i % 20 == 0;
	$difference .= difference('finished jobs', [ $session{observer}->rows('EXECUTE finished') ], [ $m->dump_finished ]) if $i % 200 == 0;
}
is($difference, '', "$steps random steps of four sessions leave the state that the model says")
  or diag("after step $i; the last actions:\n", map({ "  $_\n" } @told), "to repeat: $repeat make check, step tap");
cmp_ok($done{claim} // 0, '>', $steps / 30, 'with claims among them');
note(sprintf '%.1f s; %s', time - $begin, join ', ', map { "$_ $done{$_}" } sort keys %done);
$_->quit for values %session;
$node->stop;
done_testing();
