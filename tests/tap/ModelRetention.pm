# Part of the reference model (QueueModel.pm): how long finished and dead jobs and results are kept, and what is exported.
# A pass of maintenance follows every midnight.
#
# SPDX-License-Identifier: PostgreSQL
package QueueModel;

use strict;
use warnings;
use POSIX qw(ceil);
use TestTime;

my $ring = 7; # full days that finished jobs stay where they are

sub days { my ($span) = @_; return ceil($span / 86400e6); }

# What goes is exported first, where the queue says so.
sub export
{
	my ($m, $queue, $kind, $job) = @_;
	return if !$queue->{export};
	my $number = ++$m->{places};
	$m->{rows}->put(exported => $number, { number => $number, queue => $queue->{name}, line => "$kind|$job->{id}" });
	return;
}

# Dead jobs, to the microsecond; not those that a job waits for, nor those that another transaction has.
sub expire_dead
{
	my ($m) = @_;
	for my $queue (by_id(grep { $_->{dead_retention} } $m->{rows}->all('queue')))
	{
		my %awaited = map { $_->{parent} => 1 } $m->{rows}->all('dependency');
		my @over = grep { $_->{at} <= $m->{now} - $queue->{dead_retention} && !$awaited{ $_->{id} } && !$m->held($_) } $m->jobs_of($queue, 'dead');

		$m->forget($_) for @over;
		for my $job (@over)
		{
			$m->export($queue, dead => $job);
			$m->leave_group($job);
			$m->ended(deleted => $job->{id});
		}
	}
	return;
}

# What was kept for longer than the ring turns, to the microsecond too. Of a dropped queue nothing is kept.
sub expire_kept
{
	my ($m) = @_;
	for my $job (grep { $_->{kept} } $m->{rows}->all('finished'))
	{
		my $queue = $m->queue_of($job) // { retention => 0, result_retention => 0, export => 0 };
		if ($job->{at} <= $m->{now} - $queue->{retention}) { $m->finished_goes($queue, $job); }
		elsif ($queue->{result_retention} && $job->{at} <= $m->{now} - $queue->{result_retention}) { $m->result_goes($queue, $job); }
	}
	return;
}

sub finished_goes
{
	my ($m, $queue, $job) = @_;
	$m->export($queue, history => $job);
	$m->{rows}->put(finished => $job->{id}, undef);
	return;
}

sub result_goes
{
	my ($m, $queue, $job) = @_;
	return if !defined $job->{result};
	$m->export($queue, result => $job);
	$m->{rows}->put(finished => $job->{id}, { %$job, result => undef });
	return;
}

# By whole days, of which the last is not over before its midnight.
sub prune
{
	my ($m) = @_;
	for my $job (grep { !$_->{kept} && day($_->{at}) < day($m->{now}) } $m->{rows}->all('finished'))
	{
		my $queue = $m->queue_of($job) // { retention => 0, result_retention => 0, export => 0, gone => 1 };
		my $age = day($m->{now}) - day($job->{at});
		if ($age >= $ring && days($queue->{retention}) > $ring) { $m->{rows}->put(finished => $job->{id}, { %$job, kept => 1 }); }
		elsif ($age >= $ring || days($queue->{retention}) < $age && !$queue->{gone}) { $m->finished_goes($queue, $job); }
		elsif ($queue->{result_retention} && days($queue->{result_retention}) < $age) { $m->result_goes($queue, $job); }
	}
	$m->{rows}->put(log => $_->{number}, undef) for grep { day($_->{at}) <= day($m->{now}) - $ring } $m->{rows}->all('log');
	# A job that lives on forgets why an attempt of a week ago failed.
	for my $job (grep { defined $_->{error} && $_->{state} ne 'dead' && day($_->{error_at}) <= day($m->{now}) - $ring } $m->{rows}->all('job'))
	{
		$m->set($job, error => undef);
	}
	return;
}

# Rows kind|job, sorted; what another transaction is taking stays with it.
sub take_exported
{
	my ($m, $name) = @_;
	my @taken = grep { $_->{queue} eq $name && !$m->{rows}->taken(exported => $_->{number}) } $m->{rows}->all('exported');

	$m->{rows}->put(exported => $_->{number}, undef) for @taken;
	return sort map { $_->{line} } @taken;
}

1;
