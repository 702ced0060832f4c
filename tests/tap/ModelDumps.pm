# Part of the reference model (QueueModel.pm): what a session sees, as 350_property.pl asks the database for it.
#
# SPDX-License-Identifier: PostgreSQL
package QueueModel;

use strict;
use warnings;

sub dump_jobs
{
	my ($m, $session) = @_;
	$m->{rows}->enter($session);
	my %name = map { $_->{id} => $_->{name} } $m->{rows}->all('queue');

	return map {
		my $job = $_;
		join '|', map { $_ // '' } $job->{id}, $name{ $job->{queue_id} }, @$job{qw(state priority attempt max_attempts run_at deadline unique_key group_key)},
		  $job->{state} eq 'running' || $job->{state} eq 'dead' ? @$job{qw(lease worker)} : ('', ''),
		  $job->{state} eq 'running' ? @$job{qw(lease_until progress step message)} : ('', 0, '', ''), $job->{payload}, tags($job), shown_error($job),
		  $job->{state} eq 'dead' ? join(', ', @{ $job->{failures} }) : '';
	} by_id($m->{rows}->all('job'));
}

sub tags { my ($job) = @_; return $job->{tags} ? '{' . join(',', @{ $job->{tags} }) . '}' : ''; }

# Of its last attempt that failed.
sub shown_error
{
	my ($job) = @_;
	my %by_state = (dead => 'dead_error', completed => 'error', cancelled => 'error');
	my $failed = $job->{attempt} > ($job->{state} eq 'running' ? 1 : 0);
	return $job->{ $by_state{ $job->{state} } // ($failed ? 'error' : 'none') };
}

sub dump_queues
{
	my ($m, $session) = @_;
	my %count;
	$m->{rows}->enter($session);
	$count{ $_->{queue_id} }{ $_->{state} }++ for $m->{rows}->all('job');

	return map {
		my $queue = $_;
		join '|', $queue->{name}, map { $count{ $queue->{id} }{$_} // 0 } qw(ready scheduled blocked running dead);
	} sort { $a->{name} cmp $b->{name} } $m->{rows}->all('queue');
}

sub dump_places
{
	my ($m, $session) = @_;
	my (%ready, %parked);
	$m->{rows}->enter($session);
	for my $job (by_place(grep { $_->{state} eq 'ready' || $_->{parked} } $m->{rows}->all('job')))
	{
		push @{ ($job->{parked} ? \%parked : \%ready)->{ $job->{queue_id} } }, $job->{id};
	}

	return map {
		my @lists = map { join ' ', @{ $_ // [] } } $ready{ $_->{id} }, $parked{ $_->{id} };
		"$_->{name}|" . join(':', @lists);
	} sort { $a->{name} cmp $b->{name} } $m->{rows}->all('queue');
}

sub dump_keys
{
	my ($m, $session) = @_;
	$m->{rows}->enter($session);
	my %name = map { $_->{id} => $_->{name} } $m->{rows}->all('queue');
	return sort map { my ($queue, $key) = split m{/}, $_->{key}; join '|', $name{$queue}, $key, $_->{job}, $_->{next} // '', $_->{finished} ? 't' : 'f' }
	  grep { !$_->{finished} || $_->{held_until} > $m->{now} } $m->{rows}->all('unique');
}

sub dump_subscriptions
{
	my ($m, $session) = @_;
	$m->{rows}->enter($session);
	return sort map { join '|', $_->{name}, $_->{pattern}, $m->queue_of($_)->{name} } $m->{rows}->all('subscription');
}

sub operation_line { my ($operation) = @_; return join '|', @$operation{qw(number kind state)}, operation_counts(%$operation); }

# Those going on.
sub dump_operations
{
	my ($m, $session) = @_;
	$m->{rows}->enter($session);
	return map { operation_line($_) } sort { $a->{number} <=> $b->{number} } grep { $_->{state} eq 'running' } $m->{rows}->all('operation');
}

# What is asked for now and then

sub dump_finished
{
	my ($m) = @_;
	$m->{rows}->enter('');
	return map { join '|', map { $_ // '' } @$_{qw(id state attempt result)}, shown_error($_), $_->{worker}, $_->{payload}, tags($_) }
	  by_id(grep { $m->queue_of($_) } $m->{rows}->all('finished'));
}

# Of the last hour.
sub dump_ended_operations
{
	my ($m) = @_;
	$m->{rows}->enter('');
	return map { operation_line($_) }
	  sort { $a->{number} <=> $b->{number} } grep { ($_->{ended_at} // 0) > $m->{now} - 3600e6 } $m->{rows}->all('operation');
}

sub dump_logs
{
	my ($m) = @_;
	$m->{rows}->enter('');
	return map { $_->{line} } sort { $a->{number} <=> $b->{number} } grep { $_->{at} > $m->{now} - 3600e6 } $m->{rows}->all('log');
}

# What retention exported.
sub dump_exported
{
	my ($m) = @_;
	$m->{rows}->enter('');
	return sort map { "$_->{queue}|$_->{line}" } $m->{rows}->all('exported');
}

sub dump_workers
{
	my ($m) = @_;
	$m->{rows}->enter('');
	return sort map { "$_->{name}|" . ($_->{draining} ? 't' : 'f') } $m->{rows}->all('worker');
}

1;
