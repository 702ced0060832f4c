# Part of the reference model (QueueModel.pm): the order of jobs, limits, and what a claim gets.
#
# SPDX-License-Identifier: PostgreSQL
package QueueModel;

use strict;
use warnings;
use List::Util qw(max min);
use POSIX qw(floor);

# Where a job stands

# Scheduled, or ready at the end of its queue.
sub put_in_queue
{
	my ($m, $job, %change) = @_;
	my %now = (%$job, %change, parked => 0, command => '', lease => undef, lease_until => undef, worker => undef, progress => 0, step => undef,
		message => undef);

	return $m->set(\%now, state => 'scheduled') if $now{run_at} > $m->{now};
	return $m->set(\%now, state => 'ready', $m->place($m->queue_of($job), \%now));
}

# Lanes come first, then rounds (or seconds), then numbers: each is one of the orders of a queue.
sub place
{
	my ($m, $queue, $job) = @_;
	my $number = ++$m->{places};
	my $first = 0;

	if ($queue->{ageing}) { $first = 1e9 + floor(($m->{now} + $job->{priority} * $queue->{ageing}) / 1e6); }
	elsif ($queue->{fair}) { $first = $m->next_round($queue, $job->{group_key} // ''); }
	return (lane => lane($queue, $job) - ($job->{admission} ? 1 : 0), place => [ $first, $number ]);
}

# A lane for each priority, and one before it for jobs at which their group has looked.
sub lane { my ($queue, $job) = @_; return $queue->{ageing} ? 1 : 2 * $job->{priority} + 1; }

# Rounds are hints: no transaction undoes them.
sub next_round
{
	my ($m, $queue, $group) = @_;
	my $present = $m->{rounds}{ $queue->{name} } // 0;
	my $last = $m->{rounds}{"$queue->{name}/$group"};
	return $m->{rounds}{"$queue->{name}/$group"} = defined $last ? max($last + 1, $present) : $present;
}

sub by_place
{
	my @jobs = @_;
	return sort { $a->{lane} <=> $b->{lane} || $a->{place}[0] <=> $b->{place}[0] || $a->{place}[1] <=> $b->{place}[1] } @jobs;
}

# Limits

# A generic cell rate bucket: when is a token there? It is taken, in advance if need be.
sub take_token
{
	my ($m, $queue, $name, $limit, $interval, $n) = @_;
	my $bucket = $m->{rows}->get(bucket => "$queue->{id}/$name");
	my $full_at = max($m->{now}, $bucket ? $bucket->{full_at} : 0) + int($interval / $limit * $n);

	$m->{rows}->put(bucket => "$queue->{id}/$name", { key => "$queue->{id}/$name", queue_id => $queue->{id}, full_at => $full_at });
	return max($full_at - $interval, $m->{now});
}

sub check_producer
{
	my ($m, $queue, $name, $n) = @_;
	return if !$queue->{producer_rate_limit} || $n == 0;
	$m->gate($queue, "producer:$name");
	fail('QJ011') if $m->take_token($queue, "producer:$name", @$queue{qw(producer_rate_limit producer_rate_interval)}, $n) > $m->{now};
	return;
}

# How many jobs of the queue may start now. While another transaction has part of a limit, it is at most so many; then
# the answer says.
sub room
{
	my ($m, $queue, $wanted) = @_;
	my $room = $wanted;

	my @running = $m->jobs_of($queue, 'running');
	$room = min($room, max(0, $queue->{concurrency} - @running)) if $queue->{concurrency};
	if ($queue->{rate_limit})
	{
		my @spent = grep { $_->{queue_id} == $queue->{id} && $_->{free_at} > $m->{now} } $m->{rows}->all('start');
		$room = min($room, max(0, $queue->{rate_limit} - @spent));
	}
	$room = min($room, scalar grep { (split /\|/)[1] eq $queue->{name} } @{ $m->{answer} }) if $m->{answer} && $m->contended($queue);
	return $room;
}

sub contended
{
	my ($m, $queue) = @_;
	return ($queue->{concurrency} || $queue->{rate_limit}) && $m->{rows}->shared(limit => $queue->{id});
}

sub spend
{
	my ($m, $queue, $job) = @_;
	return if !$queue->{rate_limit};
	my $key = "$job->{id}/" . ++$m->{places};
	$m->{rows}->put(start => $key, { key => $key, queue_id => $queue->{id}, free_at => $m->{now} + $queue->{rate_interval} });
	return;
}

# Groups

sub slots
{
	my ($m, $queue, $group) = @_;
	return grep { $_->{queue_id} == $queue->{id} && $_->{group} eq $group } $m->{rows}->all('slot');
}

sub add_slot
{
	my ($m, $job) = @_;
	my $key = "$job->{queue_id}/$job->{group_key}/$job->{id}";
	$m->{rows}->put(slot => $key, { key => $key, queue_id => $job->{queue_id}, group => $job->{group_key} });
	return;
}

# May the job run? Else it is scheduled for when its group has a token, or parked until a job of its group ends.
sub admit
{
	my ($m, $queue, $job) = @_;
	my $limit = $queue->{group_concurrency};

	if ($queue->{group_rate_limit} && $job->{admission} < 1)
	{
		my $at = $m->take_token($queue, "group:$job->{group_key}", @$queue{qw(group_rate_limit group_rate_interval)}, 1);
		$job = $m->set($job, admission => 1);
		if ($at > $m->{now})
		{
			$m->set($job, state => 'scheduled', run_at => $at);
			return undef;
		}
	}
	return $job if !$limit;
	if ($m->slots($queue, $job->{group_key}) >= $limit)
	{
		$m->set($job, state => 'blocked', parked => 1);
		return undef;
	}
	$m->add_slot($job);
	return $m->set($job, admission => 2);
}

# The job counts no more; those of its group that are parked go on, as far as there are places.
sub leave_group
{
	my ($m, $job) = @_;
	my $queue = $m->queue_of($job);
	return if $job->{admission} != 2;
	my $group = "$job->{queue_id}/$job->{group_key}";
	die { blocked => "parking $group" } if $m->{rows}->taken(parking => $group);
	$m->{rows}->share(leaving => $group);
	my $key = "$group/$job->{id}";
	return if !$m->{rows}->get(slot => $key);
	$m->{rows}->put(slot => $key, undef);
	return if !$queue || !$queue->{group_concurrency};
	my @parked = by_place(grep { $_->{parked} && $_->{group_key} eq $job->{group_key} } $m->jobs_of($queue, 'blocked'));
	$m->gate($queue, $job->{group_key}) if @parked;
	while (@parked && $m->slots($queue, $job->{group_key}) < $queue->{group_concurrency})
	{
		my $next = $m->set(shift @parked, state => 'ready', parked => 0, admission => 2);
		$m->set($next, lane => lane($queue, $next) - 1, place => [ 0, ++$m->{places} ]);
		$m->add_slot($next);
	}
	return;
}

# Claiming

# Of two queues with the same priority. They are compared in their order: with a fair one among them that matters.
sub first_of
{
	my ($x, $y) = @_;
	my ($jx, $jy) = ($x->{jobs}[0], $y->{jobs}[0]);
	my $unnumbered = grep { $_->{queue}{ageing} || $_->{queue}{fair} } $x, $y;

	my $order = $jx->{lane} <=> $jy->{lane}
	  || ($unnumbered ? $jx->{run_at} <=> $jy->{run_at} : $jx->{place}[1] <=> $jy->{place}[1])
	  || $x->{queue}{id} <=> $y->{queue}{id};
	return $order < 0 ? $x : $y;
}

# Rows job|queue|attempt|max_attempts|priority, in order.
sub claim
{
	my ($m, $names, $worker, $n, $lease) = @_;
	my %named = map { $_ => $m->queue($_) } @$names;
	my %by_priority;
	my @rows;
	$m->{late} = [];

	for my $queue (by_id(grep { $_->{enabled} } values %named))
	{
		# How many it may start is open, so what else it looks at, and parks or buries, is too.
		die { blocked => 'undecided' } if $m->contended($queue) && $m->may_put_aside($queue);
		push @{ $by_priority{ $queue->{priority} } }, $queue;
	}
	for my $priority (sort { $a <=> $b } keys %by_priority)
	{
		push @rows, $m->claim_from($by_priority{$priority}, $worker, $n - @rows, $lease) if @rows < $n;
	}
	$m->bury_late($_) for @{ $m->{late} };
	return @rows;
}

# Is there a job that a claim would not start, but park or bury?
sub may_put_aside
{
	my ($m, $queue) = @_;
	return $queue->{group_concurrency} || $queue->{group_rate_limit} || grep { late($m, $_) } $m->jobs_of($queue, 'ready');
}

sub claim_from
{
	my ($m, $queues, $worker, $n, $lease) = @_;
	my @sources = map { { queue => $_, jobs => [ by_place($m->jobs_of($_, 'ready')) ], room => $m->room($_, $n) } } @$queues;
	my @rows;

	while (@rows < $n)
	{
		my $first;
		for my $source (grep { @{ $_->{jobs} } } @sources)
		{
			$first = $first ? first_of($first, $source) : $source;
		}
		last if !$first;
		$m->{rows}->share(limit => $first->{queue}{id}) if $first->{queue}{concurrency} || $first->{queue}{rate_limit};
		$first->{jobs} = [] if $first->{room} == 0;
		my $job = @{ $first->{jobs} } ? $m->take($first, shift @{ $first->{jobs} }) : undef;
		next if !$job;
		$first->{room}--;
		push @rows, $m->start($first->{queue}, $job, $worker, $lease);
	}
	return @rows;
}

# Can it be told whether a job of the group may run? Not while it is full and another transaction leaves it.
sub is_settled
{
	my ($m, $queue, $group) = @_;
	return 1 if !$queue->{group_concurrency} || $m->slots($queue, $group) < $queue->{group_concurrency};
	return 0 if $m->{rows}->shared(leaving => "$queue->{id}/$group");
	$m->{rows}->put(parking => "$queue->{id}/$group", 1);
	return 1;
}

# The job, if no transaction holds it and no other one its group, and its group allows it. Once a job of a group was passed
# over no later one may go.
sub take
{
	my ($m, $source, $job) = @_;
	my $queue = $source->{queue};
	my $held = $m->{rows}->taken(job => $job->{id}) || $m->{rows}->shares(parent => $job->{id}, $job);

	if (late($m, $job))
	{
		push @{ $m->{late} }, $job if !$held && $job->{admission} != 2;
		return undef;
	}
	if (!$queue->{group_concurrency} && !$queue->{group_rate_limit} || !defined $job->{group_key} || $job->{admission} == 2)
	{
		return $held ? undef : $job;
	}
	return undef if $source->{left}{ $job->{group_key} };
	my $locked = !$m->{rows}->taken(gate => "$queue->{id}/$job->{group_key}");
	$m->gate($queue, $job->{group_key}) if $locked;
	$locked = $locked && $m->is_settled($queue, $job->{group_key});
	return $m->admit($queue, $job) if $locked && !$held;
	$source->{left}{ $job->{group_key} } = 1;
	return undef;
}

sub start
{
	my ($m, $queue, $job, $worker, $lease) = @_;
	my ($number) = map { (split /\|/)[5] } grep { /^$job->{id}\|/ } @{ $m->{answer} // [] };

	$m->{rounds}{ $queue->{name} } = max($m->{rounds}{ $queue->{name} } // 0, $job->{place}[0]) if $queue->{fair};
	$job = $m->set($job, state => 'running', attempt => $job->{attempt} + 1, lease => $number // 0, worker => $worker, progress => 0,
		lease_until => $m->{now} + $lease);
	$m->spend($queue, $job);
	return join '|', @$job{qw(id)}, $queue->{name}, @$job{qw(attempt max_attempts priority)}, $number // 0;
}

1;
