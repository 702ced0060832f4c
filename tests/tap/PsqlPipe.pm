# A psql that stays: one session, a statement at a time, its rows or its SQLSTATE.
#
# SPDX-License-Identifier: PostgreSQL
package PsqlPipe;

use strict;
use warnings;
use IO::Handle;
use IO::Select;
use IPC::Open2;
use Time::HiRes qw(time);

my $patience = 30; # s for an answer

sub new
{
	my ($class, $conninfo, @settings) = @_;
	my $pid = open2(my $out, my $in, 'sh', '-c', 'exec psql -XAtq -d "$0" -f - 2>&1', $conninfo);
	my $psql = bless { pid => $pid, in => $in, out => $out, select => IO::Select->new($out), n => 0 }, $class;

	$psql->rows("\\set VERBOSITY sqlstate");
	$psql->rows($_) for 'SET client_min_messages = error', @settings;
	return $psql;
}

# ([ rows ], undef) or (undef, SQLSTATE); columns are separated by |.
sub ask
{
	my ($psql, $statement) = @_;
	my ($text, $end, $n) = ('', time + $patience, ++$psql->{n});
	my $close = $statement =~ /^\\/ ? '' : ';';

	print { $psql->{in} } "$statement$close\n\\echo end $n\n";
	$psql->{in}->flush;
	while ($text !~ s/^end $n\n\z//m)
	{
		die "no answer to $statement\n$text" if time > $end || !$psql->{select}->can_read($end - time);
		die "psql ended: $text" unless sysread($psql->{out}, $text, 65536, length $text);
	}
	return (undef, $1) if $text =~ /ERROR:\s+(\w+)/;
	return [ split /\n/, $text, -1 ] if $text eq '';
	chop $text;
	return [ split /\n/, $text, -1 ] if $text ne '';
	return [''];
}

# Rows of a statement that must succeed.
sub rows
{
	my ($psql, $statement) = @_;
	my ($rows, $error) = $psql->ask($statement);
	die "$error: $statement" if $error;
	return @$rows;
}

sub quit
{
	my ($psql) = @_;
	close $psql->{in};
	waitpid($psql->{pid}, 0);
	return;
}

1;
