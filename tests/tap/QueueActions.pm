# What the sessions of 350_property.pl do: a table of actions, each with a weight and a function that picks its arguments
# at random, knowing the model. An action is a call of the model and the statement that must do the same.
#
# SPDX-License-Identifier: PostgreSQL
package QueueActions;

use strict;
use warnings;
use Exporter 'import';
use List::Util qw(max);
use Documents;
use QueueBulk;
use QueueEvents;
use QueueSettings;
use TestTime;

our @EXPORT = qw(pick_action first_actions new_day not_called any chance @groups);

# Named so that their locks (hashtext(name) modulo 1024) are in the order of the names: a statement that ends jobs of
# several groups goes by that. The test checks it.
our @groups = qw(alpha beta gamma);
my @keys = map { "key$_" } 1 .. 6;
our @tags = qw(deep night test);
our @errors = ('broken', 'disk full', 'no such star');
my @priorities = (-1, 0, 0, 0, 1);
my $s = 1e6;
my @policies = ({}, { kind => 'fixed', base => 3 }, { kind => 'linear', base => 2, max => 5 }, { kind => 'list', delays => [ 0, 2, 8 ] });
my $crowd = 90; # live jobs from which on less is enqueued

# Chance

sub any { my @of = @_; return $of[ int rand @of ]; }
sub chance { my ($p) = @_; return rand() < $p; }
sub some { my ($n, @of) = @_; my @some; while ($n-- > 0 && @of) { push @some, splice @of, int(rand @of), 1; } return @some; }

# SQL

sub text { my ($value) = @_; return defined $value ? "'$value'" : 'NULL'; }
sub interval { my ($us) = @_; return sprintf "'%d us'", $us; }
sub bigints { my @ids = @_; return "'{" . join(',', @ids) . "}'::bigint[]"; }
sub jsonbs { my @texts = @_; return 'ARRAY[' . join(',', map { text($_) } @texts) . ']::jsonb[]'; }
sub texts { my @texts = @_; return 'ARRAY[' . join(',', map { text($_) } @texts) . ']::text[]'; }

# Of a retry policy.
sub json
{
	my ($policy) = @_;
	return q('{) . join(', ', map { qq("$_": ) . ($_ eq 'kind' ? qq("$policy->{kind}") : $_ eq 'delays' ? '[' . join(', ', @{ $policy->{delays} }) . ']' : $policy->{$_}) }
		  sort keys %$policy) . q(}');
}

my %intervals = map { $_ => \&interval } qw(rate_interval group_rate_interval ageing producer_rate_interval backoff_base backoff_max retention
	dead_retention result_retention unique_window unique_max_wait);
my %flags = map { $_ => sub { $_[0] ? 'true' : 'false' } } qw(ordered dead_blocks fair enabled job_events export);
my %schemas = map { $_ => sub { "'" . ($_[0] ? $schema{ $_[0] } : 'null') . "'" } } qw(payload_schema result_schema);
my %sql_of = (%intervals, %flags, %schemas, run_at => sub { text(clock_text($_[0])) }, deadline => sub { text(clock_text($_[0])) }, retry => \&json,
	payloads => sub { jsonbs(@{ $_[0] }) }, tags => sub { texts(@{ $_[0] }) }, depends_on => sub { bigints(@{ $_[0] }) },
	unique_keys => sub { texts(@{ $_[0] }) }, group_keys => sub { texts(@{ $_[0] }) });

