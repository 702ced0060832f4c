# The queue as the documentation describes it, in the fewest words: what each call must return and which state it must
# leave. 350_property.pl holds the extension against it.
#
# Times are microseconds. What the contract leaves open (the numbers of jobs and leases, the jitter
# of a back-off) is learned from the answer of the database, within its bounds.
#
# SPDX-License-Identifier: PostgreSQL
package QueueModel;

use strict;
use warnings;
use List::Util qw(max min sum0);
use POSIX qw(floor);
use ModelRows;

my %defaults = (priority => 0, max_attempts => 4, enabled => 1, concurrency => 0, rate_limit => 0, rate_interval => 1e6,
	group_concurrency => 0, group_rate_limit => 0, group_rate_interval => 1e6, ordered => 0, dead_blocks => 0, ageing => 0,
	fair => 0, producer_rate_limit => 0, producer_rate_interval => 1e6, producer_rate_per => 'role', backoff_base => 10e6,
	backoff_max => 3600e6, max_crashes => 3);
my @live = qw(blocked scheduled ready running dead);

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

# Queues

sub create_queue
{
	my ($m, $name, %settings) = @_;
	fail('QJ005') if $m->{rows}->get(queue => $name);
	$m->{rows}->put(queue => $name, { %defaults, id => ++$m->{queues}, name => $name, settled(%settings) });
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
	$m->deal_groups($new) if changed($old, $new, qw(group_concurrency group_rate_limit group_rate_interval ordered));
	if (changed($old, $new, qw(ageing fair)))
	{
		$m->put_in_queue($_) for sort { $a->{enqueued_at} <=> $b->{enqueued_at} || $a->{id} <=> $b->{id} } $m->jobs_of($new, 'ready');
	}
	return '';
}

# New limits of groups: running jobs count towards them, all others are asked again.
sub deal_groups
{
	my ($m, $queue) = @_;
	my $admitted = $queue->{group_concurrency} ? 2 : 0;

	$m->{rows}->put(slot => $_->{key}, undef) for grep { $_->{queue_id} == $queue->{id} } $m->{rows}->all('slot');
	for my $job ($m->jobs_of($queue, @live))
	{
		my $counts = $job->{state} eq 'running' && defined $job->{group_key} ? $admitted : 0;
		$job = $m->set($job, admission => $counts);
		$m->add_slot($job) if $counts;
	}
	$m->put_in_queue($_) for grep { $_->{parked} } $m->jobs_of($queue, 'blocked');
	return;
}

