# Part of the reference model (QueueModel.pm): jobs come to be; unique keys; jobs that wait for jobs.
#
# SPDX-License-Identifier: PostgreSQL
package QueueModel;

use strict;
use warnings;
use Documents;
use List::Util qw(max min);

sub enqueue { my ($m, $name, %options) = @_; return $m->enqueue_batch($name, %options, payloads => [ $options{payload} ]); }

sub enqueue_batch
{
	my ($m, $name, %options) = @_;
	my @payloads = @{ $options{payloads} };
	my $n = @payloads;
	my $queue = $m->queue($name);
	fail('QJ012') if !$queue->{accepting};
	fail('QJ010') if grep { !matches($queue->{payload_schema}, $_) } @payloads;
	my @keys = @{ $options{unique_keys} // [ ($options{unique_key}) x $n ] };
	my @groups = @{ $options{group_keys} // [ ($options{group_key}) x $n ] };

	if ($queue->{producer_rate_per} eq 'role') { $m->check_producer($queue, 'role', $n); }
	else
	{
		my %n;
		$n{ $_ // '' }++ for @groups;
		$m->check_producer($queue, $_, $n{$_}) for sort keys %n;
	}
	my @ids = $m->new_ids($n);
	my @jobs = map { { id => $ids[$_], payload => $payloads[$_], key => $keys[$_], group_key => $groups[$_] } } 0 .. $n - 1;

	$m->settle_keys($queue, \%options, @jobs);
	$m->{last_id} = max($m->{last_id}, grep { $_ < 1e12 } @ids);
	$m->deliver(map { $m->add_job($queue, $_, %options, unique_key => $_->{key}, group_key => $_->{group_key}) } grep { !$_->{answered} } @jobs);
	return map { $_->{id} } @jobs;
}

# The numbers of new jobs only grow; an older one in the answer is another job's.
sub new_ids
{
	my ($m, $n) = @_;
	my $last = $m->{last_id};
	return map { $m->{answer} && ($m->{answer}[$_] // 0) > $last ? ($last = $m->{answer}[$_]) : 1e12 + ++$m->{places} } 0 .. $n - 1;
}

# The events of that.
sub add_job
{
	my ($m, $queue, $new, %options) = @_;
	my $old = $new->{old};
	my $job = { id => $new->{id}, queue_id => $queue->{id}, state => 'blocked', attempt => 0, crashes => 0, parked => 0, admission => 0, command => '',
		told => 0, payload => $new->{payload}, tags => $options{tags}, failures => $old ? $old->{failures} : [],
		enqueued_at => $old ? $old->{enqueued_at} : $m->{now}, run_at => $options{run_at} // $m->{now},
		priority => $options{priority} // 0, max_attempts => $options{max_attempts} // $queue->{max_attempts},
		unique_key => $options{unique_key}, group_key => $options{group_key}, deadline => $options{deadline}, retry => $options{retry} };

	$job->{run_at} = min($job->{run_at}, $job->{enqueued_at} + $options{unique_max_wait}) if $options{unique_max_wait};
	$job->{run_at} = $old->{run_at} if $old && $options{unique_mode} eq 'replace_keep_time';
	if ($old)
	{
		$m->put_in_place_of($queue, $job, $old, $options{unique_mode});
		return ();
	}
	my ($verdict, $reason) = $new->{blocked} ? 'blocked' : $m->depend($job->{id}, \%options);
	if ($verdict eq 'blocked') { $m->set($job); }
	elsif ($verdict eq 'free') { $m->put_in_queue($job); }
	else
	{
		$m->finish($job, 'cancelled', error => $reason);
		$m->release_key($job);
		return $m->tell($job, 'cancelled', $reason);
	}
	return ();
}

# Unique keys

# Which job each of these becomes: the key decides. One that is answered adds nothing.
sub settle_keys
{
	my ($m, $queue, $options, @jobs) = @_;
	my $mode = $options->{unique_mode} // 'ignore';
	my %first;

	for my $job (sort { $a->{key} cmp $b->{key} || $a->{id} <=> $b->{id} } grep { defined $_->{key} } @jobs)
	{
		my $first = $first{ $job->{key} };
		$first{ $job->{key} } = $job;
		if (!$first) { $m->settle_key($queue, $options, $mode, $job); next; }
		# the same key again in one call
		my $answered = $first->{answered} || $mode eq 'ignore';
		@$job{qw(id answered blocked old)} = ($first->{id}, $answered, @$first{qw(blocked old)});
		$first->{answered} = 1 if !$answered;
	}
	return;
}

sub settle_key
{
	my ($m, $queue, $options, $mode, $job) = @_;
	my $holder = $m->hold_key($queue, $job->{key}, $job->{id}, $options->{unique_window}) // return;

	if ($holder->{finished} || $mode eq 'ignore')
	{
		@$job{qw(id answered)} = ($holder->{job}, 1);
		return;
	}
	my $live = $m->job($holder->{next} // $holder->{job});
	if ($live && $live->{state} ne 'running')
	{
		@$job{qw(id old)} = ($live->{id}, $live);
		$m->gate($queue, $live->{group_key}) if $live->{parked} || $live->{admission} == 2;
		$m->{rows}->lock(job => $live->{id});
		return;
	}
	# A running job is not replaced: this one follows it.
	$job->{blocked} = 1;
	$m->{rows}->put(unique => $holder->{key}, { %$holder, next => $job->{id}, held_until => max($holder->{held_until}, window($m, $options->{unique_window})) });
	return;
}

sub window { my ($m, $length) = @_; return $length ? $m->{now} + $length : 0; }

# Who has the key; undef where it was free, and now belongs to this job.
sub hold_key
{
	my ($m, $queue, $key, $id, $window) = @_;
	my $name = "$queue->{id}/$key";
	die { blocked => "key $key" } if $m->{rows}->pending(unique => $name);
	my $row = $m->{rows}->get(unique => $name);
	my $is_own = $row && $row->{job} == $id;

	return $row if $row && (!$row->{finished} || !$is_own && $row->{held_until} > $m->{now});
	$m->{rows}->put(unique => $name, { key => $name, queue_id => $queue->{id}, job => $id, finished => 0,
		held_until => $is_own ? $row->{held_until} : window($m, $window) });
	return undef;
}

# The job has ended: the one that waits for its key goes on; a window keeps the key, unless it is forgotten.
sub release_key
{
	my ($m, $job, $forget) = @_;
	return if !defined $job->{unique_key};
	my $name = "$job->{queue_id}/$job->{unique_key}";
	die { blocked => "key $name" } if $m->{rows}->pending(unique => $name);
	my $row = $m->{rows}->get(unique => $name);

	return if !$row || $row->{finished} && !$forget;
	if (($row->{next} // 0) == $job->{id})
	{
		$m->{rows}->put(unique => $name, { %$row, next => undef });
		return;
	}
	return if $row->{job} != $job->{id};
	my $next = defined $row->{next} ? $m->job($row->{next}) : undef;
	if ($next) { $m->{rows}->put(unique => $name, { %$row, job => $next->{id}, next => undef }); }
	elsif ($row->{held_until} > $m->{now} && !$forget) { $m->{rows}->put(unique => $name, { %$row, finished => 1 }); }
	else { $m->{rows}->put(unique => $name, undef); }
	$m->put_in_queue($next) if $next;
	return;
}

# A job that is not running becomes another, under the same number.
sub put_in_place_of
{
	my ($m, $queue, $job, $old, $mode) = @_;
	my $same_group = defined $old->{group_key} ? defined $job->{group_key} && $job->{group_key} eq $old->{group_key} : !defined $job->{group_key};
	my $keeps = $mode eq 'replace_keep_time' && $old->{priority} == $job->{priority} && $same_group;

	if ($keeps) { $m->set($job, map { $_ => $old->{$_} } qw(state parked admission lane place)); }
	elsif ($old->{state} eq 'blocked' && !$old->{parked}) { $m->set($job); }
	else { $m->put_in_queue($job); }
	$m->leave_group($old) if !$keeps;
	return;
}

# Dependencies

# What a new job's parents mean for it: blocked, free, or cancelled and why.
sub depend
{
	my ($m, $child, $options) = @_;
	my ($any, $failure) = (($options->{depends_mode} // 'all') eq 'any', $options->{depends_failure} // 'wait');
	my (@awaited, $done, $failed);

	for my $parent (sort { $a <=> $b } @{ $options->{depends_on} // [] })
	{
		my $job = $m->job($parent);
		if ($job)
		{
			# A claim passes over it from here on, unless it came from this transaction.
			$m->{rows}->share(parent => $parent, $job) if !$m->{rows}->mine(job => $parent);
			$m->{rows}->lock(job => $parent);
		}
		my $end = $job ? $job->{state} : ($m->finished($parent) // fail('QJ003'))->{state};
		if ($end !~ /^(completed|cancelled)$/ && ($end ne 'dead' || $failure eq 'wait')) { push @awaited, $parent; }
		elsif ($end eq 'completed' || $failure eq 'run') { $done = 1; }
		else { $failed = because(); }
	}
	return 'free' if $any && $done;
	if ($failed && !($any && @awaited)) { return $failure eq 'wait' ? fail('QJ004') : ('cancelled', $failed); }
	for my $parent (@awaited)
	{
		my $key = "$parent/$child";
		$m->{rows}->put(dependency => $key, { key => $key, parent => $parent, child => $child, any => $any, failure => $failure });
	}
	return @awaited ? 'blocked' : 'free';
}

# Which of several is named, and with it what became of that, is open.
sub because { return 'a job that it depends on failed'; }

# Jobs have ended: completed, dead, cancelled or deleted. Those that wait for them go on or are cancelled, and so forth
# down the tree, by their numbers.
sub ended
{
	my ($m, $how, @parents) = @_;
	my @edges = map { $m->edges_from($_, $how) } @parents;
	my @events;

	while (@edges)
	{
		my ($child) = sort { $a <=> $b } map { $_->{child} } @edges;
		my @mine = grep { $_->{child} == $child } @edges;
		@edges = grep { $_->{child} != $child } @edges;
		my $reason = $m->settle($child, @mine) // next;
		push @events, $m->tell($m->finished($child), 'cancelled', $reason);
		push @edges, $m->edges_from($child, 'cancelled');
	}
	$m->deliver(@events);
	return;
}

sub edges_from
{
	my ($m, $parent, $how) = @_;
	my @edges = grep { $_->{parent} == $parent && !($how eq 'dead' && $_->{failure} eq 'wait') } $m->{rows}->all('dependency');
	return map { { %$_, fulfilled => $how eq 'completed' || $_->{failure} eq 'run' } } @edges;
}

# These parents of the child have ended. Why it is cancelled, undef where it is not.
sub settle
{
	my ($m, $id, @edges) = @_;
	my $child = $m->job($id);
	my %ended = map { $_->{parent} => 1 } @edges;
	my @fulfilled = grep { $_->{fulfilled} } @edges;
	my $any = $edges[0]{any};
	my $decided = $any ? @fulfilled > 0 : @fulfilled < @edges;

	return undef if !$child || $child->{state} ne 'blocked' || $child->{parked} || !$m->queue_of($child);
	$m->{rows}->lock(job => $id);
	my @rest = grep { $_->{child} == $id && !$ended{ $_->{parent} } } $m->{rows}->all('dependency');
	$m->{rows}->put(dependency => $_->{key}, undef) for @edges, $decided ? @rest : ();
	return undef if !$decided && @rest;
	if ($any ? $decided : !$decided)
	{
		$m->put_in_queue($child);
		return undef;
	}
	my $reason = because();
	$m->finish($child, 'cancelled', error => $reason);
	$m->release_key($child);
	return $reason;
}

1;
