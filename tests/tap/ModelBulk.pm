# Part of the reference model (QueueModel.pm): many jobs at once, by a filter; closed queues.
#
# SPDX-License-Identifier: PostgreSQL
package QueueModel;

use strict;
use warnings;

# states: what a job may be in; otherwise: where the filter names none. gates: does the job leave its group?
my %bulk = (
	cancel => { states => [qw(blocked scheduled ready running)], otherwise => [qw(blocked scheduled ready running)], gates => 1, do => \&bulk_cancel },
	retry => { states => [qw(dead scheduled)], otherwise => ['dead'], gates => 0, do => \&bulk_retry },
	delete => { states => [qw(blocked scheduled ready dead completed cancelled)], gates => 1, do => \&bulk_delete },
	move => { states => [qw(blocked scheduled ready dead)], otherwise => [qw(blocked scheduled ready)], gates => 1, do => \&bulk_move },
);

# filter: queue, state, priority, group_key, unique_key, job_ids. Row matched|done|skipped; a dry run only counts.
sub bulk
{
	my ($m, $kind, $filter, $dry_run, $max_jobs, $to) = @_;
	my %filter = %$filter;
	my @states = @{ delete $filter{state} // $bulk{$kind}{otherwise} // fail('QJ006') };
	my %allowed = map { $_ => 1 } @{ $bulk{$kind}{states} };
	fail('QJ006') if grep { !$allowed{$_} } @states or !%filter;
	$m->queue($filter{queue}) if defined $filter{queue};

	my @jobs = $m->matching(\%filter, @states);
	splice @jobs, $max_jobs if defined $max_jobs && @jobs > $max_jobs;
	return @jobs . '||' if $dry_run;
	$m->bulk_enter($kind, @jobs);
	my $done = grep { $bulk{$kind}{do}->($m, $_->{id}, { map { $_ => 1 } @states }, $filter{queue}, $to) } @jobs;
	return join '|', scalar @jobs, $done, @jobs - $done;
}

sub matching
{
	my ($m, $filter, @states) = @_;
	my %wanted = map { $_ => 1 } @states;
	my %wish = %$filter;
	my $ids = delete $wish{job_ids};
	my %among = map { $_ => 1 } @{ $ids // [] };
	my $queue = delete $wish{queue};

	return by_id(grep {
		my $job = $_;
		my $of = $m->queue_of($job);
		$of && $wanted{ $job->{state} } && (!defined $queue || $of->{name} eq $queue) && (!$ids || $among{ $job->{id} })
		  && !grep { !defined $job->{$_} || $job->{$_} ne $wish{$_} } keys %wish
	} $m->{rows}->all('job'), $m->{rows}->all('finished'));
}

# Running jobs are locked first, then the groups.
sub bulk_enter
{
	my ($m, $kind, @jobs) = @_;

	if ($kind eq 'cancel') { $m->{rows}->lock(job => $_->{id}) for grep { $_->{state} eq 'running' } @jobs; }
	return if !$bulk{$kind}{gates};
	$m->gate($m->queue_of($_), $_->{group_key}) for grep { $_->{parked} || $_->{state} ne 'running' && ($_->{admission} // 0) == 2 } @jobs;
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
