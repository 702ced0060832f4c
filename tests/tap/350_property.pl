# A property: whatever several sessions do, in whatever order, the queue is in the state that the reference model
# (QueueModel.pm) says, and every call has returned what the model says.
#
# One step is one action (QueueActions.pm) of one session, picked at random; sessions hold transactions open for a while,
# roll them back, or only to a savepoint. An action that would wait for another session is not done. Time is the test's;
# now and then it is the next morning. An observer reads the events.
#
# PROPERTY_SEED: which actions; PROPERTY_STEPS: how many (1500; make check-long: 30000). Told when something differs.
use strict;
use warnings;
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(time);
use Astrid;
use PsqlPipe;
use QueueActions;
use QueueLooks;
use QueueModel;
use TestTime;

my $steps = $ENV{PROPERTY_STEPS} || ($ENV{ASTRID_CHECK_LONG} ? 30_000 : 1500);
my $seed = $ENV{PROPERTY_SEED} || 1 + int rand 1_000_000;
my $repeat = "PROPERTY_SEED=$seed PROPERTY_STEPS=$steps";
srand $seed;
note($repeat);

my $node = start_node('property', conf => "astrid.maintenance = off\nautovacuum = off\njit = off\nfsync = off\nsynchronous_commit = off\n");
$node->safe_psql('postgres', q{CREATE EXTENSION astrid;
	CREATE TABLE frame (id int PRIMARY KEY, ccd text, state text);
	CREATE TRIGGER to_queue AFTER INSERT OR UPDATE OR DELETE ON frame FOR EACH ROW
	    EXECUTE FUNCTION astrid_enqueue_trigger('grouped', '{"priority": 1, "unique_key": "id", "group_key": "ccd"}');
	CREATE TRIGGER to_topic AFTER INSERT OR UPDATE OR DELETE ON frame FOR EACH ROW
	    EXECUTE FUNCTION astrid_publish_trigger('frame.changed', '{"key": "id"}')});
my @names = map { "session $_" } 1 .. 4;
my $conninfo = $node->connstr('postgres');
my $m = QueueModel->new;
my (%depth, %clock, @told, %done);
my $cursor = '0-0'; # how far the observer has read the events
$m->{stale} = [];

my %session = map {
	$_ => PsqlPipe->new($conninfo, "SET statement_timeout = '10s'", 'SELECT setseed(0.5)', 'SET plan_cache_mode = force_generic_plan', prepared())
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

# What a session sees: all jobs, and what costs much now and then; the observer also looks whether units leak.
sub look
{
	my ($name) = @_;
	my $observes = $name eq 'observer';
	my ($xid, $number) = split /-/, $cursor;
	my @looks = ('jobs', chance(0.3) ? 'queues' : (), qw(keys places subscriptions operations));
	set_clock($name);
	my @statements = (@looks, "unread('$xid', $number)", $observes && chance(0.25) ? 'leaks' : ());
	my @rows = $session{$name}->rows(join '; ', map { "EXECUTE $_" } @statements);
	my $whose = $observes ? '' : $name;
	return difference("what $name sees", \@rows, [ map { my $dump = "dump_$_"; $m->$dump($whose) } @looks, 'events' ]);
}

# The observer reads on, sometimes in small portions; with a pattern it would have got those of its topics.
sub read_on
{
	my $n = any(2, 1000, 1000);
	my $pattern = any('frame.#', 'job.#');
	my $after = $cursor;
	my @rows = map { [ split /\|/, $_, 3 ] } $session{observer}->rows("EXECUTE read('$after', NULL, $n)");
	$cursor = $rows[-1][1] if @rows;
	my $difference = $m->read_events(@rows == $n, map { [ @$_[ 0, 2 ] ] } @rows);
	return $difference if $difference ne '' || @rows == $n;
	my @filtered = map { (split /\|/, $_, 3)[2] } $session{observer}->rows("EXECUTE read('$after', '$pattern', $n)");
	my @expected = grep { QueueModel::topic_matches((split /\|/)[0], $pattern) } map { $_->[2] } @rows;
	return difference("events of $pattern", \@filtered, \@expected);
}

# What is not asked for after each step.
sub look_closely
{
	my @looks = qw(finished exported ended_operations logs workers);
	set_clock('observer');
	return join '', map { my $dump = "dump_$_"; difference($_, [ $session{observer}->rows("EXECUTE $_") ], [ $m->$dump ]) } @looks;
}

sub record
{
	my ($name, @what) = @_;
	push @told, sprintf '%s %s: %s', clock_text($m->{now}), $name, join ' ', @what;
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
	# Attempts and logs are told by their times, and an event is known by its own: none has that of another.
	$m->{now}++ if $action->{method} =~ /^(fail_job|snooze|reap|maintain|publish|change_frame|log)$/;
	set_clock($name);
	my ($rows, $error) = $session{$name}->ask($action->{sql});
	record($name, $action->{sql}, '->', $error // "(@$rows)");
	if (!$error && !$expected->{error})
	{
		my ($learned) = $action->{learn} ? $session{$name}->rows("EXECUTE due($action->{learn})") : ();
		$m->{learned} = { $action->{learn} // '' => $learned };
		$m->{born} = [ $expected->{born} ? $session{$name}->rows("EXECUTE born($m->{last_id})") : () ];
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

	if (!$open && chance(0.04))
	{
		$m->{now} = next_morning($m->{now});
		return act($name, new_day()) . look_closely();
	}
	if (chance(0.1))
	{
		my $later = $m->{now} + any(1, 200_000, 500_000, 1e6, 3e6, 10e6, 21e6, 70e6, chance(0.2) ? 600e6 : 0);
		$m->{now} = $later if day($later) == day($m->{now});
	}

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
my @writers = $session{observer}->rows(q{SELECT substr(proname, 8) FROM pg_proc WHERE proname ~ '^astrid_' AND pronamespace = 'public'::regnamespace
	AND provolatile = 'v' AND prorettype <> 'trigger'::regtype});
is(join(' ', not_called(@writers)), '', 'all functions that write are called, or it is known why not');
my $begin = time;
my $difference = join '', map { act($names[0], $_) } first_actions($m);
my $i = 0;
while ($difference eq '' && $i++ < $steps)
{
	# What dies is a difference too: the last actions are told.
	$difference = (eval { step() } // "$@\n") . look('observer');
	$difference .= read_on() if chance(0.3);
	my @open = grep { $depth{$_} } @names;
	$difference .= look(any(@open)) if @open && chance(0.3);
	remember_leases() if $i % 20 == 0;
	$difference .= look_closely() if $i % 200 == 0;
}
is($difference, '', "$steps random steps of four sessions leave the state that the model says")
  or diag("after step $i; the last actions:\n", map({ "  $_\n" } @told), "to repeat: $repeat make check, step tap");
cmp_ok($done{claim} // 0, '>', $steps / 30, 'with claims among them');
note(sprintf '%.1f s; %s', time - $begin, join ', ', map { "$_ $done{$_}" } sort keys %done);
$_->quit for values %session;
$node->stop;
done_testing();
