# What the sessions of 350_property.pl do: a table of actions, each with a weight and a function that picks its arguments
# at random, knowing the model. An action is a call of the model and the statement that must do the same.
#
# SPDX-License-Identifier: PostgreSQL
package QueueActions;

use strict;
use warnings;
use Exporter 'import';
use List::Util qw(max);
use POSIX qw(strftime);
use QueueBulk;

our @EXPORT = qw(pick_action first_actions clock_text any chance @groups);

# Named so that their locks (hashtext(name) modulo 1024) are in the order of the names: a statement that ends jobs of
# several groups goes by that. The test checks it.
our @groups = qw(alpha beta gamma);
my @keys = map { "key$_" } 1 .. 6;
my @priorities = (-1, 0, 0, 0, 1);
my $s = 1e6;
my @policies = ({}, { kind => 'fixed', base => 3 }, { kind => 'linear', base => 2, max => 5 }, { kind => 'list', delays => [ 0, 2, 8 ] });
my $base = 1_900_000_000; # the epoch of the test's time, 2030
my $crowd = 90; # live jobs from which on less is enqueued

my %queues = (
	plain => { max_attempts => 3 },
	urgent => { priority => -1, backoff_base => 0 },
	narrow => { concurrency => 3, max_attempts => 2 },
	rated => { rate_limit => 4, rate_interval => 10 * $s },
	both => { concurrency => 2, rate_limit => 3, rate_interval => 5 * $s, priority => -1 },
	grouped => { group_concurrency => 2 },
	ordered => { ordered => 1, max_attempts => 2, backoff_base => 2 * $s },
	blocking => { ordered => 1, dead_blocks => 1, max_attempts => 2, backoff_base => 1 * $s },
	ageing => { ageing => 10 * $s },
	fair => { fair => 1 },
	turns => { fair => 1, group_concurrency => 2, concurrency => 4 },
	paced => { group_rate_limit => 2, group_rate_interval => 20 * $s },
	fed => { producer_rate_limit => 5, producer_rate_interval => 10 * $s },
	fed_group => { producer_rate_limit => 2, producer_rate_interval => 10 * $s, producer_rate_per => 'group' },
);
my %intervals = map { $_ => 1 } qw(rate_interval group_rate_interval ageing producer_rate_interval backoff_base backoff_max);
my %flags = map { $_ => 1 } qw(ordered dead_blocks fair enabled);
# Settings that are changed, and to what; the keys of what takes all other sessions' work into account.
my %changes = (
	plain => [ { ageing => 5 * $s }, { ageing => 0 }, { fair => 1, ageing => 0 }, { fair => 0 }, { max_attempts => 2 }, { max_attempts => 3 } ],
	narrow => [ map { { concurrency => $_ } } 0, 1, 3, 5 ],
	rated => [ { rate_limit => 0 }, { rate_limit => 2 }, { rate_limit => 4, rate_interval => 10 * $s }, { rate_interval => 3 * $s } ],
	both => [ { concurrency => 1 }, { concurrency => 3, rate_limit => 2 }, { concurrency => 2, rate_limit => 3 } ],
	grouped => [ (map { { group_concurrency => $_ } } 0, 1, 2, 3), { ordered => 1 }, { ordered => 0, group_concurrency => 2 } ],
	ordered => [ { ordered => 0, group_concurrency => 2 }, { ordered => 1 }, { ordered => 1, dead_blocks => 1 }, { dead_blocks => 0 } ],
	ageing => [ { ageing => 0 }, { ageing => 10 * $s }, { ageing => 60 * $s } ],
	fair => [ { fair => 0 }, { fair => 1 } ],
	turns => [ { concurrency => 2 }, { concurrency => 4 } ],
	paced => [ { group_rate_limit => 1 }, { group_rate_limit => 2 }, { group_rate_limit => 0 } ],
	fed => [ { producer_rate_limit => 0 }, { producer_rate_limit => 5 } ],
	blocking => [ { dead_blocks => 0 }, { dead_blocks => 1 } ],
);
my @harmless = ([ priority => -1, 0, 1 ], [ backoff_max => 30 * $s, 3600 * $s ], [ backoff_base => 0, 5 * $s, 10 * $s ]);

