# Part of the reference model (QueueModel.pm): many jobs at once, by a filter, with a rate in passes of
# maintenance; closed queues.
#
# SPDX-License-Identifier: PostgreSQL
package QueueModel;

use strict;
use warnings;
use Documents;
use List::Util qw(max min);

# states: what a job may be in; otherwise: where the filter names none. gates: does the job leave its group?
my %bulk = (
	cancel => { states => [qw(blocked scheduled ready running)], otherwise => [qw(blocked scheduled ready running)], gates => 1, do => \&bulk_cancel },
	retry => { states => [qw(dead scheduled)], otherwise => ['dead'], gates => 0, do => \&bulk_retry },
	delete => { states => [qw(blocked scheduled ready dead completed cancelled)], gates => 1, do => \&bulk_delete },
	move => { states => [qw(blocked scheduled ready dead)], otherwise => [qw(blocked scheduled ready)], gates => 1, do => \&bulk_move },
);

# What each key of a filter asks of a job.
my %asks = (
	(map { my $key = $_; $key => sub { my ($m, $job, $value) = @_; return ($job->{$key} // '') eq $value; } } qw(group_key unique_key priority worker)),
	queue => sub { my ($m, $job, $value) = @_; return $m->queue_of($job)->{name} eq $value; },
	job_ids => sub { my ($m, $job, $value) = @_; return grep { $_ == $job->{id} } @$value; },
	tags => sub { my ($m, $job, $value) = @_; my %has = map { $_ => 1 } @{ $job->{tags} // [] }; return !grep { !$has{$_} } @$value; },
	error => sub { my ($m, $job, $value) = @_; return (shown_error($job) // return 0) =~ /$value/; },
	payload => sub { my ($m, $job, $value) = @_; return contains($job->{payload}, $value); },
	enqueued_before => sub { my ($m, $job, $value) = @_; return $job->{enqueued_at} < $value; },
	run_after => sub { my ($m, $job, $value) = @_; return $job->{run_at} > $value; },
	finished_before => sub { my ($m, $job, $value) = @_; return $job->{state} =~ /^(dead|completed|cancelled)$/ && $job->{at} < $value; },
);

# Row number|matched|done|skipped; a dry run only counts, and has none. With a rate maintenance does it.
sub bulk
{
	my ($m, $kind, $filter, $dry_run, $rate, $max_jobs, $to) = @_;
	my %filter = %$filter;
	my @states = @{ delete $filter{state} // $bulk{$kind}{otherwise} // fail('QJ006') };
	my %allowed = map { $_ => 1 } @{ $bulk{$kind}{states} };
	fail('QJ006') if grep { !$allowed{$_} } @states or !%filter;
	$m->queue($filter{queue}) if defined $filter{queue};

	my @jobs = $m->matching(\%filter, @states);
	splice @jobs, $max_jobs if defined $max_jobs && @jobs > $max_jobs;
	return '|' . @jobs . '||' if $dry_run;
	my %operation = (kind => $kind, states => { map { $_ => 1 } @states }, queue => $filter{queue}, to => $to, rate => $rate,
		matched => scalar @jobs, left => [ map { $_->{id} } @jobs ], done => 0, next_at => $m->{now}, state => 'running');
	%operation = (%operation, $m->bulk_do(\%operation, @jobs)) if !$rate;
	return $m->keep_operation(%operation);
}

# Does it to these jobs; what changes in the operation.
sub bulk_do
{
	my ($m, $operation, @jobs) = @_;
	$m->bulk_enter($operation->{kind}, @jobs);
	my $done = grep { $bulk{ $operation->{kind} }{do}->($m, $_->{id}, @$operation{qw(states queue to)}) } @jobs;
	my @left = @{ $operation->{left} };
	splice @left, 0, scalar @jobs;
	return (left => \@left, done => $operation->{done} + $done, @left ? () : (state => 'finished', ended_at => $m->{now}));
}

# Its number is the last column of the answer, or the first.
sub keep_operation
{
	my ($m, %operation) = @_;
	my $answer = $m->{answer}[-1] // '';
	my ($number) = $answer =~ /^(\d+)(?:\||$)/;
	$number = 1e12 if !defined $number || $number <= $m->{last_operation};

	$m->{last_operation} = $number if $number < 1e12;
	$m->{rows}->put(operation => $number, { %operation, number => $number });
	return join '|', $number, operation_counts(%operation);
}

sub operation_counts { my %operation = @_; return @operation{qw(matched done)}, $operation{matched} - $operation{done} - @{ $operation{left} }; }

# Goes on with those whose rate allows it; how many jobs had their turn. An operation that cannot go on has failed, and
# what it did in this pass is undone. They are kept for a month.
sub bulk_pass
{
	my ($m) = @_;
	my $turns = 0;

	for my $due (sort { $a->{number} <=> $b->{number} } grep { $_->{state} eq 'running' && $_->{next_at} <= $m->{now} } $m->{rows}->all('operation'))
	{
		next if $m->{rows}->taken(operation => $due->{number});
		my $n = min($due->{rate}, scalar @{ $due->{left} });
		my %change = (next_at => $m->{now} + 1e6);
		$m->{rows}->push_layer;
		if (eval { %change = (%change, $m->bulk_slice($due, $n)); 1 })
		{
			$m->{rows}->merge_layer;
			$turns += $n;
		}
		else
		{
			$m->{rows}->drop_layer;
			die $@ if !ref $@ || !$@->{error};
			%change = (state => 'failed', ended_at => $m->{now});
		}
		$m->{rows}->put(operation => $due->{number}, { %$due, %change });
	}
	my @old = grep { ($_->{ended_at} // $m->{now}) < $m->{now} - 30 * 86400e6 } $m->{rows}->all('operation');
	$m->{rows}->put(operation => $_->{number}, undef) for @old;
	return $turns;
}

sub bulk_slice
{
	my ($m, $operation, $n) = @_;
	my @ids = @{ $operation->{left} }[ 0 .. $n - 1 ];
	fail('QJ012') if $operation->{kind} eq 'move' && !$m->queue($operation->{to})->{accepting};
	return $m->bulk_do($operation, map { $m->job($_) // { id => $_, state => 'gone' } } @ids);
}

sub cancel_bulk
{
	my ($m, $number) = @_;
	my $operation = $m->{rows}->get(operation => $number) // fail('QJ006');
	# Another transaction may be about to end it.
	$m->{rows}->lock(operation => $number) if $operation->{state} eq 'running';
	fail('QJ004') if $operation->{state} ne 'running';
	$m->{rows}->put(operation => $number, { %$operation, state => 'cancelled', ended_at => $m->{now} });
	return '';
}

sub matching
{
	my ($m, $filter, @states) = @_;
	my %wanted = map { $_ => 1 } @states;

	return by_id(grep {
		my $job = $_;
		$wanted{ $job->{state} } && $m->queue_of($job) && !grep { !$asks{$_}->($m, $job, $filter->{$_}) } keys %$filter
	} map { $m->{rows}->all($_) } 'job', grep { $wanted{completed} || $wanted{cancelled} } 'finished');
}

# Running jobs are locked first, then the groups.
sub bulk_enter
{
	my ($m, $kind, @jobs) = @_;

	if ($kind eq 'cancel') { $m->{rows}->lock(job => $_->{id}) for grep { $_->{state} eq 'running' } @jobs; }
	return if !$bulk{$kind}{gates};
	my @placed = grep { $_->{state} =~ /^(blocked|scheduled|ready|dead)$/ && ($_->{parked} || $_->{admission} == 2) } @jobs;
	$m->gate($m->queue_of($_), $_->{group_key}) for @placed;
	return;
}

# Each of these: true where it is done. What is done to one job may have changed the next.

sub bulk_cancel
{
	my ($m, $id, $states) = @_;
	my $job = $m->job($id);

	return ($m->finished($id) // { state => '' })->{state} eq 'cancelled' if !$job || !$states->{ $job->{state} };
	if ($job->{state} eq 'running') { $m->set($job, command => 'cancel'); }
	else { $m->cancelled($job); }
	return 1;
}

sub bulk_retry
{
	my ($m, $id, $states) = @_;
	my $job = $m->job($id);

	return 0 if !$job || !$states->{ $job->{state} };
	$m->{rows}->lock(job => $id);
	return defined $m->revive($job);
}

sub bulk_delete
{
	my ($m, $id, $states) = @_;
	my $job = $m->job($id);

	if ($job)
	{
		return 0 if !$states->{ $job->{state} };
		$m->forget($job);
		$m->release_key($job, 1);
		$m->leave_group($job);
		$m->ended(deleted => $id);
		return 1;
	}
	my $finished = $m->finished($id) // return 0;
	return 0 if !$states->{ $finished->{state} } && !($finished->{state} eq 'cancelled' && grep { $states->{$_} } qw(scheduled blocked ready));
	$m->{rows}->put(finished => $id, undef);
	return 1;
}

# To the end of another queue, which has its own groups and keys.
sub bulk_move
{
	my ($m, $id, $states, $from, $to) = @_;
	my $job = $m->job($id);
	my ($source, $target) = map { $m->queue($_) } $from, $to;

	return 0 if !$job || !$states->{ $job->{state} } || $job->{queue_id} != $source->{id};
	$m->{rows}->lock(job => $id);
	my $key = defined $job->{unique_key} && $job->{state} ne 'dead' ? $m->{rows}->get(unique => "$source->{id}/$job->{unique_key}") : undef;
	my $follows = $key && ($key->{next} // 0) == $id;
	if (defined $job->{unique_key} && $job->{state} ne 'dead')
	{
		return 0 if $m->hold_key($target, $job->{unique_key}, $id);
		$m->release_key($job, 1);
	}
	$m->leave_group($job);
	my $moved = { %$job, queue_id => $target->{id}, admission => 0 };
	if ($job->{state} eq 'ready' || $job->{parked} || $follows) { $m->put_in_queue($moved); }
	else { $m->set($moved); }
	return 1;
}

sub move_jobs
{
	my ($m, $from, $to, $filter, @how) = @_;

	$m->queue($from);
	fail('QJ012') if !$m->queue($to)->{accepting};
	fail('QJ006') if $from eq $to;
	return $m->bulk(move => { %$filter, queue => $from }, @how, $to);
}

# A closed queue takes no new jobs.
sub drain_queue
{
	my ($m, $name) = @_;
	$m->{rows}->put(queue => $name, { %{ $m->queue($name) }, accepting => 0 });
	return '';
}

sub resume_queue
{
	my ($m, $name) = @_;
	$m->{rows}->put(queue => $name, { %{ $m->queue($name) }, accepting => 1, enabled => 1 });
	return '';
}

1;