# Named arguments.
sub named
{
	my %options = @_;
	return join '', map { ", $_ => " . ($sql_of{$_} // \&text)->($options{$_}) } sort keys %options;
}

sub call { my ($method, $arguments, $statement, %more) = @_; return { method => $method, arguments => $arguments, sql => $statement, %more }; }

# What there is

sub jobs { my ($m, @states) = @_; my %wanted = map { $_ => 1 } @states; return QueueModel::by_id(grep { $wanted{ $_->{state} } } $m->{rows}->all('job')); }
sub crowded { my ($m) = @_; return jobs($m, qw(blocked scheduled ready running)) > $crowd; }
sub finished { my ($m) = @_; return QueueModel::by_id($m->{rows}->all('finished')); }
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

# Mostly one that the schema takes.
sub document
{
	my ($m, $queue, $schema) = @_;
	my $row = $m->{rows}->get(queue => $queue) // {};
	return any(chance(0.8) ? grep { matches($row->{$schema}, $_) } @documents : @documents);
}

sub result
{
	my ($m, $id) = @_;
	my $job = $m->job($id);
	my $queue = $job ? $m->queue_of($job) : undef;
	return chance(0.2) ? undef : document($m, $queue ? $queue->{name} : '', 'result_schema');
}

sub options
{
	my ($m) = @_;
	my %options;
	$options{tags} = [ some(any(1, 2, 3), @tags) ] if chance(0.3);
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
	return undef if crowded($m) && chance(0.8);
	my $queue = busy_queue();
	my %options = (options($m), payload => document($m, $queue, 'payload_schema'));
	return call(enqueue => [ $queue, %options ], "SELECT astrid_enqueue('$queue'" . named(%options) . ')');
}

sub enqueue_batch
{
	my ($m) = @_;
	return undef if crowded($m);
	my ($queue, $n) = (busy_queue(), any(0, 1, 2, 3, 4, 6));
	my %options = options($m);
	$options{unique_keys} = [ map { chance(0.5) ? any(@keys) : undef } 1 .. $n ] if chance(0.2);
	$options{group_keys} = [ map { chance(0.8) ? any(@groups) : undef } 1 .. $n ] if chance(0.3);
	# Which of several deadlines at the same time passes first is open.
	delete $options{deadline} if $n > 1;
	$options{payloads} = [ map { document($m, $queue, 'payload_schema') } 1 .. $n ];
	return call(enqueue_batch => [ $queue, %options ], "SELECT * FROM astrid_enqueue_batch('$queue'" . named(%options) . ')');
}

# Queues to claim from: some, or that of a job which the call ends, or which another session is about to change.
sub claim_arguments
{
	my ($m, $worker, @ending) = @_;
	my @names = some(any(1, 1, 1, 2, 3), queue_names());
	my ($hot) = some(1, grep { $m->{rows}->taken(job => $_->{id}) } jobs($m, 'ready'));
	my ($job) = @ending && chance(0.6) ? any(@ending) : $hot && chance(0.4) ? $hot : ();
	@names = map { $_->{name} } $m->queue_of($job) // () if $job;
	@names = busy_queue() if @names == 1 && !$job;
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
	my $result = result($m, $job);
	return call(complete => [ $job, $lease, $result ], "SELECT astrid_complete($job, $lease, " . text($result) . ')');
}

sub complete_batch
{
	my ($m) = @_;
	my ($ids, $leases) = unzip(distinct(leases($m, any(1, 2, 4))));
	my @results = map { result($m, $_) } @$ids;
	return call(complete_batch => [ $ids, $leases, \@results ],
		'SELECT astrid_complete_batch(' . bigints(@$ids) . ', ' . bigints(@$leases) . ', ' . jsonbs(@results) . ')');
}

sub complete_and_claim
{
	my ($m, $session) = @_;
	my ($ids, $leases) = unzip(distinct(leases($m, any(1, 2, 3))));
	my ($arguments, $sql) = claim_arguments($m, $session, map { $m->job($_) // () } @$ids);
	my @results = map { result($m, $_) } @$ids;
	return call(complete_and_claim => [ $ids, $leases, \@results, @$arguments ],
		"$claimed astrid_complete_and_claim(" . bigints(@$ids) . ', ' . bigints(@$leases) . ', ' . jsonbs(@results) . ", $sql)");
}

sub fail
{
	my ($m) = @_;
	my ($job, $lease) = one_lease($m) or return undef;
	my ($retryable, $cause, $retry_in) = (chance(0.85), any(qw(error error exit crash memory cancel)), any(undef, undef, 0, chance(0.7) ? 5 * $s : 8 * 86400 * $s));
	my $error = any(@errors);
	return call(fail_job => [ $job, $lease, $cause, $error, $retryable, $retry_in ],
		"SELECT astrid_fail($job, $lease, '$error', retryable => " . ($retryable ? 'true' : 'false')
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
	my ($lease, $status) = (any(5, 60, 120) * $s, any('busy', 'busy', 'stopped'));
	return call(heartbeat => [ $session, $ids, $leases, $lease, $status ],
		"SELECT * FROM astrid_heartbeat('$session', " . bigints(@$ids) . ', ' . bigints(@$leases) . ', ' . interval($lease) . qq(, '{"status": "$status"}'\)));
}

sub progress
{
	my ($m) = @_;
	my ($job, $lease) = one_lease($m) or return undef;
	my %what = (progress => any(0.25, 0.5, 1), step => any(qw(align detect)), message => any(qw(begun done)));
	delete $what{$_} for some(any(0, 1, 2), sort keys %what);
	return call(progress => [ $job, $lease, %what ], "SELECT astrid_progress($job, $lease" . named(%what) =~ s/progress =>/fraction =>/r . ')');
}

sub log
{
	my ($m) = @_;
	my ($job, $lease) = one_lease($m) or return undef;
	my ($level, $message) = (any(qw(info error)), any(qw(read wrote)));
	return call(log => [ $job, $lease, $level, $message ], "SELECT astrid_log($job, $lease, '$level', '$message')");
}

sub drain_worker
{
	my ($m, $session) = @_;
	my $worker = any($session, 'session 1');
	return call(drain_worker => [$worker], "SELECT astrid_drain_worker('$worker')");
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

sub clear
{
	my $queue = any(queue_names());
	my @states = @{ any([], ['dead'], ['ready'], ['blocked'], ['scheduled'], [ 'dead', 'completed' ], [ 'ready', 'blocked' ], ['cancelled']) };
	return call(clear_queue => [ $queue, @states ], "SELECT astrid_clear_queue('$queue'" . (@states ? ', ' . texts(@states) : '') . ')');
}

sub reap { return call(reap => [], 'SELECT astrid_reap()'); }
sub maintain { return call(maintain => [], q{SELECT m ->> 'late', m ->> 'reaped', m ->> 'promoted', m ->> 'bulk' FROM astrid_maintain() m}); }

sub take_exported
{
	my $queue = any(qw(kept brief));
	return call(take_exported => [$queue], "SELECT (kind || '|' || (\"row\" ->> 'job_id')) COLLATE \"C\" FROM astrid_take_exported('$queue')"
		  . q{ WHERE kind IN ('history', 'dead', 'result') ORDER BY 1});
}

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
	log => { weight => 1, pick => \&log },
	drain_worker => { weight => 0.3, pick => \&drain_worker },
	check_lease => { weight => 1, pick => \&check_lease },
	cancel => { weight => 4, pick => \&cancel },
	retry => { weight => 4, pick => \&retry },
	redrive => { weight => 1.5, pick => \&redrive },
	clear => { weight => 0.7, pick => \&clear },
	cancel_jobs => { weight => 1.5, pick => \&cancel_jobs },
	retry_jobs => { weight => 2, pick => \&retry_jobs },
	delete_jobs => { weight => 1.5, pick => \&delete_jobs },
	cancel_bulk => { weight => 0.7, pick => \&cancel_bulk },
	publish => { weight => 4, pick => \&publish },
	change_frame => { weight => 2, pick => \&change_frame },
	subscribe => { weight => 1.2, pick => \&subscribe },
	unsubscribe => { weight => 0.7, pick => \&unsubscribe },
	take_exported => { weight => 1, pick => \&take_exported },
	move => { weight => 3, pick => \&move },
	drain => { weight => 1, pick => \&drain },
	switch => { weight => 2, pick => \&switch },
	tune => { weight => 2.5, pick => \&tune },
	limit => { weight => 5, pick => \&limit, alone => 1, single => 1 },
	create => { weight => 3, pick => \&create_again, alone => 1, single => 1 },
	drop => { weight => 0.5, pick => \&drop, alone => 1, single => 1 },
	reap => { weight => 1, pick => \&reap, single => 1 },
	maintain => { weight => 5, pick => \&maintain, single => 1 },
);

# Functions that may write and of which no action makes use, and why.
my %left_out = (
	install_defaults => 'creates the queues of the pipeline, and nothing else',
	stats_recount => 'counts what the views of the model do not show, and only where astrid is preloaded',
	wait => 'writes nothing, and lasts',
);

# Those of these functions that are neither called nor left out.
sub not_called
{
	my @functions = @_;
	my $source = '';
	for my $file (map { $INC{'QueueActions.pm'} =~ s/QueueActions/$_/r } qw(QueueActions QueueBulk QueueEvents QueueSettings))
	{
		open my $in, '<', $file or die "$file: $!";
		$source .= join '', <$in>;
	}
	return grep { !$left_out{$_} && $source !~ /\b(?:astrid_)?$_\b['(]/ } @functions;
}

# The first that happens on a new day.
sub new_day { return maintain(); }

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
