# A client that enqueues without pause and writes down which jobs the server acknowledged, whatever happens to its
# connection. Started by 300_chaos.pl as a process of its own, which ends when the test is there no more.
#
# A line is written after the answer came: a job whose answer was lost may exist or not, and is not on the list.
#
# SPDX-License-Identifier: PostgreSQL
package ChaosProducer;

use strict;
use warnings;
use Exporter 'import';
use IO::Handle;
use IO::Select;
use IPC::Open2;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(start_producer stop_producer);

my $patience = 3; # s for an answer, then the connection is given up
my $pause = 0.05; # s between jobs: less than the workers can do
my @kinds = qw(plain ordered cancelled limited slow ordered scheduled child poison unique program grouped ordered plain limited);

# The options of a job; a child waits for the newest plain job.
sub arguments
{
	my ($kind, $n, $parent) = @_;
	my $queue = $kind =~ /^(program|limited|ordered|grouped)$/ ? $kind : 'effect';
	my %more = (ordered => ", group_key => 'g" . $n % 2 . "'", grouped => ", group_key => 'g" . $n % 3 . "'", scheduled => ", run_at => clock_timestamp() + '500 ms'", unique => ", unique_key => 'k$n'",
		child => ", depends_on => '{$parent}'");
	return ($queue, $more{$kind} // ', priority => ' . $n % 3);
}

sub connect_psql
{
	my ($conninfo) = @_;
	open(STDERR, '>', '/dev/null') or die; # refused connections are what this is about
	my $pid = open2(my $out, my $in, 'psql', '-XAtq', '-d', $conninfo, '-f', '-');
	return { pid => $pid, in => $in, out => $out, select => IO::Select->new($out) };
}

sub disconnect
{
	my ($psql) = @_;
	return unless $psql;
	kill 'KILL', $psql->{pid};
	waitpid($psql->{pid}, 0);
	return;
}

# The answer to a statement, undef when there is none: the end of it is an echo.
sub ask
{
	my ($psql, $statement, $n) = @_;
	my ($text, $end) = ('', time + $patience);

	return undef unless print { $psql->{in} } "$statement;\n\\echo end $n\n";
	$psql->{in}->flush;
	while ($text !~ /^end $n$/m)
	{
		return undef if time > $end || !$psql->{select}->can_read($end - time);
		return undef unless sysread($psql->{out}, $text, 4096, length $text);
	}
	return $text;
}

sub produce
{
	my ($conninfo, $list, $uri) = @_;
	my ($psql, $parent);
	my $test = getppid;
	open(my $acknowledged, '>', $list) or die "$list: $!";
	$acknowledged->autoflush(1);
	local $SIG{PIPE} = 'IGNORE';

	for (my $n = 0; getppid == $test; $n++, sleep $pause)
	{
		my $kind = $kinds[ $n % @kinds ];
		$kind = 'plain' if $kind eq 'child' && !$parent;
		my ($queue, $more) = arguments($kind, $n, $parent);
		$psql //= connect_psql($conninfo);
		my $answer = ask($psql, "SELECT astrid_enqueue('$queue', '{\"kind\": \"$kind\", \"uri\": \"$uri\"}'$more)", $n);
		if (!defined $answer)
		{
			disconnect($psql);
			undef $psql;
			next;
		}
		my ($job) = $answer =~ /^(\d+)$/m or next;
		print $acknowledged "$job $kind\n";
		$parent = $job if $kind eq 'plain';
		next if $kind ne 'cancelled' || defined ask($psql, "SELECT astrid_cancel($job)", $n);
		disconnect($psql);
		undef $psql;
	}
	disconnect($psql);
	return;
}

sub start_producer
{
	my @arguments = @_;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	# A group of its own: it ends with its psql, and without the END blocks of the test.
	setpgrp;
	eval { produce(@arguments) };
	print STDOUT "# producer: $@";
	require POSIX;
	POSIX::_exit(1);
}

sub stop_producer
{
	my ($pid) = @_;
	my $alive = waitpid($pid, 1) == 0;
	kill 'KILL', -$pid;
	waitpid($pid, 0);
	return $alive;
}

1;
