#!/usr/bin/perl
# A test that hangs is a test that failed: limit.pl SECONDS COMMAND...
# When the command still runs after that time, the processes are shown as they stand then, and it is ended.
#
# SPDX-License-Identifier: PostgreSQL
use strict;
use warnings;

my ($limit, @command) = @ARGV;
my $pid = fork // die "fork: $!\n";
if (!$pid)
{
	setpgrp;
	exec @command or die "$command[0]: $!\n";
}

sub end { my ($signal) = @_; kill $signal, -$pid; return; }

$SIG{$_} = sub { end('TERM') } for qw(INT TERM);
my $late = 0;
$SIG{ALRM} = sub {
	end('KILL') if $late++;
	print map { "# $_" } `ps -N --ppid 2 -o pid,ppid,user,stat,wchan:20,etimes,args | cut -c1-200`;
	end('TERM');
	alarm 30;
};
alarm $limit;
1 while waitpid($pid, 0) < 0 && $!{EINTR};
my $status = $?;
print "not ok - ended after $limit s: @command\n" if $late;
exit($status >> 8 || ($status || $late ? 1 : 0));
