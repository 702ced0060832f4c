# Part of the reference model (QueueModel.pm): how attempts end, and what is done by hand.
#
# SPDX-License-Identifier: PostgreSQL
package QueueModel;

use strict;
use warnings;
use Documents;
use List::Util qw(max min);
use TestTime;

# The ends of attempts

# The running job if the lease is its current one.
sub leased
{
	my ($m, $id, $lease) = @_;
	my $job = $m->job($id);
	return $job && $job->{state} eq 'running' && $job->{lease} == $lease ? $job : undef;
}

sub complete { my ($m, $id, $lease, $result) = @_; return $m->complete_batch([$id], [$lease], [$result]) ? 't' : 'f'; }

sub complete_batch
{
	my ($m, $ids, $leases, $results, $all) = @_;
	my (%lease, %result);
	@lease{@$ids} = @$leases;
	@result{@$ids} = @$results;
	my @done = by_id(grep { $_ } map { $m->leased($_, $lease{$_}) } @$ids);
	$m->{rows}->lock(job => $_->{id}) for @done;
	fail('QJ001') if $all && @done < @$ids;
	fail('QJ010') if grep { !matches($m->queue_of($_)->{result_schema}, $result{ $_->{id} }) } @done;
	my @keyed = sort { $a->{queue_id} <=> $b->{queue_id} || $a->{unique_key} cmp $b->{unique_key} } grep { defined $_->{unique_key} } @done;

	$m->finish($_, 'completed', result => $result{ $_->{id} }) for @done;
	my @events = map { $m->tell($_, 'completed') } @done;
	$m->return_limits($_) for @done;
	$m->leave_group($_) for by_group(@done);
	$m->release_key($_) for @keyed;
	$m->ended('completed', map { $_->{id} } @done);
	$m->deliver(@events);
	return scalar @done;
}

sub complete_and_claim
{
	my ($m, $ids, $leases, $results, @claim) = @_;
	$m->complete_batch($ids, $leases, $results, 1) if @$ids;
	return $m->claim(@claim);
}

