# Part of the reference model (QueueModel.pm): how attempts end, what is done by hand, and what time brings.
#
# SPDX-License-Identifier: PostgreSQL
package QueueModel;

use strict;
use warnings;
use List::Util qw(max min);

# The ends of attempts

# The running job if the lease is its current one.
sub leased
{
	my ($m, $id, $lease) = @_;
	my $job = $m->job($id);
	return $job && $job->{state} eq 'running' && $job->{lease} == $lease ? $job : undef;
}

sub complete { my ($m, $id, $lease) = @_; return $m->complete_batch([$id], [$lease]) ? 't' : 'f'; }

sub complete_batch
{
	my ($m, $ids, $leases) = @_;
	my %lease;
	@lease{@$ids} = @$leases;
	my @done = by_id(grep { $_ } map { $m->leased($_, $lease{$_}) } @$ids);
	my @keyed = sort { $a->{queue_id} <=> $b->{queue_id} || $a->{unique_key} cmp $b->{unique_key} } grep { defined $_->{unique_key} } @done;

	$m->finish($_, 'completed') for @done;
	$m->return_limits($_) for @done;
	$m->leave_group($_) for by_group(@done);
	$m->release_key($_) for @keyed;
	$m->ended('completed', map { $_->{id} } @done);
	return scalar @done;
}

sub complete_and_claim
{
	my ($m, $ids, $leases, @claim) = @_;
	fail('QJ001') if $m->complete_batch($ids, $leases) < @$ids;
	return $m->claim(@claim);
}

sub finish
{
	my ($m, $job, $state) = @_;
	$m->{rows}->put(job => $job->{id}, undef);
	$m->{rows}->put(finished => $job->{id}, { id => $job->{id}, queue_id => $job->{queue_id}, state => $state, attempt => $job->{attempt} });
	return;
}

sub return_limits
{
	my ($m, $job) = @_;
	my $queue = $m->queue_of($job);
	$m->{rows}->share(limit => $queue->{id}) if $queue && $queue->{concurrency};
	return;
}

sub cancelled
{
	my ($m, $job) = @_;
	$m->gate($m->queue_of($job), $job->{group_key}) if $job->{parked};
	$m->finish($job, 'cancelled');
	$m->waits_no_more($job);
	$m->release_key($job);
	$m->leave_group($job) if $job->{state} ne 'running';
	$m->ended(cancelled => $job->{id});
	return 'cancelled';
}

# A job that runs no more uses no limits; at the head of its ordered group it keeps its place.
sub stop
{
	my ($m, $job, $keeps) = @_;

	$m->return_limits($job);
	return $job if $keeps;
	$m->leave_group($job);
	return { %$job, admission => 0 };
}

my %crash = map { $_ => 1 } qw(crash signal memory), 'lease expired';

