# Part of QueueActions.pm: many jobs at once, by a filter; closed queues.
#
# SPDX-License-Identifier: PostgreSQL
package QueueActions;

use strict;
use warnings;
use TestTime;

our (@groups, @tags, @errors);

# Jobs by queue, numbers, or what they have in common; the states by which kind. Mostly so that there is such a job.
sub filter
{
	my ($m, $states, $finished_too) = @_;
	my %filter = (state => [ some(any(1, 2), @$states) ]);
	my @jobs = (jobs($m, qw(blocked scheduled ready running dead)), $finished_too ? finished($m) : ());
	my %any = (group_key => any(@groups), unique_key => 'key' . any(1 .. 6), priority => any(-1, 0, 1), worker => 'session 1',
		tags => [ some(any(1, 2, 2), @tags) ], error => any(@errors, '^deadline'), payload => any('{"n": 1}', '{"band": "r"}', '{"topic": "night"}'),
		enqueued_before => $m->{now} - any(1, 60) * 1e6, run_after => $m->{now} - 5e6, finished_before => $m->{now} - any(0, 100) * 1e6,
		job_ids => [ map { $_->{id} } some(4, @jobs) ]);
	my @by = some(any(0, 1, 1, 1, 2), sort keys %any);

	@filter{@by} = @any{@by};
	$filter{queue} = any(queue_names()) if !@by || chance(0.5);
	my ($one) = some(1, grep { my $job = $_; grep { $_ eq $job->{state} } @$states } @jobs);
	if ($one && chance(0.8))
	{
		my %like = (queue => ($m->queue_of($one) // {})->{name}, state => [ $one->{state}, some(1, @$states) ],
			map { $_ => $one->{$_} } qw(group_key unique_key priority worker));
		$filter{$_} = $like{$_} for grep { defined $like{$_} && $filter{$_} } keys %like;
		$filter{tags} = [ some(any(1, 2), @{ $one->{tags} }) ] if $filter{tags} && $one->{tags};
		push @{ $filter{job_ids} }, $one->{id} if $filter{job_ids};
	}
	return \%filter;
}

sub filter_json
{
	my ($filter) = @_;
	return q('{) . join(', ', map {
		my $value = $filter->{$_};
		qq("$_": ) . (/_before|_after/ ? '"' . clock_text($value) . '"' : ref $value ? '[' . join(', ', map { /^\d+$/ ? $_ : qq("$_") } @$value) . ']'
			: /priority|payload/ ? $value : qq("$value"))
	} sort keys %$filter) . q(}');
}

my $answer = q{SELECT r ->> 'bulk_id', r ->> 'matched', r ->> 'done', r ->> 'skipped' FROM};

sub bulk_call
{
	my ($method, $function, $before, $filter, @to) = @_;
	my ($dry_run, $rate, $max_jobs) = (chance(0.15) ? 1 : 0, any(undef, undef, 1, 2), any(undef, undef, 1, 3));
	my $sql = join ', ', @$before, filter_json($filter);

	$sql .= ', dry_run => true' if $dry_run;
	$sql .= ", rate => $rate" if defined $rate;
	$sql .= ", max_jobs => $max_jobs" if defined $max_jobs;
	return call($method => [ @to, $filter, $dry_run, $rate, $max_jobs ], "$answer astrid_$function($sql) r");
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

sub cancel_bulk
{
	my ($m) = @_;
	my @running = grep { $_->{state} eq 'running' } $m->{rows}->all('operation');
	my $number = @running && chance(0.8) ? any(sort { $a <=> $b } map { $_->{number} } @running) : any($m->{last_operation}, 999_999);
	return call(cancel_bulk => [$number], "SELECT astrid_cancel_bulk($number)");
}

sub redrive
{
	my ($m) = @_;
	my $queue = any(queue_names());
	return call(redrive => [$queue], "SELECT astrid_redrive('$queue')") if chance(0.5);
	my ($filter, $max_jobs) = (chance(0.7) ? filter($m, ['dead']) : undef, any(1, 2));
	delete @$filter{qw(queue state)} if $filter;
	return call(redrive => [ $queue, $filter, $max_jobs ], "SELECT astrid_redrive('$queue', " . ($filter ? filter_json($filter) : 'NULL')
		  . ", $max_jobs); SELECT max(bulk_id) FROM astrid.bulk_status");
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
