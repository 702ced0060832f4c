# JSON Schema: every case of the official test suite (Debian's json-schema-test-suite) through astrid_validate, and what
# needs a database in UTF8. The server reads the cases itself, so that no number passes through floating point.
use strict;
use warnings;
use utf8;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

my $suite = '/usr/share/json-schema-test-suite/tests/draft7';

# What astrid does not do, by file; docs/schema.md says so.
my %unsupported = (
	'refRemote.json' => 'nothing is fetched from elsewhere',
	'optional/content.json' => 'content is an annotation',
	'optional/format/idn-hostname.json' => 'idn-hostname is an annotation',
	'optional/format/uri-template.json' => 'uri-template is an annotation');

my $node = start_node('json_schema', preload => 0);
$node->safe_psql('postgres', q{CREATE DATABASE cases ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0});
$node->safe_psql('cases', 'CREATE EXTENSION astrid');
# The verdict on one case; an error is none.
$node->safe_psql('cases', q{
	CREATE FUNCTION verdict(schema jsonb, value jsonb) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		RETURN CASE WHEN EXISTS (SELECT FROM astrid_validate(schema, value)) THEN 'invalid' ELSE 'valid' END;
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLERRM;
	END
	$$});

sub quoted
{
	my ($text) = @_;
	return q{'} . $text =~ s/'/''/gr . q{'};
}

# Rows of (group, case, expected, verdict) for one file.
sub run_file
{
	my ($path) = @_;
	my $text = slurp_file($path);
	my $rows = $node->safe_psql('cases', q{
		SELECT coalesce(jsonb_agg(jsonb_build_array(g ->> 'description', t ->> 'description',
				CASE WHEN (t ->> 'valid')::boolean THEN 'valid' ELSE 'invalid' END,
				verdict(g -> 'schema', t -> 'data')) ORDER BY gn, tn), '[]')
		  FROM jsonb_array_elements(} . quoted($text) . q{) WITH ORDINALITY a (g, gn),
			   jsonb_array_elements(g -> 'tests') WITH ORDINALITY b (t, tn)});
	return @{ decode_json($rows) };
}

SKIP:
{
	skip 'official cases: json-schema-test-suite is not installed', 1 unless -d $suite;
	for my $path (sort glob("$suite/*.json $suite/optional/*.json $suite/optional/format/*.json"))
	{
		my $file = substr $path, length($suite) + 1;
		my %skipped;

		for my $row (run_file($path))
		{
			my ($group, $case, $expected, $verdict) = @$row;

			if ($unsupported{$file}) { $skipped{$group}++; }
			else { is($verdict, $expected, "$file: $group: $case"); }
		}
		for my $group (sort keys %skipped)
		{
		  SKIP: { skip "$file: $group ($skipped{$group} cases): $unsupported{$file}", 1; }
		}
	}
}

# A pattern or length, a text, and whether it matches.
for my $case (
	[ { minLength => 2, maxLength => 2 }, 'äö', 'valid' ],
	[ { maxLength => 1 }, 'äö', 'invalid' ],
	[ { minLength => 1, maxLength => 1 }, "\x{1F52D}", 'valid' ],
	[ { pattern => '^.$' }, 'ä', 'valid' ],
	[ { pattern => '^.$' }, "\x{2028}", 'invalid' ],
	[ { pattern => '^\s$' }, "\x{a0}", 'valid' ],
	[ { pattern => '^[\S]$' }, "\x{3000}", 'invalid' ],
	[ { pattern => '^\w$' }, 'ä', 'invalid' ],
	[ { pattern => '^\W$' }, 'ä', 'valid' ],
	[ { pattern => '\bä' }, 'aä', 'valid' ],
	[ { pattern => '^\u00e4$' }, 'ä', 'valid' ],
	[ { pattern => '^[\u00e0-\u00ef]$' }, 'ä', 'valid' ],
	[ { pattern => '^\u{1F52D}$' }, "\x{1F52D}", 'valid' ],
	[ { pattern => '^\uD83D\uDD2D$' }, "\x{1F52D}", 'valid' ],
	[ { pattern => '^[^\u{1F52D}]$' }, "\x{1F52D}", 'invalid' ])
{
	my ($schema, $text, $expected) = @$case;
	my $json = JSON::PP->new->ascii->canonical->allow_nonref;
	my ($s, $t) = map { quoted($json->encode($_)) } $schema, $text;

	is($node->safe_psql('cases', "SELECT verdict($s, $t)"), $expected, "$s accepts $t: $expected");
}

$node->stop;
done_testing();
