# Part of QueueActions.pm: many jobs at once, by a filter; closed queues.
#
# SPDX-License-Identifier: PostgreSQL
package QueueActions;

use strict;
use warnings;

our @groups;

# Jobs by queue, numbers, or what they have in common; the states by which kind. Mostly so that there is such a job.
sub filter
{
	my ($m, $states, $finished_too) = @_;
	my %filter = (state => [ some(any(1, 2), @$states) ]);
	my @jobs = jobs($m, qw(blocked scheduled ready running dead));
	my $by = any($finished_too ? qw(queue ids) : qw(queue ids group key priority));

	$filter{queue} = any(queue_names()) if $by ne 'ids';
	$filter{job_ids} = [ map { $_->{id} } some(4, @jobs, $finished_too ? finished($m) : ()) ] if $by eq 'ids';
	$filter{group_key} = any(@groups) if $by eq 'group';
	$filter{unique_key} = 'key' . any(1 .. 6) if $by eq 'key';
	$filter{priority} = any(-1, 0, 1) if $by eq 'priority';
	my ($one) = some(1, jobs($m, @$states));
	if ($one && chance(0.8))
	{
		my %like = (queue => ($m->queue_of($one) // {})->{name}, group_key => $one->{group_key}, unique_key => $one->{unique_key},
			priority => $one->{priority}, state => [ $one->{state}, some(1, @$states) ]);
		$filter{$_} = $like{$_} for grep { defined $like{$_} && $filter{$_} } keys %like;
		push @{ $filter{job_ids} }, $one->{id} if $filter{job_ids};
	}
	delete $filter{queue} if $by =~ /group|key/ && chance(0.5);
	return \%filter;
}

sub filter_json
{
	my ($filter) = @_;
	return q('{) . join(', ', map {
		my $value = $filter->{$_};
		qq("$_": ) . (ref $value ? '[' . join(', ', map { /^\d+$/ ? $_ : qq("$_") } @$value) . ']' : /priority/ ? $value : qq("$value"))
	} sort keys %$filter) . q(}');
}

my $answer = q{SELECT r ->> 'matched', r ->> 'done', r ->> 'skipped' FROM};

sub bulk_call
{
	my ($method, $function, $before, $filter, @to) = @_;
	my ($dry_run, $max_jobs) = (chance(0.15) ? 1 : 0, any(undef, undef, 1, 3));
	my $sql = join ', ', @$before, filter_json($filter);

	$sql .= ', dry_run => true' if $dry_run;
	$sql .= ", max_jobs => $max_jobs" if defined $max_jobs;
	return call($method => [ @to, $filter, $dry_run, $max_jobs ], "$answer astrid_$function($sql) r");
}

sub cancel_jobs
{
	my ($m) = @_;
	my $filter = filter($m, [qw(blocked scheduled ready running)]);
	delete $filter->{state} if chance(0.3);
	return bulk_call(bulk => 'cancel_jobs', [], $filter, 'cancel');
}

sub retry_jobs
{
	my ($m) = @_;
	my $filter = filter($m, [qw(dead dead scheduled)]);
	delete $filter->{state} if chance(0.3);
	return bulk_call(bulk => 'retry_jobs', [], $filter, 'retry');
}

sub delete_jobs
{
	my ($m) = @_;
	my $finished = chance(0.4);
	my $filter = filter($m, $finished ? [qw(completed cancelled dead ready)] : [qw(blocked scheduled ready dead)], $finished);
	delete $filter->{state} if chance(0.03);
	return bulk_call(bulk => 'delete_jobs', [], $filter, 'delete');
}

sub move
{
	my ($m) = @_;
	my $filter = filter($m, [qw(blocked scheduled ready dead)]);
	my ($from, $to) = ($filter->{queue} // any(queue_names()), any(queue_names()));
	my ($job) = $filter->{job_ids} && @{ $filter->{job_ids} } ? $m->job($filter->{job_ids}[0]) : ();
	$from = $m->queue_of($job)->{name} if $job && $m->queue_of($job);
	delete $filter->{queue};
	delete $filter->{state} if chance(0.3);
	return bulk_call(move_jobs => 'move_jobs', [ "'$from'", "'$to'" ], $filter, $from, $to);
}

# A closed queue is opened again before long.
sub drain
{
	my ($m) = @_;
	my @closed = map { $_->{name} } grep { !$_->{accepting} } $m->{rows}->all('queue');
	my $queue = any(@closed && chance(0.7) ? sort @closed : queue_names());
	return call(resume_queue => [$queue], "SELECT astrid_resume_queue('$queue')") if @closed && chance(0.8);
	return call(drain_queue => [$queue], "SELECT astrid_drain_queue('$queue')");
}

1;
