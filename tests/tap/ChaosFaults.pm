# The faults of the chaos suite: what is hit, how, and how it is put right again. Called by 300_chaos.pl.
#
# Every fault ends: what was stopped goes on, what was killed and has no parent to start it again is started by us.
# What is to be hit is found out before: while a fault lasts the database need not answer.
#
# SPDX-License-Identifier: PostgreSQL
package ChaosFaults;

use strict;
use warnings;
use Exporter 'import';
use IO::Select;
use IO::Socket::UNIX;
use AstridWorker;
use ChaosNamespace;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(fault_names fault_needs run_fault start_workers revive try_psql);

my $worker_role = 'chaos_worker';
my %stopped;
my ($node, $start_worker);
my @workers;

# As psql of the node; undef where the server went away before psql had read the statement.
sub try_psql
{
	my @arguments = @_;
	my @result = eval { $node->psql('postgres', @arguments) };
	return @result if !$@;
	die $@ if $@ !~ /Broken pipe/;
	return;
}

# ---- what can be hit ----------------------------------------------------------------------------

sub one_of { return @_ ? $_[ rand @_ ] : undef; }

sub backends
{
	my ($type) = @_;
	my $own = $type eq 'client backend' ? "usename = '$worker_role'" : 'true';
	my (undef, $text) = try_psql("SELECT pid FROM pg_stat_activity WHERE backend_type = '$type' AND $own");
	return split /\n/, $text // '';
}

sub slots { return map { children_of($_->{pid}) } @workers; }

# Runners come and go: look until there is one.
sub runner
{
	my $end = time + 2;
	while (time < $end)
	{
		my $pid = one_of(map { children_of($_) } slots());
		return $pid if $pid;
		sleep 0.01;
	}
	return undef;
}

sub postmaster
{
	my ($pid) = eval { split /\n/, slurp_file($node->data_dir . '/postmaster.pid') };
	return $pid;
}

my %process = (
	supervisor => sub { one_of(@workers)->{pid} },
	slot => sub { one_of(slots()) },
	runner => \&runner,
	backend => sub { one_of(backends('client backend')) },
	maintenance => sub { one_of(backends('astrid maintenance')) },
	launcher => sub { one_of(backends('astrid launcher')) },
	postmaster => \&postmaster);

# ---- faults -------------------------------------------------------------------------------------

# Each takes the seconds it lasts and returns what it did.
my %fault = (
	network => \&cut_network,
	disk => \&fill_up,
	connections => \&use_up_connections,
	clock => \&set_clock_back);
for my $target (sort keys %process)
{
	$fault{"kill $target"} = sub { hit($target, 'KILL') };
	$fault{"stop $target"} = sub { hold($target, @_) };
}

sub hit
{
	my ($target, $signal) = @_;
	my $pid = $process{$target}->();
	return "no $target" unless $pid;
	kill $signal, $pid;
	return "$signal $pid";
}

sub hold
{
	my ($target, $seconds) = @_;
	my $pid = $process{$target}->();
	return "no $target" unless $pid;
	$stopped{$pid} = 1;
	kill 'STOP', $pid;
	sleep $seconds;
	kill 'CONT', $pid;
	delete $stopped{$pid};
	return "$pid";
}

sub cut_network
{
	my ($seconds) = @_;
	set_network(0);
	sleep $seconds;
	set_network(1);
	return 'loopback down';
}

sub fill_up
{
	my ($seconds) = @_;
	my $panic = rand() < 0.5;
	fill_disk($node->basedir);
	# a table that cannot grow is an error, WAL that cannot is a crash without a restart
	try_psql(q{SELECT pg_logical_emit_message(true, 'chaos', repeat('x', 48000000))}, timeout => 5,
		timed_out => \my $slow) if $panic;
	sleep $seconds;
	free_disk($node->basedir);
	return 'no space left' . ($panic ? ' for WAL' : '');
}

# A session by hand: one psql for each of them would take longer than the fault.
sub occupy
{
	my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or return undef;
	my $startup = pack('N', 3 << 16) . "user\0$worker_role\0database\0postgres\0\0";
	my $answer = '';
	syswrite($socket, pack('N', 4 + length $startup) . $startup);
	while ($answer !~ /Z\x00\x00\x00\x05/)
	{
		return undef unless IO::Select->new($socket)->can_read(2) && sysread($socket, $answer, 4096, length $answer);
		return undef if $answer =~ /^E/;
	}
	return $socket;
}

sub use_up_connections
{
	my ($seconds) = @_;
	my ($end, @sockets) = time + $seconds;
	try_psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '$worker_role'");
	while (time < $end)
	{
		my $socket = occupy();
		push @sockets, $socket if $socket;
		sleep 0.05 unless $socket;
	}
	return @sockets . ' sessions';
}

# Frozen an hour ago, for everybody; and what held a lease by the right clock dies in the meantime.
sub set_clock_back
{
	my ($seconds) = @_;
	try_psql("SELECT set_config('astrid.test_clock', (clock_timestamp() - interval '1 hour')::text, false)
		AS past \\gset\nALTER SYSTEM SET astrid.test_clock = :'past'; SELECT pg_reload_conf()");
	sleep $seconds / 2;
	my $slot = hit('slot', 'KILL');
	sleep $seconds / 2;
	wait_until('the right clock', sub {
		return ((try_psql('ALTER SYSTEM RESET astrid.test_clock; SELECT pg_reload_conf()'))[0] // 1) == 0; });
	return "an hour back, slot: $slot";
}

# ---- for the driver -----------------------------------------------------------------------------

sub fault_names { return sort keys %fault; }

sub fault_needs { return $_[0] =~ /^(network|disk)$/ && !in_namespace() ? 'user, mount and network namespaces' : ''; }

sub run_fault
{
	my ($name, $seconds) = @_;
	return $fault{$name}->($seconds);
}

sub start_workers
{
	my ($n, $code);
	($node, $n, $code) = @_;
	$start_worker = $code;
	@workers = map { $start_worker->() } 1 .. $n;
	return;
}

sub revive_server
{
	my $pid = postmaster();
	return if $pid && kill 0, $pid;
	system_log('pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start');
	$node->_update_pid(-1);
	return;
}

# What nobody else starts again: the postmaster, the supervisors.
sub revive
{
	revive_server();
	for my $worker (@workers)
	{
		next if waitpid($worker->{pid}, 1) == 0;
		$worker = $start_worker->();
	}
	return @workers;
}

END
{
	kill 'CONT', keys %stopped if %stopped;
}

1;
