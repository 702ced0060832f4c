# Shared by the tests of the gateway: one on a port of its own, and curl to ask it.
#
# SPDX-License-Identifier: PostgreSQL
package AstridApi;
use strict;
use warnings;

use IPC::Run ();
use Test::More;

# AstridApi->new(ARGUMENTS): started, and listening.
sub new
{
	my ($class, @arguments) = @_;
	my $self = bless { out => '', err => '' }, $class;
	$self->{run} = IPC::Run::start([ "$ENV{ASTRID_BIN}/astrid-api", '--listen', '127.0.0.1:0', @arguments ],
		'>', \$self->{out}, '2>', \$self->{err});
	$self->{run}->pump until $self->{out} =~ /listening on port (\d+)\n/ || !$self->{run}->pumpable;
	BAIL_OUT("astrid-api did not start: $self->{err}") unless $self->{out} =~ /port (\d+)/;
	$self->{port} = $1;
	return $self;
}

# (status, content type, body, headers): curl's own options may follow the path.
sub request
{
	my ($self, $path, @options) = @_;
	my ($reply, $err) = ('', '');
	IPC::Run::run([ 'curl', '-s', '--globoff', '--path-as-is', '-D', '/dev/stderr', '-w',
			"\n%{http_code} %{content_type}", @options, "http://127.0.0.1:$self->{port}$path" ],
		'>', \$reply, '2>', \$err);
	$reply =~ s/\n(\d{3}) ([^\n]*)\z//;
	return ($1, $2, $reply, $err);
}

# The same as a POST of a JSON text (undef: no body) that shows a token (undef: none). An option "Content-Type:" alone
# leaves that header out.
sub post
{
	my ($self, $path, $json, $token, @options) = @_;
	push @options, '-H', "Authorization: Bearer $token" if defined $token;
	push @options, '-H', 'Content-Type: application/json'
	  if defined $json && !grep { /^content-type:/i } @options;
	push @options, '--data-binary', $json if defined $json;
	return $self->request($path, '-X', 'POST', @options);
}

# Ended by SIGTERM: true where that was with status 0.
sub stop
{
	my ($self) = @_;
	$self->{run}->signal('TERM');
	my $fine = $self->{run}->finish;
	diag($self->{err}) unless $fine;
	return $fine;
}

# Everything that it wrote to its log until now.
sub log_text
{
	my ($self) = @_;
	$self->{run}->pump_nb if $self->{run}->pumpable;
	return $self->{err};
}

1;
