# Rows of the reference model (QueueModel.pm) under transactions: what a session has written others see when it commits,
# and nobody else may write it until then.
#
# A row is a hash that is never changed, only replaced. Each session has a stack of layers: the transaction, and one for
# each savepoint.
#
# SPDX-License-Identifier: PostgreSQL
package ModelRows;

use strict;
use warnings;

sub new { my ($class) = @_; return bless { committed => {}, layers => {}, session => undef }, $class; }

# Whose calls follow.
sub enter { my ($rows, $session) = @_; $rows->{session} = $session; return; }

sub layers { my ($rows, $session) = @_; return $rows->{layers}{ $session // $rows->{session} } //= []; }

# A transaction or a savepoint begins.
sub push_layer { my ($rows) = @_; push @{ $rows->layers }, {}; return; }

# Is undone.
sub drop_layer { my ($rows) = @_; pop @{ $rows->layers }; return; }

# The savepoint is released, or the transaction commits.
sub merge_layer
{
	my ($rows) = @_;
	my $top = pop @{ $rows->layers };
	my $below = $rows->layers->[-1];
	my $target = $below // $rows->{committed};

	for my $kind (keys %$top)
	{
		for my $key (keys %{ $top->{$kind} })
		{
			my $row = $top->{$kind}{$key};
			if ($below || $row) { $target->{$kind}{$key} = $row; }
			else { delete $target->{$kind}{$key}; }
		}
	}
	return;
}

sub get
{
	my ($rows, $kind, $key) = @_;

	for my $layer (reverse @{ $rows->layers })
	{
		return $layer->{$kind}{$key} if $layer->{$kind} && exists $layer->{$kind}{$key};
	}
	return $rows->{committed}{$kind}{$key};
}

# All rows of a kind that the session sees.
sub all
{
	my ($rows, $kind) = @_;
	my @layers = grep { $_->{$kind} } @{ $rows->layers };
	return values %{ $rows->{committed}{$kind} // {} } if !@layers;
	my %all = %{ $rows->{committed}{$kind} // {} };

	for my $layer (@layers)
	{
		$all{$_} = $layer->{$kind}{$_} for keys %{ $layer->{$kind} };
	}
	return grep { $_ } values %all;
}

# Has another session written this row and not committed yet?
sub taken
{
	my ($rows, $kind, $key) = @_;

	for my $session (grep { $_ ne $rows->{session} } keys %{ $rows->{layers} })
	{
		return 1 if grep { $_->{$kind} && exists $_->{$kind}{$key} } @{ $rows->{layers}{$session} };
	}
	return 0;
}

# Has the session itself, in the transaction under way?
sub mine { my ($rows, $kind, $key) = @_; return scalar grep { $_->{$kind} && exists $_->{$kind}{$key} } @{ $rows->layers }; }

# Does the session share this very row?
sub shares
{
	my ($rows, $kind, $key, $row) = @_;
	my $name = "$key/$rows->{session}";
	return $rows->mine($kind, $name) && $rows->get($kind, $name) == $row;
}

# Writes a row, undef deletes it. Where a session would have to wait for another, the statement dies as blocked.
sub put
{
	my ($rows, $kind, $key, $row) = @_;

	die { blocked => "$kind $key" } if $rows->taken($kind, $key);
	$rows->layers->[-1]{$kind}{$key} = $row;
	return $row;
}

# Will there be another row when it commits? Whoever looks for it waits.
sub pending
{
	my ($rows, $kind, $key) = @_;

	for my $session (grep { $_ ne $rows->{session} } keys %{ $rows->{layers} })
	{
		return 1 if grep { $_->{$kind} && $_->{$kind}{$key} } @{ $rows->{layers}{$session} };
	}
	return 0;
}

# A lock that several sessions may hold, and whether another one does.
sub share { my ($rows, $kind, $key, $row) = @_; return $rows->put($kind, "$key/$rows->{session}", $row // 1); }

sub shared
{
	my ($rows, $kind, $key) = @_;
	return scalar grep { $rows->taken($kind, "$key/$_") } keys %{ $rows->{layers} };
}

# Locks a row: nobody else may write it.
sub lock { my ($rows, $kind, $key) = @_; return $rows->put($kind, $key, $rows->get($kind, $key)); }

1;