sub drop_queue
{
	my ($m, $name) = @_;
	my $queue = $m->queue($name);

	my @jobs = $m->jobs_of($queue, @live);

	$m->{rows}->put(queue => $name, undef);
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
	my @jobs;

	for my $together ([qw(blocked scheduled)], ['ready'], ['dead'])
	{
		my %wanted = map { $_ => 1 } @states ? @states : qw(ready scheduled blocked);
		my @gone = $m->jobs_of($queue, grep { $wanted{$_} } @$together);
		for my $job (@gone)
		{
			$m->release_key($job);
			$m->forget($job);
		}
		$m->leave_group($_) for @gone;
		push @jobs, map { $_->{id} } @gone;
	}
	my %wanted = map { $_ => 1 } @states;
	my @finished = grep { $_->{queue_id} == $queue->{id} && $wanted{ $_->{state} } } $m->{rows}->all('finished');
	$m->{rows}->put(finished => $_->{id}, undef) for @finished;
	$m->ended(deleted => @jobs);
	return @jobs + @finished;
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

# Enqueueing

sub enqueue { my ($m, $name, %options) = @_; return $m->enqueue_batch($name, 1, %options); }

sub enqueue_batch
{
	my ($m, $name, $n, %options) = @_;
	my $queue = $m->queue($name);
	my @keys = @{ $options{unique_keys} // [ ($options{unique_key}) x $n ] };
	my @groups = @{ $options{group_keys} // [ ($options{group_key}) x $n ] };

	if ($queue->{producer_rate_per} eq 'role') { $m->check_producer($queue, 'role', $n); }
	else { $m->check_producer($queue, $_ // '', 1) for @groups; }
	my @ids = map { $m->new_id($_) } 0 .. $n - 1;
	my @holders = map { defined $keys[$_] ? $m->hold_key($queue, $keys[$_], $ids[$_]) : undef } 0 .. $n - 1;

	for my $i (grep { !$holders[$_] } 0 .. $n - 1)
	{
		$m->add_job($queue, $ids[$i], %options, unique_key => $keys[$i], group_key => $groups[$i]);
	}
	return map { $holders[$_] // $m->checked($ids[$_]) } 0 .. $n - 1;
}

# The numbers of new jobs are learned, and only grow.
sub new_id { my ($m, $i) = @_; return $m->{answer} ? $m->{answer}[$i] // 0 : 1e12 + ++$m->{places}; }

sub checked
{
	my ($m, $id) = @_;
	return 'a new number' if $id <= $m->{last_id};
	$m->{last_id} = $id if $m->{answer};
	return $id;
}

sub add_job
{
	my ($m, $queue, $id, %options) = @_;
	my $job = { id => $id, queue_id => $queue->{id}, state => 'blocked', attempt => 0, crashes => 0, parked => 0, admission => 0,
		command => '', enqueued_at => $m->{now}, run_at => $options{run_at} // $m->{now}, priority => $options{priority} // 0,
		max_attempts => $options{max_attempts} // $queue->{max_attempts}, unique_key => $options{unique_key},
		group_key => $options{group_key} };
	my $verdict = $m->depend($id, \%options);

	if ($verdict eq 'blocked') { $m->set($job); }
	elsif ($verdict eq 'free') { $m->put_in_queue($job); }
	else
	{
		$m->finish($job, 'cancelled');
		$m->release_key($job);
	}
	return;
}

# The live job that has the key; undef where it was free, and now belongs to this one.
sub hold_key
{
	my ($m, $queue, $key, $id) = @_;
	my $row = $m->{rows}->get(unique => "$queue->{id}/$key");
	return $row->{job} if $row;
	$m->{rows}->put(unique => "$queue->{id}/$key", { key => "$queue->{id}/$key", queue_id => $queue->{id}, job => $id });
	return undef;
}

sub release_key
{
	my ($m, $job) = @_;
	my $key = defined $job->{unique_key} && "$job->{queue_id}/$job->{unique_key}";
	my $row = $key && $m->{rows}->get(unique => $key);
	$m->{rows}->put(unique => $key, undef) if $row && $row->{job} == $job->{id};
	return;
}

# Dependencies

# What a new job's parents mean for it: blocked, free or cancelled.
sub depend
{
	my ($m, $child, $options) = @_;
	my ($any, $failure) = (($options->{depends_mode} // 'all') eq 'any', $options->{depends_failure} // 'wait');
	my (@awaited, $done, $failed);

	for my $parent (sort { $a <=> $b } @{ $options->{depends_on} // [] })
	{
		my $job = $m->job($parent);
		if ($job)
		{
			# A claim passes over it from here on, unless it came from this transaction.
			$m->{rows}->share(parent => $parent) if !$m->{rows}->mine(job => $parent);
			$m->{rows}->lock(job => $parent);
		}
		my $end = $job ? $job->{state} : ($m->finished($parent) // fail('QJ003'))->{state};
		if ($end !~ /^(completed|cancelled)$/ && ($end ne 'dead' || $failure eq 'wait')) { push @awaited, $parent; }
		elsif ($end eq 'completed' || $failure eq 'run') { $done = 1; }
		else { $failed = 1; }
	}
	return 'free' if $any && $done;
	if ($failed && !($any && @awaited)) { return $failure eq 'wait' ? fail('QJ004') : 'cancelled'; }
	for my $parent (@awaited)
	{
		my $key = "$parent/$child";
		$m->{rows}->put(dependency => $key, { key => $key, parent => $parent, child => $child, any => $any, failure => $failure });
	}
	return @awaited ? 'blocked' : 'free';
}

# Jobs have ended: completed, dead, cancelled or deleted. Those that wait for them go on or are cancelled, and so forth
# down the tree, by their numbers.
sub ended
{
	my ($m, $how, @parents) = @_;
	my @edges = map { $m->edges_from($_, $how) } @parents;

	while (@edges)
	{
		my ($child) = sort { $a <=> $b } map { $_->{child} } @edges;
		my @mine = grep { $_->{child} == $child } @edges;
		@edges = grep { $_->{child} != $child } @edges;
		push @edges, $m->edges_from($child, 'cancelled') if $m->settle($child, @mine) eq 'cancelled';
	}
	return;
}

sub edges_from
{
	my ($m, $parent, $how) = @_;
	my @edges = grep { $_->{parent} == $parent && !($how eq 'dead' && $_->{failure} eq 'wait') } $m->{rows}->all('dependency');
	return map { { %$_, fulfilled => $how eq 'completed' || $_->{failure} eq 'run' } } @edges;
}

# These parents of the child have ended.
sub settle
{
	my ($m, $id, @edges) = @_;
	my $child = $m->job($id);
	my %ended = map { $_->{parent} => 1 } @edges;
	my @fulfilled = grep { $_->{fulfilled} } @edges;
	my $any = $edges[0]{any};
	my $decided = $any ? @fulfilled > 0 : @fulfilled < @edges;

	return '' if !$child || $child->{state} ne 'blocked' || $child->{parked} || !$m->queue_of($child);
	$m->{rows}->lock(job => $id);
	my @rest = grep { $_->{child} == $id && !$ended{ $_->{parent} } } $m->{rows}->all('dependency');
	$m->{rows}->put(dependency => $_->{key}, undef) for @edges, $decided ? @rest : ();
	return '' if !$decided && @rest;
	if ($any ? $decided : !$decided)
	{
		$m->put_in_queue($child);
		return '';
	}
	$m->finish($child, 'cancelled');
	$m->release_key($child);
	return 'cancelled';
}

# Where a job stands

# Scheduled, or ready at the end of its queue.
sub put_in_queue
{
	my ($m, $job, %change) = @_;
	my %now = (%$job, %change, parked => 0, command => '', lease => undef, lease_until => undef, worker => undef, progress => 0);

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
	return (lane => $queue->{ageing} ? 1 : 2 * $job->{priority} + 1, place => [ $first, $number ]);
}

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
	$m->gate($queue // { id => $job->{queue_id} }, $job->{group_key});
	my $key = "$job->{queue_id}/$job->{group_key}/$job->{id}";
	return if !$m->{rows}->get(slot => $key);
	$m->{rows}->put(slot => $key, undef);
	return if !$queue || !$queue->{group_concurrency};
	my @parked = by_place(grep { $_->{parked} && $_->{group_key} eq $job->{group_key} } $m->jobs_of($queue, 'blocked'));
	while (@parked && $m->slots($queue, $job->{group_key}) < $queue->{group_concurrency})
	{
		my $next = $m->set(shift @parked, state => 'ready', parked => 0, admission => 2);
		$m->set($next, lane => ($queue->{ageing} ? 1 : 2 * $next->{priority} + 1) - 1, place => [ 0, ++$m->{places} ]);
		$m->add_slot($next);
	}
	return;
}

# Claiming

# Of two queues with the same priority.
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

	for my $queue (grep { $_->{enabled} } values %named)
	{
		# How many it may start is open, so which jobs are parked is too.
		die { blocked => 'undecided' } if $m->contended($queue) && ($queue->{group_concurrency} || $queue->{group_rate_limit});
		push @{ $by_priority{ $queue->{priority} } }, $queue;
	}
	for my $priority (sort { $a <=> $b } keys %by_priority)
	{
		push @rows, $m->claim_from($by_priority{$priority}, $worker, $n - @rows, $lease) if @rows < $n;
	}
	return @rows;
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

# The job, if no transaction holds it and no other one its group, and its group allows it. Once a job of a group was passed
# over no later one may go.
sub take
{
	my ($m, $source, $job) = @_;
	my $queue = $source->{queue};
	my $held = $m->{rows}->taken(job => $job->{id}) || $m->{rows}->mine(parent => "$job->{id}/$m->{rows}{session}");

	if (!$queue->{group_concurrency} && !$queue->{group_rate_limit} || !defined $job->{group_key} || $job->{admission} == 2)
	{
		return $held ? undef : $job;
	}
	return undef if $source->{left}{ $job->{group_key} };
	my $locked = !$m->{rows}->taken(gate => "$queue->{id}/$job->{group_key}");
	$m->gate($queue, $job->{group_key}) if $locked;
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

# The ends of attempts

# The running job if the lease is its current one.
sub leased
{
	my ($m, $id, $lease) = @_;
	my $job = $m->job($id);
	return $job && $job->{state} eq 'running' && $job->{lease} == $lease ? $job : undef;
}

sub complete { my ($m, $id, $lease) = @_; return $m->complete_batch([$id], [$lease]) ? 't' : 'f'; }

sub complete_batch
{
	my ($m, $ids, $leases) = @_;
	my %lease;
	@lease{@$ids} = @$leases;
	my @done = by_id(grep { $_ } map { $m->leased($_, $lease{$_}) } @$ids);

	$m->finish($_, 'completed') for @done;
	$m->return_limits($_) for @done;
	for my $job (sort { $a->{queue_id} <=> $b->{queue_id} || ($a->{group_key} // '') cmp ($b->{group_key} // '') } @done)
	{
		$m->leave_group($job);
	}
	$m->release_key($_) for @done;
	$m->ended('completed', map { $_->{id} } @done);
	return scalar @done;
}

sub complete_and_claim
{
	my ($m, $ids, $leases, @claim) = @_;
	fail('QJ001') if $m->complete_batch($ids, $leases) < @$ids;
	return $m->claim(@claim);
}

sub finish
{
	my ($m, $job, $state) = @_;
	$m->{rows}->put(job => $job->{id}, undef);
	$m->{rows}->put(finished => $job->{id}, { id => $job->{id}, queue_id => $job->{queue_id}, state => $state, attempt => $job->{attempt} });
	return;
}

sub return_limits
{
	my ($m, $job) = @_;
	my $queue = $m->queue_of($job);
	$m->{rows}->share(limit => $queue->{id}) if $queue && $queue->{concurrency};
	return;
}

sub cancelled
{
	my ($m, $job) = @_;
	$m->finish($job, 'cancelled');
	$m->waits_no_more($job);
	$m->release_key($job);
	$m->leave_group($job) if $job->{state} ne 'running';
	$m->ended(cancelled => $job->{id});
	return 'cancelled';
}

# A job that runs no more uses no limits; at the head of its ordered group it keeps its place.
sub stop
{
	my ($m, $job, $keeps) = @_;

	$m->return_limits($job);
	return $job if $keeps;
	$m->leave_group($job);
	return { %$job, admission => 0 };
}

my %crash = map { $_ => 1 } qw(crash signal memory), 'lease expired';

sub end_attempt
{
	my ($m, $job, $cause, $retryable, $retry_in) = @_;
	my $queue = $m->queue_of($job);
	my $crashes = $job->{crashes} + ($crash{$cause} ? 1 : 0);

	if ($cause eq 'cancel' || $job->{command} eq 'cancel')
	{
		$m->stop($job, 0);
		return $m->cancelled($job);
	}
	if ($retryable && $job->{attempt} < $job->{max_attempts} && $crashes < $queue->{max_crashes})
	{
		my $run_at = $m->{now} + ($retry_in // $m->backoff($queue, $job));
		return $m->put_in_queue($m->stop($job, $queue->{ordered}), run_at => $run_at, crashes => $crashes)->{state};
	}
	$m->set($m->stop($job, $queue->{ordered} && $queue->{dead_blocks}), state => 'dead', progress => 0, lease_until => undef);
	$m->release_key($job);
	$m->ended(dead => $job->{id});
	return 'dead';
}

# Base x 2^(attempt-1), at most the maximum, less a fifth at most.
sub backoff
{
	my ($m, $queue, $job, $attempt) = @_;
	my $most = min($queue->{backoff_base} * 2**(($attempt // $job->{attempt}) - 1), $queue->{backoff_max});
	my $learned = $m->{learned}{ $job->{id} };

	return $most if !$m->{answer} || $most == 0 || !defined $learned;
	my $wait = $learned - $m->{now};
	return $wait >= 0.8 * $most - 1 && $wait <= $most + 1 ? $wait : $most;
}

sub fail_job
{
	my ($m, $id, $lease, @how) = @_;
	return $m->end_attempt($m->leased($id, $lease) // fail('QJ001'), @how);
}

sub snooze
{
	my ($m, $id, $lease, $delay) = @_;
	my $job = $m->leased($id, $lease) // fail('QJ001');
	my $queue = $m->queue_of($job);

	if ($job->{command} eq 'cancel')
	{
		$m->stop($job, 0);
		$m->cancelled($job);
		return '';
	}
	$m->put_in_queue($m->stop($job, $queue->{ordered}), attempt => $job->{attempt} - 1,
		run_at => $m->{now} + ($delay // $m->backoff($queue, $job, 1)));
	return '';
}

# While it runs

sub check_lease
{
	my ($m, $id, $lease) = @_;
	$m->{rows}->lock(job => ($m->leased($id, $lease) // fail('QJ001'))->{id});
	return '';
}

sub heartbeat
{
	my ($m, $ids, $leases, $until) = @_;
	my %lease;
	my @told;
	@lease{@$ids} = @$leases;

	for my $id (sort { $a <=> $b } @$ids)
	{
		my $job = $m->leased($id, $lease{$id});
		$m->set($job, lease_until => max($job->{lease_until}, $m->{now} + $until)) if $job;
		my $command = $job ? $job->{command} : 'lost';
		push @told, "$id|$command" if $command;
	}
	return @told;
}

sub progress
{
	my ($m, $id, $lease, $fraction) = @_;
	$m->set($m->leased($id, $lease) // fail('QJ001'), progress => $fraction);
	return '';
}

# By hand

# Finished jobs of a queue that was dropped are not shown.
sub shown { my ($m, $id) = @_; my $job = $m->job($id) // $m->finished($id); return $job && $m->queue_of($job) ? $job : undef; }
sub refuse { my ($m, $id) = @_; return fail($m->shown($id) ? 'QJ004' : 'QJ003'); }

sub cancel
{
	my ($m, $id) = @_;
	my $job = $m->shown($id) // $m->refuse($id);

	if ($job->{state} eq 'running') { $m->set($job, command => 'cancel'); }
	elsif ($job->{state} =~ /^(blocked|scheduled|ready)$/) { $m->cancelled($job); }
	elsif ($job->{state} ne 'cancelled') { $m->refuse($id); }
	return '';
}

sub retry
{
	my ($m, $id) = @_;
	my $job = $m->job($id);

	$m->refuse($id) if !$job || $job->{state} !~ /^(scheduled|dead)$/;
	$m->revive($job) // fail('QJ004');
	return '';
}

# Undef where another job has its unique key by now.
sub revive
{
	my ($m, $job) = @_;
	my %change = (run_at => $m->{now});

	if ($job->{state} eq 'dead')
	{
		@change{qw(attempt crashes)} = (0, 0);
		return undef if defined $job->{unique_key} && $m->hold_key({ id => $job->{queue_id} }, $job->{unique_key}, $job->{id});
	}
	return $m->put_in_queue($job, %change);
}

sub redrive
{
	my ($m, $name) = @_;
	my @dead = $m->jobs_of($m->queue($name), 'dead');

	$m->{rows}->lock(job => $_->{id}) for @dead;
	return scalar grep { $m->revive($_) } (grep { !defined $_->{unique_key} } @dead), grep { defined $_->{unique_key} } @dead;
}

# What time brings

sub reap
{
	my ($m) = @_;
	my @late = grep { $_->{state} eq 'running' && $_->{lease_until} <= $m->{now} && !$m->{rows}->taken(job => $_->{id}) } by_id($m->{rows}->all('job'));

	$m->end_attempt($_, 'lease expired', 1, 0) for @late;
	return scalar @late;
}

sub promote
{
	my ($m) = @_;
	my @due = grep { $_->{state} eq 'scheduled' && $_->{run_at} <= $m->{now} && !$m->{rows}->taken(job => $_->{id}) } $m->{rows}->all('job');

	$m->put_in_queue($_) for sort { $a->{run_at} <=> $b->{run_at} || $a->{id} <=> $b->{id} } @due;
	return scalar @due;
}

# Rows reaped|promoted.
sub maintain { my ($m) = @_; my $reaped = $m->reap; return "$reaped|" . $m->promote; }

# What a session sees, as the driver asks the database for it.

sub dump_jobs
{
	my ($m, $session) = @_;
	$m->{rows}->enter($session);
	my %name = map { $_->{id} => $_->{name} } $m->{rows}->all('queue');

	return map {
		my $job = $_;
		join '|', map { $_ // '' } $job->{id}, $name{ $job->{queue_id} }, @$job{qw(state priority attempt max_attempts run_at unique_key group_key)},
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

sub dump_finished
{
	my ($m) = @_;
	$m->{rows}->enter('');
	my %name = map { $_->{id} => $_->{name} } $m->{rows}->all('queue');
	return map { "$_->{id}|$_->{state}|$_->{attempt}" } by_id(grep { $name{ $_->{queue_id} } } $m->{rows}->all('finished'));
}

1;
