# Shared by 310_upgrade.pl: an installation whose extension scripts the test may write, and the fingerprint of what a
# script made.
#
# SPDX-License-Identifier: PostgreSQL
package Upgrade;

use strict;
use warnings;
use Exporter 'import';
use File::Path qw(make_path);
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(make_installation default_version script_of write_script fingerprint lines_only_in);

my $extension_dir;

sub pg_config
{
	chomp(my $value = `pg_config --$_[0]`);
	return $value;
}

# PostgreSQL finds its files by where its programs lie: programs are copied, the rest is linked to, and the folder of
# extension scripts is ours. Returns what PostgreSQL::Test::Cluster calls install_path.
sub make_installation
{
	my ($root) = @_;
	my ($bin, $lib, $share) = map { pg_config($_) } qw(bindir pkglibdir sharedir);
	my ($version) = $share =~ m,([^/]+)$,;

	make_path("$root/lib/postgresql/$version/bin", "$root/share/postgresql");
	system_or_bail('sh', '-c', "cp '$bin'/* '$root/lib/postgresql/$version/bin'");
	system_or_bail('ln', '-s', $lib, "$root/lib/postgresql/$version/lib");
	system_or_bail('cp', '-r', $share, "$root/share/postgresql/$version");
	$extension_dir = "$root/share/postgresql/$version/extension";
	return "$root/lib/postgresql/$version";
}

sub default_version
{
	my ($version) = slurp_file("$extension_dir/$_[0].control") =~ /^default_version = '(.*)'/m;
	return $version;
}

sub script_of { return slurp_file("$extension_dir/$_[0]--$_[1].sql"); }

sub write_script
{
	my ($name, $text) = @_;
	unlink "$extension_dir/$name.sql"; # of an older version that was installed here
	append_to_file("$extension_dir/$name.sql", $text);
	return;
}

# One line per object in the extensions' schemas and per member elsewhere. Object ids and gaps in column numbers are left
# out: a column added later is as good as one that was always there, if it stands at the same place.
my $acl = q{(SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(%s) a)};
my $fingerprint = q{
SET search_path = pg_catalog;
WITH extension AS (SELECT * FROM pg_extension WHERE extname IN ('astrid', 'astrid_sky')),
schema AS (SELECT oid, nspname, nspacl FROM pg_namespace WHERE nspname IN ('astrid', 'sky')),
member AS (SELECT d.classid, d.objid, e.extname FROM pg_depend d JOIN extension e ON d.refobjid = e.oid
            WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'),
relation AS (SELECT c.* FROM pg_class c JOIN schema s ON c.relnamespace = s.oid),
function AS (SELECT p.* FROM pg_proc p
              WHERE p.pronamespace IN (SELECT oid FROM schema)
                 OR p.oid IN (SELECT objid FROM member WHERE classid = 'pg_proc'::regclass))
SELECT replace(line, chr(10), ' / ') FROM (
SELECT format('member of %s: %s', extname, pg_describe_object(classid, objid, 0)) FROM member
UNION ALL
SELECT format('schema %s: acl %s comment %s', nspname, @acl(nspacl)@, obj_description(oid, 'pg_namespace')) FROM schema
UNION ALL
SELECT format('relation %s: kind %s %s options %s acl %s comment %s %s %s', oid::regclass, relkind, relpersistence,
              reloptions, @acl(relacl)@, obj_description(oid, 'pg_class'),
              CASE WHEN relkind = 'v' THEN pg_get_viewdef(oid) END, pg_get_expr(relpartbound, oid))
  FROM relation
UNION ALL
SELECT format('column %s.%s: place %s %s not null %s identity %s default %s %s collation %s acl %s comment %s', attrelid::regclass,
              attname, row_number() OVER (PARTITION BY attrelid ORDER BY attnum), format_type(atttypid, atttypmod),
              attnotnull, attidentity, attgenerated, pg_get_expr(d.adbin, d.adrelid), attcollation::regcollation, @acl(attacl)@,
              col_description(attrelid, attnum))
  FROM pg_attribute a JOIN relation r ON r.oid = attrelid LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
 WHERE attnum > 0 AND NOT attisdropped
UNION ALL
SELECT format('sequence %s: %s', seqrelid::regclass, to_jsonb(s) - 'seqrelid') FROM pg_sequence s
  JOIN relation r ON r.oid = seqrelid
UNION ALL
SELECT format('index %s: %s', indexrelid::regclass, pg_get_indexdef(indexrelid)) FROM pg_index i
  JOIN relation r ON r.oid = indexrelid
UNION ALL
SELECT format('constraint %s on %s: %s comment %s', conname, conrelid::regclass, pg_get_constraintdef(c.oid),
              obj_description(c.oid, 'pg_constraint'))
  FROM pg_constraint c JOIN schema s ON c.connamespace = s.oid
UNION ALL
SELECT format('trigger %s: %s', tgname, pg_get_triggerdef(t.oid)) FROM pg_trigger t JOIN relation r ON r.oid = tgrelid
 WHERE NOT tgisinternal
UNION ALL
SELECT format('event trigger %s: %s %s %s', evtname, evtevent, evtfoid::regprocedure, evttags) FROM pg_event_trigger
UNION ALL
SELECT format('function %s: acl %s comment %s %s', oid::regprocedure, @acl(proacl)@, obj_description(oid, 'pg_proc'),
              pg_get_functiondef(oid))
  FROM function WHERE prokind <> 'a'
UNION ALL
SELECT format('type %s: %s acl %s comment %s', t.oid::regtype, typtype, @acl(typacl)@, obj_description(t.oid, 'pg_type'))
  FROM pg_type t JOIN schema s ON t.typnamespace = s.oid
UNION ALL
SELECT format('dumped with %s: %s %s', extname, relation::regclass, condition)
  FROM extension, unnest(extconfig, extcondition) AS c (relation, condition)
) l (line) ORDER BY line COLLATE "C"};
$fingerprint =~ s/\@acl\((\w+)\)\@/sprintf($acl, $1)/ge;

sub fingerprint
{
	my ($node, $database) = @_;
	return $node->safe_psql($database, $fingerprint);
}

# What differs, short enough to read.
sub lines_only_in
{
	my ($a, $b) = @_;
	my %seen = map { $_ => 1 } split /\n/, $b;
	return join("\n", grep { !$seen{$_} } split /\n/, $a);
}

1;
