#!/usr/bin/perl
# An exec handler: any program that reads the payload as JSON on stdin and prints JSON lines. This one takes
# {"uri": "/path/of/a/file"} and returns the file's SHA-256 and size. SPDX-License-Identifier: PostgreSQL
#
#   [handler.digest]
#   type = exec
#   program = /usr/local/lib/astrid/digest.pl
use strict;
use warnings;
use Digest::SHA;
use JSON::PP;

$| = 1;
my $json = JSON::PP->new->canonical;
sub say_line { print $json->encode($_[0]), "\n" }

my $payload = $json->decode(do { local $/; <STDIN> });
my $path = ref $payload eq 'HASH' ? $payload->{uri} : undef;
if (!defined $path || !open(my $in, '<:raw', $path))
{
	# "retryable": false sends the job to the dead letters at once; without it the queue's retry policy holds
	my $why = defined $path ? "cannot open $path: $!" : 'the payload has no "uri"';
	say_line({ error => { code => 'not_found', message => $why }, retryable => JSON::PP::false });
	exit 65;
}
else
{
	my ($digest, $done, $size) = (Digest::SHA->new(256), 0, -s $in);
	say_line({ log => "reading $size bytes", level => 'info' });
	while (my $n = read($in, my $chunk, 1 << 20))
	{
		$digest->add($chunk);
		$done += $n;
		say_line({ progress => $done / $size, step => 'digest', message => "$done of $size bytes" });
	}
	say_line({ result => { uri => $path, bytes => $done, sha256 => $digest->hexdigest } });
}
