# Part of the reference model (QueueModel.pm): events, who gets jobs for them, and who reads them.
#
# SPDX-License-Identifier: PostgreSQL
package QueueModel;

use strict;
use warnings;
use List::Util qw(max min);

# By AMQP: * is one word, # any number of them.
sub topic_matches
{
	my ($topic, $pattern) = @_;
	my $regex = join '', map { $_ eq '#' ? '(?:\.[^.]+)*' : $_ eq '*' ? '\.[^.]+' : "\\.\Q$_\E" } split /\./, $pattern;
	return ".$topic" =~ /\A$regex\z/;
}

sub quoted { my ($text) = @_; return defined $text ? '"' . $text =~ s/"/\\"/gr . '"' : 'null'; }

# Makes it known; returns the event.
sub record
{
	my ($m, $topic, $key, $payload, $about) = @_;
	my $number = ++$m->{places};
	my $line = join '|', $topic, $key // '', $payload // '', $m->{now};

	return $m->{rows}->put(event => $number, { number => $number, transaction => $m->{begun}{ $m->{rows}{session} }, topic => $topic,
		about => $about // 0, line => $line, envelope => sprintf '{"key": %s, "topic": "%s", "payload": %s}', quoted($key), $topic, $payload // 'null' });
}

# What happened to a job, if its queue says so.
sub tell
{
	my ($m, $job, $what, $error, $state) = @_;
	my $queue = $m->queue_of($job);
	return () if !$queue || !$queue->{job_events};
	my %payload = (error => quoted($error), queue => qq("$queue->{name}"), state => quoted($state // $what), job_id => $job->{id},
		worker => quoted($job->{worker}), attempt => $job->{attempt}, group_key => quoted($job->{group_key}));
	my $payload = join ', ', map { qq("$_": $payload{$_}) } grep { $payload{$_} ne 'null' } qw(error queue state job_id worker attempt group_key);

	return $m->record("job.$queue->{name}.$what", $job->{id}, "{$payload}", $queue->{id});
}

# Each subscription gets a job for each of these events, but none in the queue that it is about. In which order they
# come is learned.
sub deliver
{
	my ($m, @events) = @_;
	my @subscriptions = $m->{rows}->all('subscription');
	my (%due, %queue);

	for my $event (@events)
	{
		for my $queue (map { $m->queue_of($_) // () } grep { topic_matches($event->{topic}, $_->{pattern}) } @subscriptions)
		{
			next if $queue->{id} == $event->{about} || !$queue->{accepting};
			$due{"$queue->{name}|$event->{envelope}"}++;
			$queue{ $queue->{name} } = $queue;
			$m->{expected_births}++;
		}
	}
	my $born = $m->{answer} ? $m->{born} : [];
	while (@$born && %due)
	{
		my ($id, $what) = split /\|/, $born->[0], 2;
		last if !$due{$what};
		delete $due{$what} if !--$due{$what};
		shift @$born;
		$m->deliver_job($id, \%queue, $what);
	}
	for my $what (sort keys %due) { $m->deliver_job(1e12 + ++$m->{places}, \%queue, $what) for 1 .. $due{$what}; }
	return;
}

sub deliver_job
{
	my ($m, $id, $queues, $what) = @_;
	my ($name, $payload) = split /\|/, $what, 2;
	$m->{last_id} = max($m->{last_id}, $id) if $id < 1e12;
	$m->add_job($queues->{$name}, { id => $id, payload => $payload });
	return;
}

# Calls

# Row true: there is a number.
sub publish
{
	my ($m, $topic, $key, $payload) = @_;
	fail('QJ006') if topic_matches($topic, 'job.#');
	$m->deliver($m->record($topic, $key, $payload));
	return 't';
}

sub subscribe
{
	my ($m, $name, $pattern, $queue) = @_;
	$m->{rows}->put(subscription => $name, { name => $name, pattern => $pattern, queue_id => $m->queue($queue)->{id} });
	return '';
}

sub unsubscribe
{
	my ($m, $name) = @_;
	$m->{rows}->get(subscription => $name) // fail('QJ006');
	$m->{rows}->put(subscription => $name, undef);
	return '';
}

# A row of a table whose triggers make a job of each change, and an event. Its queue is grouped.
sub change_frame
{
	my ($m, $op, $id, %values) = @_;
	my $old = $m->{rows}->get(frame => $id);
	my $new = $m->{rows}->put(frame => $id, $op eq 'DELETE' ? undef : { id => $id, %values });
	my $payload = sprintf '{"op": "%s", "new": %s, "old": %s, "table": "frame", "schema": "public"}', $op,
	  map { $_ ? sprintf '{"id": %d, "ccd": "%s", "state": "%s"}', @$_{qw(id ccd state)} : 'null' } $new, $old;

	$m->enqueue_untold('grouped', payload => $payload, unique_key => $id, group_key => ($new // $old)->{ccd}, priority => 1);
	$m->deliver($m->record('frame.changed', $id, $payload));
	return ();
}

# The number of the job, if there is a new one, is not in the answer but among what is born.
sub enqueue_untold
{
	my ($m, $queue, %options) = @_;
	my ($id) = $m->{answer} ? ($m->{born}[0] // '') =~ /^(\d+)\|\Q$queue|$options{payload}\E$/ : ();

	local $m->{answer} = [ $id // () ] if $m->{answer};
	my ($job) = $m->enqueue($queue, %options);
	shift @{ $m->{born} } if defined $id;
	$m->{expected_births}++ if $job > 1e12;
	return;
}

# Reading

# Committed events that the reader has not got yet, by transaction.
sub unread
{
	my ($m) = @_;
	my %unread;
	$m->{rows}->enter('');
	push @{ $unread{ $_->{transaction} } }, $_ for sort { $a->{number} <=> $b->{number} } $m->{rows}->all('event');
	return \%unread;
}

# The reader was given these, [ database's transaction, line ]: what is wrong with that. Whole transactions, each in its
# order and none before one that had ended when it began, and all that had ended when the oldest one under way began.
sub read_events
{
	my ($m, $is_part, @rows) = @_;
	my $unread = $m->unread;

	while (@rows)
	{
		my $xid = $rows[0][0];
		my @lines;
		push @lines, shift(@rows)->[1] while @rows && $rows[0][0] eq $xid;
		my ($transaction) = grep { begins_with($unread->{$_}, $is_part && !@rows, @lines) } $m->by_end(keys %$unread);
		return "events that are not, or not whole, or twice: @lines\n" if !defined $transaction;
		my ($before) = grep { $m->{ended}{$_} < $transaction } keys %$unread;
		return "missed $unread->{$before}[0]{line}\n" if defined $before;
		my @read = splice @{ $unread->{$transaction} }, 0, scalar @lines;
		delete $m->{rows}{committed}{event}{ $_->{number} } for @read;
		delete $unread->{$transaction} if !@{ $unread->{$transaction} };
	}
	return '' if $is_part;
	my $oldest = min(map { $m->{begun}{$_} } grep { $m->in_transaction($_) } keys %{ $m->{begun} });
	my ($held_back) = grep { !defined $oldest || $m->{ended}{$_} < $oldest } keys %$unread;
	return defined $held_back ? "not given out: $unread->{$held_back}[0]{line}\n" : '';
}

sub by_end { my ($m, @transactions) = @_; return sort { $m->{ended}{$a} <=> $m->{ended}{$b} } @transactions; }

sub begins_with
{
	my ($events, $is_part, @lines) = @_;
	return 0 if @lines > @$events || @lines < @$events && !$is_part;
	return !grep { $events->[$_]{line} ne $lines[$_] } 0 .. $#lines;
}

sub dump_events
{
	my ($m, $session) = @_;
	$m->{rows}->enter($session);
	return sort map { $_->{line} } $m->{rows}->all('event');
}

1;
