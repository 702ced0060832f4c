# Payloads and results of 350_property.pl, and schemas of which it is known what they take.
#
# SPDX-License-Identifier: PostgreSQL
package Documents;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(@documents %schema matches contains);

# As jsonb writes them, with their fields.
my %fields = (
	'{}' => {},
	'{"n": 1}' => { n => 1 },
	'{"n": 10}' => { n => 10 },
	'{"n": 2, "band": "r"}' => { n => 2, band => '"r"' },
	'{"band": "u"}' => { band => '"u"' },
);
our @documents = sort keys %fields;
our %schema = (
	counted => '{"type": "object", "required": ["n"], "properties": {"n": {"maximum": 9}}}',
	banded => '{"properties": {"band": {"enum": ["g", "r"]}}}',
);
my %takes = (
	counted => [ '{"n": 1}', '{"n": 2, "band": "r"}' ],
	banded => [ 'null', '{}', '{"n": 1}', '{"n": 10}', '{"n": 2, "band": "r"}' ],
);

# Does the schema of this name ('': none) take the document? One that is left out is null.
sub matches
{
	my ($name, $document) = @_;
	return !$name || grep { $_ eq ($document // 'null') } @{ $takes{$name} };
}

# Has the payload this one field? The payload of a subscription's job has others.
sub contains
{
	my ($payload, $part) = @_;
	my %has = %{ $fields{$payload} // { $payload =~ /"(topic)": ("[^"]*")/ } };
	my ($field, $value) = $part =~ /^\{"(\w+)": (.*)\}$/;
	return defined $has{$field} && $has{$field} eq $value;
}

1;
