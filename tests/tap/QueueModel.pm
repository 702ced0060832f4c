# The queue as the documentation describes it, in the fewest words: what each call must return and which state it must
# leave. 350_property.pl holds the extension against it.
#
# Times are microseconds. What the contract leaves open (the numbers of jobs and leases, the jitter
# of a back-off) is learned from the answer of the database, within its bounds.
#
# Its parts: ModelRows (transactions), ModelQueues, ModelEnqueue, ModelClaim, ModelEnds, ModelBulk.
#
# SPDX-License-Identifier: PostgreSQL
package QueueModel;

use strict;
use warnings;
use ModelBulk;
use ModelClaim;
use ModelEnds;
use ModelEnqueue;
use ModelQueues;
use ModelRows;

sub new
{
	my ($class) = @_;
	return bless { rows => ModelRows->new, now => 3600e6, queues => 0, places => 0, last_id => 0, rounds => {} }, $class;
}

# Runs a statement: method and arguments. With answer, the rows that the database gave, it takes effect; without one it
# is only tried. Returns { rows => [...] }, { error => SQLSTATE } or, where the session would have to wait, { blocked }.
sub run
{
	my ($m, $session, $answer, $method, @arguments) = @_;
	my %before = (places => $m->{places}, queues => $m->{queues}, rounds => { %{ $m->{rounds} } });

	$m->{rows}->enter($session);
	$m->{answer} = $answer;
	$m->{rows}->push_layer;
	my $rows = eval { [ $m->$method(@arguments) ] };
	my $error = $@;
	die $error if $error && !ref $error;
	if ($error || !$answer) { $m->{rows}->drop_layer; }
	else { $m->{rows}->merge_layer; }
	# Places are not given back; a trial has not drawn any.
	@$m{ keys %before } = values %before unless $answer;
	return $error || { rows => $rows };
}

sub in_transaction { my ($m, $session) = @_; return scalar @{ $m->{rows}->layers($session) }; }
sub fail { my ($state) = @_; die { error => $state }; }

# Transactions

sub begin { my ($m, $session) = @_; $m->{rows}->enter($session); $m->{rows}->push_layer; return; }
sub savepoint { my ($m, $session) = @_; return $m->begin($session); }
sub release { my ($m, $session) = @_; $m->{rows}->enter($session); $m->{rows}->merge_layer; return; }
sub rollback_to { my ($m, $session) = @_; $m->{rows}->enter($session); $m->{rows}->drop_layer; $m->{rows}->push_layer; return; }

sub commit
{
	my ($m, $session) = @_;
	$m->release($session) while $m->in_transaction($session);
	return;
}

sub rollback
{
	my ($m, $session) = @_;
	$m->{rows}->enter($session);
	$m->{rows}->drop_layer while $m->in_transaction($session);
	return;
}

# Rows

sub job { my ($m, $id) = @_; return $m->{rows}->get(job => $id); }
sub finished { my ($m, $id) = @_; return $m->{rows}->get(finished => $id); }
sub gate { my ($m, $queue, $name) = @_; $m->{rows}->put(gate => "$queue->{id}/$name", 1); return; }

sub set
{
	my ($m, $job, %change) = @_;
	return $m->{rows}->put(job => $job->{id}, { %$job, %change });
}

# In this order the locks of groups are taken.
sub by_group
{
	my @jobs = @_;
	return sort { $a->{queue_id} <=> $b->{queue_id} || ($a->{group_key} // '') cmp ($b->{group_key} // '') || $a->{id} <=> $b->{id} } @jobs;
}

sub by_id { my @jobs = @_; return sort { $a->{id} <=> $b->{id} } @jobs; }

sub jobs_of
{
	my ($m, $queue, @states) = @_;
	my %wanted = map { $_ => 1 } @states;
	return by_id(grep { $_->{queue_id} == $queue->{id} && $wanted{ $_->{state} } } $m->{rows}->all('job'));
}

sub queue { my ($m, $name) = @_; return $m->{rows}->get(queue => $name) // fail('QJ002'); }

sub queue_of
{
	my ($m, $job) = @_;
	my ($queue) = grep { $_->{id} == $job->{queue_id} } $m->{rows}->all('queue');
	return $queue;
}

# What a session sees, as the driver asks the database for it.

sub dump_jobs
{
	my ($m, $session) = @_;
	$m->{rows}->enter($session);
	my %name = map { $_->{id} => $_->{name} } $m->{rows}->all('queue');

	return map {
		my $job = $_;
		join '|', map { $_ // '' } $job->{id}, $name{ $job->{queue_id} }, @$job{qw(state priority attempt max_attempts run_at deadline unique_key group_key)},
		  $job->{state} eq 'running' || $job->{state} eq 'dead' ? @$job{qw(lease worker)} : ('', ''),
		  $job->{state} eq 'running' ? @$job{qw(lease_until progress)} : ('', 0);
	} by_id($m->{rows}->all('job'));
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
	$m->{rows}->enter($session);

	return map {
		my @ready = by_place($m->jobs_of($_, 'ready'));
		my @parked = by_place(grep { $_->{parked} } $m->jobs_of($_, 'blocked'));
		"$_->{name}|" . join(' ', map { $_->{id} } @ready) . ':' . join(' ', map { $_->{id} } @parked);
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

sub dump_finished
{
	my ($m) = @_;
	$m->{rows}->enter('');
	my %name = map { $_->{id} => $_->{name} } $m->{rows}->all('queue');
	return map { "$_->{id}|$_->{state}|$_->{attempt}" } by_id(grep { $name{ $_->{queue_id} } } $m->{rows}->all('finished'));
}

1;