# Chance

sub any { my @of = @_; return $of[ int rand @of ]; }
sub chance { my ($p) = @_; return rand() < $p; }
sub some { my ($n, @of) = @_; my @some; while ($n-- > 0 && @of) { push @some, splice @of, int(rand @of), 1; } return @some; }

# SQL

sub clock_text { my ($us) = @_; return strftime('%Y-%m-%d %H:%M:%S', gmtime($base + int($us / $s))) . sprintf('.%06d+00', $us % $s); }
sub text { my ($value) = @_; return defined $value ? "'$value'" : 'NULL'; }
sub interval { my ($us) = @_; return sprintf "'%d us'", $us; }
sub bigints { my @ids = @_; return "'{" . join(',', @ids) . "}'::bigint[]"; }
sub texts { my @texts = @_; return 'ARRAY[' . join(',', map { text($_) } @texts) . ']::text[]'; }

# Of a retry policy.
sub json
{
	my ($policy) = @_;
	return q('{) . join(', ', map { qq("$_": ) . ($_ eq 'kind' ? qq("$policy->{kind}") : $_ eq 'delays' ? '[' . join(', ', @{ $policy->{delays} }) . ']' : $policy->{$_}) }
		  sort keys %$policy) . q(}');
}

my %sql_of = (run_at => sub { text(clock_text($_[0])) }, deadline => sub { text(clock_text($_[0])) }, retry => \&json,
	unique_window => \&interval, unique_max_wait => \&interval, depends_on => sub { bigints(@{ $_[0] }) },
	unique_keys => sub { texts(@{ $_[0] }) }, group_keys => sub { texts(@{ $_[0] }) }, enabled => sub { $_[0] ? 'true' : 'false' },
	(map { $_ => \&interval } keys %intervals), (map { $_ => sub { $_[0] ? 'true' : 'false' } } keys %flags));

