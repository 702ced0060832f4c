# The time of 350_property.pl: microseconds since its beginning, in 2030; as the database writes it.
#
# SPDX-License-Identifier: PostgreSQL
package TestTime;

use strict;
use warnings;
use Exporter 'import';
use POSIX qw(floor strftime);

our @EXPORT = qw(clock_text stamp day next_morning);

my $base = 1_900_000_000; # s since 1970
my $day = 86400;

sub clock_text { my ($us) = @_; return strftime('%Y-%m-%d %H:%M:%S', gmtime($base + int($us / 1e6))) . sprintf('.%06d+00', $us % 1e6); }

# A timestamptz in a text.
sub stamp { my ($us) = @_; return clock_text($us) =~ s/\.?0*\+00\z/+00/r; }

# Days are those of UTC.
sub day { my ($us) = @_; return floor(($base + $us / 1e6) / $day); }
sub next_morning { my ($us) = @_; return ((day($us) + 1) * $day + 3600 - $base) * 1e6; }

1;
