# What the pipeline found survives pg_dump and a parallel restore, edited rows and sequences too, and it carries on.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

my $node = start_node('sky_dump', conf => "astrid.maintenance = off\n");
my $dump = $node->backup_dir . '/sky';
mkdir $node->backup_dir;

# One frame through the queue of that name: claim, plan, commit with these results.
sub play
{
	my ($database, $queue, $results) = @_;
	my ($job, $lease) = split /\|/,
	  $node->safe_psql($database, "SELECT job_id, lease_id FROM astrid_claim('{$queue}', 'tap', 1, '1 min')");
	$node->safe_psql($database, "SELECT sky.plan($job, $lease)");
	$node->safe_psql($database, "SELECT sky.commit($job, $lease, '$results')");
	return $job;
}

sub ingested
{
	my ($digit) = @_;
	return sprintf '[{"stage": "ingest", "ms": 5, "result": {"hdu": 0, "naxis1": 64, "naxis2": 64, "sha256": "%s", '
	  . '"mjd_mid_tai": 60000.5, "exptime": 30, "band": "r", "wcs": {"ra": 10, "dec": 20, '
	  . '"corners": [[9.9, 19.9], [10.1, 19.9], [10.1, 20.1], [9.9, 20.1]]}}}]', $digit x 64;
}
my $calibrated = '[{"stage": "calibrate", "result": {"fwhm": 3}, "outputs": {"image": {"uri": "/out/%s.fits"}}}]';
my $differenced = '[{"stage": "align", "result": {}, "outputs": {"aligned": {"uri": "/out/a.fits"}}}, '
  . '{"stage": "difference", "result": {}, "outputs": {"difference": {"uri": "/out/d.fits"}}}]';
my $detected = '[{"stage": "detect", "result": {"n": 1}, "records": {"detections": '
  . '[{"x": 1, "y": 2, "ra": 10, "dec": 20, "flux": 500, "flux_err": 10, "snr": 50, "flags": 0}]}}]';

$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql('source', q{
	CREATE EXTENSION astrid;
	CREATE EXTENSION q3c;
	CREATE EXTENSION astrid_sky;
	SELECT sky.install_defaults();
	UPDATE sky.settings SET value = '2.5' WHERE name = 'association_radius';
	DELETE FROM sky.quality_thresholds WHERE metric = 'ellipticity';
	INSERT INTO sky.instruments (name, gain) VALUES ('Edited', 1.5);
	SELECT sky.ingest('/data/ref.fits', 'reference');
});
play('source', 'observation_ingestion', ingested(1));
play('source', 'preprocessing', sprintf($calibrated, 'ref'));
$node->safe_psql('source', q{SELECT sky.ingest('/data/1.fits')});
play('source', 'observation_ingestion', ingested(2));
play('source', 'preprocessing', sprintf($calibrated, '1'));
play('source', 'differencing', $differenced);
play('source', 'detection', $detected);
play('source', 'curation', '[]');
play('source', 'notification', '[]');
$node->safe_psql('source', q{SELECT sky.ingest('/data/2.fits')});

my $tables = q{SELECT string_agg(format('SELECT %L, count(*), md5(string_agg(t::text, '','' ORDER BY t::text)) FROM %s t',
	c.oid::regclass, c.oid::regclass), ' UNION ALL ' ORDER BY c.relname) FROM pg_class c
	WHERE c.relnamespace = 'sky'::regnamespace AND c.relkind = 'r'};
my $contents = $node->safe_psql('source', $tables);
my $before = $node->safe_psql('source', $contents);
unlike($before, qr/sky\.(observations|images|detections|objects|curation_votes)\|0/, 'there is something to lose');

command_ok(['pg_dump', '-Fd', '-f', $dump, $node->connstr('source')], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE template0');
command_ok(['pg_restore', '-e', '-j', '4', '-d', $node->connstr('copy'), $dump], 'pg_restore -j 4');
is($node->safe_psql('copy', $contents), $before, 'every table of schema sky is the same');
$node->safe_psql('copy', 'SELECT sky.install_defaults()');
is($node->safe_psql('copy', q{SELECT value FROM sky.settings WHERE name = 'association_radius'}), '2.5', 'an edited row stays');

play('copy', 'observation_ingestion', ingested(3));
play('copy', 'preprocessing', sprintf($calibrated, '2'));
play('copy', 'differencing', $differenced);
play('copy', 'detection', $detected);
is($node->safe_psql('copy', 'SELECT object_id, n_detections, n_observations FROM sky.objects'), '1|2|2',
	'the next frame goes on, and its detection joins the object');
$node->stop;
done_testing();
