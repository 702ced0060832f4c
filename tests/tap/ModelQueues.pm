# Part of the reference model (QueueModel.pm): queues are created, changed, cleared and dropped.
#
# SPDX-License-Identifier: PostgreSQL
package QueueModel;

use strict;
use warnings;

my %defaults = (priority => 0, max_attempts => 4, enabled => 1, accepting => 1, concurrency => 0, rate_limit => 0, rate_interval => 1e6,
	group_concurrency => 0, group_rate_limit => 0, group_rate_interval => 1e6, ordered => 0, dead_blocks => 0, ageing => 0,
	fair => 0, producer_rate_limit => 0, producer_rate_interval => 1e6, producer_rate_per => 'role', backoff_base => 10e6,
	backoff_max => 3600e6, max_crashes => 3, payload_schema => '', result_schema => '', job_events => 0, retention => 7 * 86400e6,
	dead_retention => 0, result_retention => 0, export => 0);
my @live = qw(blocked scheduled ready running dead);

sub create_queue
{
	my ($m, $name, %settings) = @_;
	fail('QJ005') if $m->{rows}->get(queue => $name);
	$m->{rows}->put(queue => $name, { %defaults, id => ++$m->{queues}, name => $name, settled(%settings) });
	$m->{names}{ $m->{queues} } = $name;
	return '';
}

# An ordered queue runs one job of a group at a time.
sub settled { my %settings = @_; return (%settings, $settings{ordered} ? (group_concurrency => 1) : ()); }

sub changed { my ($old, $new, @names) = @_; return grep { $old->{$_} != $new->{$_} } @names; }

sub alter_queue
{
	my ($m, $name, %settings) = @_;
	my $old = $m->queue($name);
	my $new = $m->{rows}->put(queue => $name, { %$old, settled(%settings) });

	fail('QJ006') if $new->{ordered} && $new->{group_concurrency} != 1 || $new->{fair} && $new->{ageing};
	if (changed($old, $new, qw(rate_limit rate_interval)))
	{
		$m->{rows}->put(start => $_->{key}, undef) for grep { $_->{queue_id} == $new->{id} } $m->{rows}->all('start');
	}
	if (changed($old, $new, qw(group_concurrency ordered))) { $m->deal_places($new); }
	elsif ($old->{dead_blocks} && !$new->{dead_blocks}) { $m->free_dead($new); }
	if (changed($old, $new, qw(ageing fair)))
	{
		$m->put_in_queue($_) for sort { $a->{enqueued_at} <=> $b->{enqueued_at} || $a->{id} <=> $b->{id} } $m->jobs_of($new, 'ready');
	}
	return '';
}

# New limits of groups: running jobs have places, and the heads of ordered groups. Claims ask all others again, in their
# order and before those that were never asked.
sub deal_places
{
	my ($m, $queue) = @_;
	my $admitted = $queue->{group_concurrency} ? 2 : 0;

	$m->{rows}->put(slot => $_->{key}, undef) for grep { $_->{queue_id} == $queue->{id} } $m->{rows}->all('slot');
	for my $job ($m->jobs_of($queue, @live))
	{
		my $keeps = $queue->{ordered} && ($job->{state} ne 'dead' || $queue->{dead_blocks});
		my $admission = $job->{state} eq 'running' ? (defined $job->{group_key} ? $admitted : 0)
		  : $job->{admission} == 2 && !$keeps ? 0 : $job->{admission};
		$job = $m->set($job, admission => $admission);
		$m->add_slot($job) if $admission == 2;
	}
	for my $job (by_place(grep { $_->{parked} } $m->jobs_of($queue, 'blocked')))
	{
		$m->set($job, state => 'ready', parked => 0, lane => lane($queue, $job) - 1, place => [ 0, ++$m->{places} ]);
	}
	return;
}

# Dead jobs block their groups no more.
sub free_dead
{
	my ($m, $queue) = @_;
	my @dead = by_group(grep { $_->{admission} == 2 } $m->jobs_of($queue, 'dead'));

	$m->set($_, admission => 0) for @dead;
	$m->leave_group($_) for @dead;
	return;
}

sub drop_queue
{
	my ($m, $name) = @_;
	my $queue = $m->queue($name);

	my @jobs = $m->jobs_of($queue, @live);

	$m->{rows}->put(queue => $name, undef);
	$m->{rows}->put(subscription => $_->{name}, undef) for grep { $_->{queue_id} == $queue->{id} } $m->{rows}->all('subscription');
	$m->forget($_) for @jobs;
	for my $kind (qw(slot unique start bucket))
	{
		$m->{rows}->put($kind => $_->{key}, undef) for grep { $_->{queue_id} == $queue->{id} } $m->{rows}->all($kind);
	}
	$m->ended(deleted => map { $_->{id} } @jobs);
	return '';
}

sub clear_queue
{
	my ($m, $name, @states) = @_;
	my $queue = $m->queue($name);
	my %wanted = map { $_ => 1 } @states ? @states : qw(ready scheduled blocked);

	my @gone = $m->jobs_of($queue, grep { $_ ne 'running' && $wanted{$_} } @live);

	$m->gate($queue, $_->{group_key}) for grep { $_->{parked} || $_->{admission} == 2 } @gone;
	$m->forget($_) for @gone;
	$m->release_key($_, 1) for sort { $a->{unique_key} cmp $b->{unique_key} } grep { $_->{state} ne 'dead' && defined $_->{unique_key} } @gone;
	$m->leave_group($_) for by_group(@gone);
	my @finished = grep { $_->{queue_id} == $queue->{id} && $wanted{ $_->{state} } } $m->{rows}->all('finished');
	$m->{rows}->put(finished => $_->{id}, undef) for @finished;
	$m->ended(deleted => map { $_->{id} } @gone);
	return @gone + @finished;
}

# Deletes a job without a trace.
sub forget
{
	my ($m, $job) = @_;
	$m->{rows}->put(job => $job->{id}, undef);
	$m->waits_no_more($job);
	return;
}

sub waits_no_more
{
	my ($m, $job) = @_;
	$m->{rows}->put(dependency => $_->{key}, undef) for grep { $_->{child} == $job->{id} } $m->{rows}->all('dependency');
	return;
}

1;
