# The queue as the documentation describes it, in the fewest words: what each call must return and which state it must
# leave. 350_property.pl holds the extension against it.
#
# Times are microseconds. What the contract leaves open (the numbers of jobs and leases, the jitter
# of a back-off) is learned from the answer of the database, within its bounds.
#
# Its parts: ModelRows (transactions), ModelQueues, ModelEnqueue, ModelClaim, ModelEnds, ModelTime (deadlines, maintenance),
# ModelBulk, ModelEvents, ModelRetention, ModelDumps (what a session sees).
#
# SPDX-License-Identifier: PostgreSQL
package QueueModel;

use strict;
use warnings;
use ModelBulk;
use ModelClaim;
use ModelDumps;
use ModelEnds;
use ModelEnqueue;
use ModelEvents;
use ModelQueues;
use ModelRetention;
use ModelRows;
use ModelTime;

sub new
{
	my ($class) = @_;
	return bless { rows => ModelRows->new, now => 3600e6, queues => 0, places => 0, last_id => 0, last_operation => 0, rounds => {},
		ticks => 0, begun => {}, ended => {}, born => [] }, $class;
}

# Runs a statement: method and arguments. With answer, the rows that the database gave, it takes effect; without one it
# is only tried. Returns { rows => [...], born => how many jobs that are not in the answer }, { error => SQLSTATE } or,
# where the session would have to wait, { blocked }.
sub run
{
	my ($m, $session, $answer, $method, @arguments) = @_;
	my %before = (places => $m->{places}, queues => $m->{queues}, rounds => { %{ $m->{rounds} } });

	$m->{answer} = $answer;
	$m->{expected_births} = 0;
	$m->begin($session);
	my $rows = eval { [ $m->$method(@arguments) ] };
	my $error = $@;
	die $error if $error && !ref $error;
	if ($error || !$answer) { $m->{rows}->drop_layer; }
	else { $m->release($session); }
	# Places are not given back; a trial has not drawn any.
	@$m{ keys %before } = values %before unless $answer;
	return $error || { rows => $rows, born => $m->{expected_births} };
}

sub in_transaction { my ($m, $session) = @_; return scalar @{ $m->{rows}->layers($session) }; }
sub fail { my ($state) = @_; die { error => $state }; }

# Transactions

sub begin
{
	my ($m, $session) = @_;
	$m->{begun}{$session} = ++$m->{ticks} if !$m->in_transaction($session);
	$m->{rows}->enter($session);
	$m->{rows}->push_layer;
	return;
}

sub savepoint { my ($m, $session) = @_; return $m->begin($session); }

sub release
{
	my ($m, $session) = @_;
	$m->{rows}->enter($session);
	$m->{rows}->merge_layer;
	$m->{ended}{ $m->{begun}{$session} } = ++$m->{ticks} if !$m->in_transaction($session);
	return;
}

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
	my $queue = $m->{rows}->get(queue => $m->{names}{ $job->{queue_id} } // '');
	return $queue && $queue->{id} == $job->{queue_id} ? $queue : undef;
}

1;