sub finish
{
	my ($m, $job, $state, %more) = @_;
	$m->{rows}->put(job => $job->{id}, undef);
	$m->{rows}->put(finished => $job->{id}, { %$job, error => undef, %more, state => $state, at => $m->{now} });
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
	my ($m, $job, $error) = @_;
	$m->gate($m->queue_of($job), $job->{group_key}) if $job->{parked};
	$m->finish($job, 'cancelled', error => $error);
	$m->waits_no_more($job);
	$m->release_key($job);
	$m->leave_group($job) if $job->{state} ne 'running';
	$m->ended(cancelled => $job->{id});
	$m->deliver($m->tell($job, 'cancelled', $error));
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
	my ($m, $job, $cause, $error, $retryable, $retry_in) = @_;
	my $queue = $m->queue_of($job);

	my $asked = $job->{command} eq 'cancel';
	# However the attempt ends after that.
	my $late = !$asked && ($cause eq 'deadline' || $job->{command} eq 'deadline' || late($m, $job));
	$error = join ': ', 'deadline ' . stamp($job->{deadline}) . ' passed', $error // () if $late;
	my $crashes = $job->{crashes} + ($crash{$cause} && !$late ? 1 : 0);
	$job = { %$job, crashes => $crashes, failures => [ @{ $job->{failures} }, $error // '' ], error => $error, error_at => $m->{now} };

	if ($asked || $cause eq 'cancel' && !$late)
	{
		$m->stop($job, 0);
		return $m->cancelled($job, $error);
	}
	my $run_at = $m->{now} + ($retry_in // $m->backoff($queue, $job, $job->{attempt}));
	my $over = $late || !$retryable ? $error : $m->why_over($queue, $job, $run_at);
	return $m->bury($m->stop($job, $queue->{ordered} && $queue->{dead_blocks}), $over) if defined $over;
	my $state = $m->put_in_queue($m->stop($job, $queue->{ordered}), run_at => $run_at)->{state};
	$m->deliver($m->tell($job, 'failed', $error, $state));
	return $state;
}

# What is said of a job that gets no further attempt; undef where it does.
sub why_over
{
	my ($m, $queue, $job, $run_at) = @_;
	my $is_last = $job->{attempt} >= $job->{max_attempts};

	return "given up after $job->{crashes} crashes: $job->{error}" if !$is_last && $job->{crashes} >= $queue->{max_crashes};
	return $job->{error} if $is_last;
	return undef if !defined $job->{deadline} || $run_at < $job->{deadline};
	return 'deadline ' . stamp($job->{deadline}) . " leaves no time for another attempt: $job->{error}";
}

sub late { my ($m, $job) = @_; return defined $job->{deadline} && $job->{deadline} <= $m->{now}; }

sub bury
{
	my ($m, $job, $error) = @_;
	my $queue = $m->queue_of($job);
	my $keeps = $queue->{ordered} && $queue->{dead_blocks};

	$m->set($job, state => 'dead', at => $m->{now}, dead_error => $error,
		parked => 0, progress => 0, command => '', lease_until => undef, admission => $keeps ? $job->{admission} : 0);
	$m->waits_no_more($job);
	$m->release_key($job);
	$m->leave_group($job) if !$keeps;
	$m->ended(dead => $job->{id});
	$m->deliver($m->tell($job, 'dead', $error));
	return 'dead';
}

sub bury_late { my ($m, $job) = @_; return $m->bury($job, 'deadline ' . stamp($job->{deadline}) . ' passed'); }

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
	if (defined $job->{deadline} && $run_at >= $job->{deadline}) { $m->end_attempt($job, 'deadline', 'put off until ' . stamp($run_at), 0); }
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
	my ($m, $worker, $ids, $leases, $until, $status) = @_;
	my %lease;
	my @told = $m->beat($worker, $status) ? '|drain' : ();
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
	my ($m, $id, $lease, %what) = @_;
	$m->set($m->leased($id, $lease) // fail('QJ001'), %what);
	return '';
}

sub log
{
	my ($m, $id, $lease, $level, $message) = @_;
	my $job = $m->leased($id, $lease) // fail('QJ001');
	$m->{rows}->lock(job => $id);
	my $number = ++$m->{places};
	$m->{rows}->put(log => $number, { number => $number, at => $m->{now}, line => join '|', $id, $job->{attempt}, $level, $message });
	return '';
}

# The worker is alive. Is it to stop?
sub beat
{
	my ($m, $name, $status) = @_;
	my $worker = $m->{rows}->get(worker => $name) // { name => $name, draining => 0, status => '' };
	my $draining = $worker->{draining} && $worker->{status} ne 'stopped';

	$m->{rows}->put(worker => $name, { %$worker, draining => $draining, status => $status, at => $m->{now} });
	return $draining;
}

sub drain_worker
{
	my ($m, $name) = @_;
	$m->{rows}->put(worker => $name, { %{ $m->{rows}->get(worker => $name) // fail('QJ006') }, draining => 1 });
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

# All dead jobs of the queue; or those of a filter, then another row is the operation's number.
sub redrive
{
	my ($m, $name, $filter, $max_jobs) = @_;
	my @dead = $m->jobs_of($m->queue($name), 'dead');

	if ($filter || $max_jobs)
	{
		my (undef, undef, $done) = split /\|/, $m->bulk(retry => { %{ $filter // {} }, queue => $name, state => ['dead'] }, 0, undef, $max_jobs);
		return ($done, $m->{last_operation});
	}

	$m->{rows}->lock(job => $_->{id}) for @dead;
	return scalar grep { $m->revive($_) } (grep { !defined $_->{unique_key} } @dead), grep { defined $_->{unique_key} } @dead;
}

1;
