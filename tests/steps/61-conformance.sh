# Every conformance file of the test data through `astrid stage ingest`: read or refused as the manifest says, with its
# numbers (relative 1e-6, fpack 1e-4), each within 20 s, never a crash.
. "$(dirname "$0")/../lib.sh"

manifest=$ASTRID_TEST_DATA/manifest.csv
if [ ! -e "$manifest" ]; then
    skip "conformance files" "no test data in \$ASTRID_TEST_DATA"
    exit 0
fi
perl -MJSON::PP - "$ASTRID_BIN/astrid" "$ASTRID_TEST_DATA" "$manifest" <<'PERL'
use strict;
use warnings;
my ($astrid, $data, $manifest) = @ARGV;

# Where the manifest's reader (astropy 5.2) took more or less out of a file than is in it: file -> numbers that are in it.
my $scaled_twice = 'BSCALE was applied by fpack already; its twin in ds9_bitpix has these numbers';
my $blank = 'ZBLANK marks a column of blanks, as BLANK does in its twin in ds9_bitpix';
my %honest = (
    (map { ("conformance/ds9_compressed/$_.fits.fz" => [65536, 11, 5111, 2561, $scaled_twice]) }
        qw(gzip__double_bscale gzip__float_bscale hcompress__float_bscale plio__float_bscale rice__double_bscale)),
    (map { ("conformance/ds9_compressed/$_.fits.fz" => [65281, 0, 510, 255, $blank]) }
        qw(gzip__int_blank gzip__short_blank hcompress__short_blank plio__int_blank rice__int_blank rice__short_blank)),
    (map { ("conformance/ds9_compressed/$_.fits.fz" => [65280, 0, 255, 127.5, $blank]) }
        qw(hcompress__char_blank plio__char_blank rice__char_blank)),
    'conformance/astropy_io/compressed_with_nan.fits' => [143, 0.248001337, 143.00620657, 71.91246538,
        'ZBLANK marks one pixel, which the other reader took for a number'],
);

sub fields {    # of one CSV line
    my ($line, @out) = @_;
    push @out, defined $1 ? $1 =~ s/""/"/gr : $2 while $line =~ /\G(?:"((?:[^"]|"")*)"|([^,]*))(?:,|$)/g && @out < 20;
    return @out;
}

sub differs {
    my ($want, $got, $tolerance) = @_;
    return defined $got if $want eq '';
    return 1 unless defined $got;
    return abs($want - $got) > $tolerance * (abs($want) || 1);
}

sub check {
    my ($row, $status, $answer) = @_;
    return "ended with status $status" unless $status == 0 || $status == 65;
    return "printed no JSON document" unless $answer;
    if ($row->{kind} ne 'image') {
        return "was read, the manifest says $row->{kind}" if $status == 0;
        my $e = $answer->{error};
        return "no typed reason: " . encode_json($answer) unless $e->{code} && defined $e->{hdu} && $e->{keyword} && $e->{file};
        return;
    }
    return "refused: $answer->{error}{code}: $answer->{error}{message}" if $status;
    my %want = %$row;
    my $tolerance = $answer->{compression} ? 1e-4 : 1e-6;
    @want{qw(finite min max mean)} = @{$honest{$row->{file}}} if $honest{$row->{file}};
    # the mean over pixels of which some are blank is not that of the ramp; 0.1 % is what they make
    my %loose = $honest{$row->{file}} ? (mean => 1e-3) : ();
    for my $key (qw(hdu naxis1 naxis2 finite)) {
        return "$key is $answer->{$key}, not $want{$key}" if $answer->{$key} != $want{$key};
    }
    for my $key (qw(min max mean)) {
        return "$key is " . ($answer->{$key} // 'null') . ", not $want{$key}"
            if differs($want{$key}, $answer->{$key}, $loose{$key} // $tolerance);
    }
    return;
}

open my $in, '<', $manifest or die "$manifest: $!";
chomp(my $header = <$in>);
my @names = split /,/, $header;
my $n = 0;
while (my $line = <$in>) {
    chomp $line;
    my %row;
    @row{@names} = fields($line);
    next unless $row{use} eq 'conformance';
    $n++;
    if (!-e "$data/$row{file}") {
        print "ok - $row{file} # SKIP absent\n";
        next;
    }
    open my $out, '-|', 'timeout', '-k', '1', '20', $astrid, 'stage', 'ingest', '--input', "image=$data/$row{file}"
        or die "timeout: $!";
    my $text = do { local $/; <$out> };
    close $out;
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    my $answer = eval { decode_json($text // '') };
    my $problem = check(\%row, $status, $answer);
    my $why = $honest{$row{file}} ? " ($honest{$row{file}}[4])" : '';
    print $problem ? "not ok - $row{file}: $problem\n" : "ok - $row{file}$why\n";
}
print $n >= 100 ? "ok - the manifest lists $n conformance files\n" : "not ok - the manifest lists only $n conformance files\n";
PERL
