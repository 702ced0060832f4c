# Part of the reference model (QueueModel.pm): what time brings.
#
# SPDX-License-Identifier: PostgreSQL
package QueueModel;

use strict;
use warnings;

# Has another transaction the job, or the group in which it is parked or has a place? Then maintenance passes it over.
sub held
{
	my ($m, $job) = @_;
	return $m->{rows}->taken(job => $job->{id})
	  || ($job->{parked} || $job->{admission} == 2) && $m->{rows}->taken(gate => "$job->{queue_id}/$job->{group_key}");
}

sub reap
{
	my ($m) = @_;
	my @late = grep { $_->{state} eq 'running' && $_->{lease_until} <= $m->{now} && !$m->held($_) } by_id($m->{rows}->all('job'));

	$m->end_attempt($_, 'lease expired', qq(lease of worker "$_->{worker}" expired), 1, 0) for @late;
	return scalar @late;
}

sub promote
{
	my ($m) = @_;
	my @due = grep { $_->{state} eq 'scheduled' && $_->{run_at} <= $m->{now} && !$m->{rows}->taken(job => $_->{id}) } $m->{rows}->all('job');

	$m->put_in_queue($_) for sort { $a->{run_at} <=> $b->{run_at} || $a->{id} <=> $b->{id} } @due;
	return scalar @due;
}

# Rows late|reaped|promoted|bulk.
sub maintain
{
	my ($m) = @_;
	my @done = ($m->pass_deadlines, $m->reap, $m->promote);
	my @silent = grep { $_->{at} < $m->{now} - 7 * 86400e6 } $m->{rows}->all('worker');

	$m->{rows}->put(worker => $_->{name}, undef) for @silent;
	push @done, $m->bulk_pass;
	$m->expire_dead;
	$m->expire_kept;
	$m->prune;
	return join '|', @done;
}

# Waiting and ready jobs are buried, the workers of running ones are told once.
sub pass_deadlines
{
	my ($m) = @_;
	my $n = 0;

	my @due = grep { $_->{state} ne 'dead' && late($m, $_) && !$_->{told} } $m->{rows}->all('job');

	for my $due (sort { $a->{deadline} <=> $b->{deadline} || $a->{id} <=> $b->{id} } @due)
	{
		my $job = $m->job($due->{id});
		next if !$job || $job->{state} eq 'dead';
		die { blocked => 'a lease is checked' } if $job->{state} eq 'running' && $m->{rows}->taken(job => $job->{id});
		next if $job->{state} ne 'running' && $m->held($job);
		if ($job->{state} eq 'running') { $m->set($job, told => 1, command => $job->{command} || 'deadline'); }
		else { $m->bury_late($job); }
		$n++;
	}
	return $n;
}

1;