# Named arguments.
sub named
{
	my %options = @_;
	return join '', map { ", $_ => " . ($sql_of{$_} // \&text)->($options{$_}) } sort keys %options;
}

sub call { my ($method, $arguments, $statement, %more) = @_; return { method => $method, arguments => $arguments, sql => $statement, %more }; }

# What there is

sub jobs { my ($m, @states) = @_; my %wanted = map { $_ => 1 } @states; return QueueModel::by_id(grep { $wanted{ $_->{state} } } $m->{rows}->all('job')); }
sub finished { my ($m) = @_; return QueueModel::by_id($m->{rows}->all('finished')); }
sub queue_names { return sort keys %queues; }
sub here { my ($m) = @_; return sort map { $_->{name} } $m->{rows}->all('queue'); }

# Now and then a lease that is not the job's, or not any more.
sub leases
{
	my ($m, $n) = @_;
	my @stale = @{ $m->{stale} };
	return map { [ @$_{qw(id lease)} ] } some($n, jobs($m, 'running')) unless chance(0.08) && @stale;
	return (any(@stale), map { [ @$_{qw(id lease)} ] } some($n - 1, jobs($m, 'running')));
}

sub one_lease { my ($m) = @_; my ($lease) = leases($m, 1); return $lease ? @$lease : (); }
sub unzip { my @pairs = @_; return ([ map { $_->[0] } @pairs ], [ map { $_->[1] } @pairs ]); }

sub distinct { my %seen; return grep { !$seen{ $_->[0] }++ } @_; }

# Actions

sub unique_options
{
	my ($m, %options) = @_;
	my %more;
	$more{unique_mode} = any(qw(ignore replace replace_keep_time debounce)) if chance(0.6) && !$options{depends_on};
	if (($more{unique_mode} // '') eq 'debounce')
	{
		$more{run_at} = $m->{now} + any(1, 5, 10) * $s;
		$more{unique_max_wait} = any(2, 12) * $s if chance(0.5);
	}
	$more{unique_window} = any(2, 30) * $s if chance(0.2);
	return %more;
}

sub options
{
	my ($m) = @_;
	my %options;
	$options{priority} = any(@priorities) if chance(0.5);
	$options{run_at} = $m->{now} + any(-1, 0.5, 3, 20) * $s if chance(0.2);
	$options{max_attempts} = any(1, 2) if chance(0.1);
	$options{unique_key} = any(@keys) if chance(0.25);
	$options{group_key} = any(@groups) if chance(0.8);
	my @parents = chance(0.15) ? some(any(1, 1, 2, 3), jobs($m, qw(blocked scheduled ready running dead))) : ();
	push @parents, any(finished($m)) if chance(0.03) && finished($m);
	$options{depends_on} = [ map { $_->{id} } @parents ] if @parents;
	$options{depends_mode} = any(qw(all any)) if @parents && chance(0.5);
	$options{depends_failure} = any(qw(wait cancel run)) if @parents && chance(0.6);
	%options = (%options, unique_options($m, %options)) if defined $options{unique_key};
	# Without chance, so that it is certain whether another attempt comes before the deadline.
	$options{retry} = { jitter => 0, %{ any(@policies) } } if chance(0.15);
	$options{deadline} = max($m->{now}, $options{run_at} // 0) + int rand(any(5, 60) * $s) + 1 if $options{retry} && chance(0.6);
	return %options;
}

sub enqueue
{
	my ($m) = @_;
	return undef if jobs($m, qw(blocked scheduled ready running)) > $crowd && chance(0.8);
	my $queue = any(queue_names());
	my %options = options($m);
	return call(enqueue => [ $queue, %options ], "SELECT astrid_enqueue('$queue', '{}'" . named(%options) . ')');
}

sub enqueue_batch
{
	my ($m) = @_;
	return undef if jobs($m, qw(blocked scheduled ready running)) > $crowd;
	my ($queue, $n) = (any(queue_names()), any(0, 1, 2, 3, 4, 6));
	my %options = options($m);
	$options{unique_keys} = [ map { chance(0.5) ? any(@keys) : undef } 1 .. $n ] if chance(0.2);
	$options{group_keys} = [ map { chance(0.8) ? any(@groups) : undef } 1 .. $n ] if chance(0.3);
	return call(enqueue_batch => [ $queue, $n, %options ],
		"SELECT * FROM astrid_enqueue_batch('$queue', array_fill('{}'::jsonb, '{$n}')" . named(%options) . ')');
}

# Queues to claim from: some, or that of a job which the call ends, or which another session is about to change.
sub claim_arguments
{
	my ($m, $worker, @ending) = @_;
	my @names = some(any(1, 1, 1, 2, 3), queue_names());
	my ($hot) = some(1, grep { $m->{rows}->taken(job => $_->{id}) } jobs($m, 'ready'));
	my ($job) = @ending && chance(0.6) ? any(@ending) : $hot && chance(0.4) ? $hot : ();
	@names = map { $_->{name} } $m->queue_of($job) // () if $job;
	my ($n, $lease) = (any(1, 1, 1, 2, 3, 5), any(20, 60) * $s);
	return ([ \@names, $worker, $n, $lease ], texts(@names) . ", '$worker', $n, " . interval($lease) . '::interval');
}

my $claimed = 'SELECT job_id, queue_name, attempt, max_attempts, priority, lease_id FROM';

sub claim
{
	my ($m, $session) = @_;
	my ($arguments, $sql) = claim_arguments($m, $session);
	return call(claim => $arguments, "$claimed astrid_claim($sql)");
}

sub complete
{
	my ($m) = @_;
	my ($job, $lease) = one_lease($m) or return undef;
	return call(complete => [ $job, $lease ], "SELECT astrid_complete($job, $lease, '{}')");
}

sub complete_batch
{
	my ($m) = @_;
	my ($ids, $leases) = unzip(distinct(leases($m, any(1, 2, 4))));
	return call(complete_batch => [ $ids, $leases ], 'SELECT astrid_complete_batch(' . bigints(@$ids) . ', ' . bigints(@$leases) . ')');
}

sub complete_and_claim
{
	my ($m, $session) = @_;
	my ($ids, $leases) = unzip(distinct(leases($m, any(1, 2, 3))));
	my ($arguments, $sql) = claim_arguments($m, $session, map { $m->job($_) // () } @$ids);
	return call(complete_and_claim => [ $ids, $leases, @$arguments ],
		"$claimed astrid_complete_and_claim(" . bigints(@$ids) . ', ' . bigints(@$leases) . ", NULL, $sql)");
}

sub fail
{
	my ($m) = @_;
	my ($job, $lease) = one_lease($m) or return undef;
	my ($retryable, $cause, $retry_in) = (chance(0.85), any(qw(error error exit crash memory cancel)), any(undef, undef, 0, 5 * $s));
	return call(fail_job => [ $job, $lease, $cause, $retryable, $retry_in ],
		"SELECT astrid_fail($job, $lease, 'broken', retryable => " . ($retryable ? 'true' : 'false')
		  . (defined $retry_in ? ', retry_in => ' . interval($retry_in) : '') . qq(, info => '{"cause": "$cause"}'\)), learn => $job);
}

sub snooze
{
	my ($m) = @_;
	my ($job, $lease) = one_lease($m) or return undef;
	my $delay = any(undef, 0, 4 * $s);
	return call(snooze => [ $job, $lease, $delay ],
		"SELECT astrid_snooze($job, $lease" . (defined $delay ? ', ' . interval($delay) : '') . ')', learn => $job);
}

sub heartbeat
{
	my ($m, $session) = @_;
	my ($ids, $leases) = unzip(distinct(leases($m, any(1, 3))));
	my $lease = any(5, 60, 120) * $s;
	return call(heartbeat => [ $ids, $leases, $lease ],
		"SELECT * FROM astrid_heartbeat('$session', " . bigints(@$ids) . ', ' . bigints(@$leases) . ', ' . interval($lease) . ')');
}

sub progress
{
	my ($m) = @_;
	my ($job, $lease) = one_lease($m) or return undef;
	my $fraction = any(0.25, 0.5, 1);
	return call(progress => [ $job, $lease, $fraction ], "SELECT astrid_progress($job, $lease, $fraction)");
}

sub check_lease
{
	my ($m) = @_;
	my ($job, $lease) = one_lease($m) or return undef;
	return call(check_lease => [ $job, $lease ], "SELECT astrid_check_lease($job, $lease)");
}

sub any_job
{
	my ($m, @states) = @_;
	my @jobs = jobs($m, @states);
	@jobs = finished($m) if chance(0.05);
	return chance(0.02) ? 999_999_999 : @jobs ? any(@jobs)->{id} : undef;
}

sub cancel
{
	my ($m) = @_;
	my $job = any_job($m, qw(blocked scheduled ready running)) // return undef;
	return call(cancel => [$job], "SELECT astrid_cancel($job)");
}

sub retry
{
	my ($m) = @_;
	my $job = any_job($m, qw(scheduled dead), chance(0.2) ? 'ready' : ()) // return undef;
	return call(retry => [$job], "SELECT astrid_retry($job)");
}

sub redrive { my $queue = any(queue_names()); return call(redrive => [$queue], "SELECT astrid_redrive('$queue')"); }

sub clear
{
	my $queue = any(queue_names());
	my @states = @{ any([], ['dead'], ['ready'], ['blocked'], ['scheduled'], [ 'dead', 'completed' ], [ 'ready', 'blocked' ], ['cancelled']) };
	return call(clear_queue => [ $queue, @states ], "SELECT astrid_clear_queue('$queue'" . (@states ? ', ' . texts(@states) : '') . ')');
}

sub switch
{
	my ($queue, $on) = (any(queue_names()), chance(0.7));
	return call(resume_queue => [$queue], "SELECT astrid_resume_queue('$queue')") if $on;
	return call(alter_queue => [ $queue, enabled => 0 ], "SELECT astrid_pause_queue('$queue')");
}

sub alter_call { my ($queue, %settings) = @_; return call(alter_queue => [ $queue, %settings ], "SELECT astrid_alter_queue('$queue'" . named(%settings) . ')'); }

sub tune
{
	my ($name, @values) = @{ any(@harmless) };
	return alter_call(any(queue_names()), $name => any(@values));
}

sub limit
{
	my $queue = any(sort keys %changes);
	return alter_call($queue, %{ any(@{ $changes{$queue} }) });
}

sub create
{
	my ($m, $queue) = @_;
	my %settings = %{ $queues{$queue} };
	return call(create_queue => [ $queue, %settings ], "SELECT astrid_create_queue('$queue'" . named(%settings) . ')');
}

sub create_again
{
	my ($m) = @_;
	my %here = map { $_ => 1 } here($m);
	my @missing = grep { !$here{$_} } queue_names();
	return undef if !@missing && chance(0.9);
	return create($m, any(@missing ? @missing : queue_names()));
}

sub drop { my $queue = any(queue_names()); return call(drop_queue => [$queue], "SELECT astrid_drop_queue('$queue')"); }
sub reap { return call(reap => [], 'SELECT astrid_reap()'); }
sub maintain { return call(maintain => [], q{SELECT m ->> 'late', m ->> 'reaped', m ->> 'promoted' FROM astrid_maintain() m}); }

# alone: not while another transaction is open. single: not in a transaction of several statements.
my %actions = (
	enqueue => { weight => 22, pick => \&enqueue },
	enqueue_batch => { weight => 5, pick => \&enqueue_batch },
	claim => { weight => 24, pick => \&claim },
	complete => { weight => 8, pick => \&complete },
	complete_batch => { weight => 4, pick => \&complete_batch },
	complete_and_claim => { weight => 5, pick => \&complete_and_claim },
	fail => { weight => 10, pick => \&fail },
	snooze => { weight => 3, pick => \&snooze },
	heartbeat => { weight => 3, pick => \&heartbeat },
	progress => { weight => 1, pick => \&progress },
	check_lease => { weight => 1, pick => \&check_lease },
	cancel => { weight => 4, pick => \&cancel },
	retry => { weight => 4, pick => \&retry },
	redrive => { weight => 1, pick => \&redrive },
	clear => { weight => 0.7, pick => \&clear },
	cancel_jobs => { weight => 1, pick => \&cancel_jobs },
	retry_jobs => { weight => 1.5, pick => \&retry_jobs },
	delete_jobs => { weight => 1, pick => \&delete_jobs },
	move => { weight => 3, pick => \&move },
	drain => { weight => 1, pick => \&drain },
	switch => { weight => 2, pick => \&switch },
	tune => { weight => 1, pick => \&tune },
	limit => { weight => 5, pick => \&limit, alone => 1, single => 1 },
	create => { weight => 3, pick => \&create_again, alone => 1, single => 1 },
	drop => { weight => 0.5, pick => \&drop, alone => 1, single => 1 },
	reap => { weight => 1, pick => \&reap, single => 1 },
	maintain => { weight => 5, pick => \&maintain, single => 1 },
);

# The queues.
sub first_actions { my ($m) = @_; return map { create($m, $_) } queue_names(); }

# An action for this session, undef when there is nothing to do it to.
sub pick_action
{
	my ($m, $session, $in_transaction, $others_open) = @_;
	my @fit = grep { !($actions{$_}{single} && $in_transaction) && !($actions{$_}{alone} && $others_open) } sort keys %actions;
	my $at = 0;
	$at += $actions{$_}{weight} for @fit;
	$at = rand $at;

	for my $name (@fit)
	{
		$at -= $actions{$name}{weight};
		next if $at > 0;
		$m->{rows}->enter($session);
		return $actions{$name}{pick}->($m, $session);
	}
	return undef;
}

1;
