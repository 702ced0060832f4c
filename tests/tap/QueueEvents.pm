# Part of QueueActions.pm: events, and who gets jobs for them.
#
# SPDX-License-Identifier: PostgreSQL
package QueueActions;

use strict;
use warnings;
use Documents;

our @groups;
my @topics = qw(frame.arrived frame.arrived frame.lost.twice night job.plain.dead);
my @patterns = ('frame.*', 'frame.#', '#.arrived', 'night', '#', 'job.#.dead', 'job.narrow.*', 'job.strict.#', 'job.*.cancelled');
my @subscriptions = qw(first second third);
# With and without events and schemas of their own, limits and orders.
my @listeners = qw(plain narrow strict fair urgent);

# Not too many jobs for those who listen.
sub publish
{
	my ($m) = @_;
	return undef if crowded($m);
	my ($topic, $key, $payload) = (any(@topics), any(undef, @groups), any(undef, @documents));
	return call(publish => [ $topic, $key, $payload ],
		"SELECT astrid_publish('$topic'" . (defined $payload ? ", '$payload'" : '') . (defined $key ? ", key => '$key'" : '') . ') IS NOT NULL');
}

sub subscribe
{
	my ($name, $pattern, $queue) = (any(@subscriptions), any(@patterns), any(@listeners));
	return call(subscribe => [ $name, $pattern, $queue ], "SELECT astrid_subscribe('$name', '$pattern', '$queue')");
}

sub unsubscribe
{
	my $name = any(@subscriptions);
	return call(unsubscribe => [$name], "SELECT astrid_unsubscribe('$name')");
}

# Of a table with triggers.
sub change_frame
{
	my ($m) = @_;
	return undef if crowded($m);
	my ($id, $ccd, $state) = (any(1 .. 4), any(@groups), any(qw(new raw done)));
	my $op = !$m->{rows}->get(frame => $id) ? 'INSERT' : any(qw(UPDATE UPDATE DELETE));
	my %statement = (INSERT => "INSERT INTO frame VALUES ($id, '$ccd', '$state')",
		UPDATE => "UPDATE frame SET ccd = '$ccd', state = '$state' WHERE id = $id",
		DELETE => "DELETE FROM frame WHERE id = $id");
	return call(change_frame => [ $op, $id, ccd => $ccd, state => $state ], $statement{$op});
}

1;