sub end_attempt
{
	my ($m, $job, $cause, $retryable, $retry_in) = @_;
	my $queue = $m->queue_of($job);
	my $crashes = $job->{crashes} + ($crash{$cause} ? 1 : 0);

	my $asked = $job->{command} eq 'cancel';
	# However the attempt ends after that.
	my $late = !$asked && ($cause eq 'deadline' || $job->{command} eq 'deadline' || late($m, $job));

	if ($asked || $cause eq 'cancel' && !$late)
	{
		$m->stop($job, 0);
		return $m->cancelled($job);
	}
	my $over = $late || !$retryable || $job->{attempt} >= $job->{max_attempts} || $crashes >= $queue->{max_crashes};
	my $run_at = $m->{now} + ($retry_in // $m->backoff($queue, $job, $job->{attempt}));
	if (!$over && !(defined $job->{deadline} && $run_at >= $job->{deadline}))
	{
		return $m->put_in_queue($m->stop($job, $queue->{ordered}), run_at => $run_at, crashes => $crashes)->{state};
	}
	return $m->bury($m->stop($job, $queue->{ordered} && $queue->{dead_blocks}));
}

sub late { my ($m, $job) = @_; return defined $job->{deadline} && $job->{deadline} <= $m->{now}; }

sub bury
{
	my ($m, $job) = @_;
	my $queue = $m->queue_of($job);
	my $keeps = $queue->{ordered} && $queue->{dead_blocks};

	$m->set($job, state => 'dead', parked => 0, progress => 0, command => '', lease_until => undef, admission => $keeps ? $job->{admission} : 0);
	$m->waits_no_more($job);
	$m->release_key($job);
	$m->leave_group($job) if !$keeps;
	$m->ended(dead => $job->{id});
	return 'dead';
}

# The wait after an attempt: by the job's policy, or the queue's base x 2^(attempt-1), at most the maximum. A fifth of it
# is random; how much is learned.
sub backoff
{
	my ($m, $queue, $job, $attempt) = @_;
	my %policy = (kind => 'exponential', jitter => 0.2, base => $queue->{backoff_base} / 1e6, %{ $job->{retry} // {} });
	my %wait = (exponential => $policy{base} * 2**($attempt - 1), linear => $policy{base} * $attempt, fixed => $policy{base},
		list => $policy{delays} && $policy{delays}[ min($attempt, scalar @{ $policy{delays} }) - 1 ]);
	my $most = 1e6 * $wait{ $policy{kind} };
	$most = min($most, defined $policy{max} ? 1e6 * $policy{max} : $queue->{backoff_max}) if $policy{kind} =~ /^(exponential|linear)$/;
	my $learned = $m->{learned}{ $job->{id} };

	return $most if !$m->{answer} || $policy{jitter} == 0 || !defined $learned;
	my $wait = $learned - $m->{now};
	return $wait >= (1 - $policy{jitter}) * $most - 1 && $wait <= $most + 1 ? $wait : $most;
}

sub fail_job
{
	my ($m, $id, $lease, @how) = @_;
	return $m->end_attempt($m->leased($id, $lease) // fail('QJ001'), @how);
}

sub snooze
{
	my ($m, $id, $lease, $delay) = @_;
	my $job = $m->leased($id, $lease) // fail('QJ001');
	my $queue = $m->queue_of($job);

	if ($job->{command} eq 'cancel')
	{
		$m->stop($job, 0);
		$m->cancelled($job);
		return '';
	}
	my $run_at = $m->{now} + ($delay // $m->backoff($queue, $job, 1));
	if (defined $job->{deadline} && $run_at >= $job->{deadline}) { $m->end_attempt($job, 'deadline', 0); }
	else { $m->put_in_queue($m->stop($job, $queue->{ordered}), attempt => $job->{attempt} - 1, run_at => $run_at); }
	return '';
}

# While it runs

sub check_lease
{
	my ($m, $id, $lease) = @_;
	$m->{rows}->lock(job => ($m->leased($id, $lease) // fail('QJ001'))->{id});
	return '';
}

sub heartbeat
{
	my ($m, $ids, $leases, $until) = @_;
	my %lease;
	my @told;
	@lease{@$ids} = @$leases;

	for my $id (sort { $a <=> $b } @$ids)
	{
		my $job = $m->leased($id, $lease{$id});
		$m->set($job, lease_until => max($job->{lease_until}, $m->{now} + $until)) if $job;
		my $command = $job ? $job->{command} : 'lost';
		push @told, "$id|$command" if $command;
	}
	return @told;
}

sub progress
{
	my ($m, $id, $lease, $fraction) = @_;
	$m->set($m->leased($id, $lease) // fail('QJ001'), progress => $fraction);
	return '';
}

# By hand

# Finished jobs of a queue that was dropped are not shown.
sub shown { my ($m, $id) = @_; my $job = $m->job($id) // $m->finished($id); return $job && $m->queue_of($job) ? $job : undef; }
sub refuse { my ($m, $id) = @_; return fail($m->shown($id) ? 'QJ004' : 'QJ003'); }

sub cancel
{
	my ($m, $id) = @_;
	my $job = $m->shown($id) // $m->refuse($id);

	if ($job->{state} eq 'running') { $m->set($job, command => 'cancel'); }
	elsif ($job->{state} =~ /^(blocked|scheduled|ready)$/) { $m->cancelled($job); }
	elsif ($job->{state} ne 'cancelled') { $m->refuse($id); }
	return '';
}

sub retry
{
	my ($m, $id) = @_;
	my $job = $m->job($id);

	$m->refuse($id) if !$job || $job->{state} !~ /^(scheduled|dead)$/;
	$m->{rows}->lock(job => $id);
	$m->revive($job) // fail('QJ004');
	return '';
}

# Undef where another job has its unique key by now.
sub revive
{
	my ($m, $job) = @_;
	my %change = (run_at => $m->{now});

	if ($job->{state} eq 'dead')
	{
		@change{qw(attempt crashes)} = (0, 0);
		return undef if defined $job->{unique_key} && $m->hold_key({ id => $job->{queue_id} }, $job->{unique_key}, $job->{id});
		$change{deadline} = undef if late($m, $job);
	}
	return $m->put_in_queue($job, %change);
}

sub redrive
{
	my ($m, $name) = @_;
	my @dead = $m->jobs_of($m->queue($name), 'dead');

	$m->{rows}->lock(job => $_->{id}) for @dead;
	return scalar grep { $m->revive($_) } (grep { !defined $_->{unique_key} } @dead), grep { defined $_->{unique_key} } @dead;
}

# What time brings

# Has another transaction the job, or the group in which it is parked or has a place? Then maintenance passes it over.
sub held
{
	my ($m, $job) = @_;
	return $m->{rows}->taken(job => $job->{id})
	  || ($job->{parked} || $job->{admission} == 2) && $m->{rows}->taken(gate => "$job->{queue_id}/$job->{group_key}");
}

sub reap
{
	my ($m) = @_;
	my @late = grep { $_->{state} eq 'running' && $_->{lease_until} <= $m->{now} && !$m->held($_) } by_id($m->{rows}->all('job'));

	$m->end_attempt($_, 'lease expired', 1, 0) for @late;
	return scalar @late;
}

sub promote
{
	my ($m) = @_;
	my @due = grep { $_->{state} eq 'scheduled' && $_->{run_at} <= $m->{now} && !$m->{rows}->taken(job => $_->{id}) } $m->{rows}->all('job');

	$m->put_in_queue($_) for sort { $a->{run_at} <=> $b->{run_at} || $a->{id} <=> $b->{id} } @due;
	return scalar @due;
}

# Rows late|reaped|promoted.
sub maintain { my ($m) = @_; my @done = ($m->pass_deadlines, $m->reap, $m->promote); return join '|', @done; }

# Waiting and ready jobs are buried, the workers of running ones are told once.
sub pass_deadlines
{
	my ($m) = @_;
	my $n = 0;

	for my $due (sort { $a->{deadline} <=> $b->{deadline} } grep { $_->{state} ne 'dead' && late($m, $_) && !$_->{told} } $m->{rows}->all('job'))
	{
		my $job = $m->job($due->{id});
		next if !$job || $job->{state} eq 'dead';
		die { blocked => 'a lease is checked' } if $job->{state} eq 'running' && $m->{rows}->taken(job => $job->{id});
		next if $job->{state} ne 'running' && $m->held($job);
		if ($job->{state} eq 'running') { $m->set($job, told => 1, command => $job->{command} || 'deadline'); }
		else { $m->bury($job); }
		$n++;
	}
	return $n;
}

1;
