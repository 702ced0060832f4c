# A network and a small disk of the test's own, to be cut and filled: the test starts itself again in new user, mount and
# network namespaces. Where the system does not permit that it goes on without, and the faults that need it are skipped.
#
# SPDX-License-Identifier: PostgreSQL
package ChaosNamespace;

use strict;
use warnings;
use Exporter 'import';
use Socket;

our @EXPORT = qw(enter_namespace in_namespace set_network mount_small_disk fill_disk free_disk);

my @unshare = qw(unshare --user --map-current-user --keep-caps --mount --net);
my ($SIOCGIFFLAGS, $SIOCSIFFLAGS, $IFF_UP) = (0x8913, 0x8914, 1); # linux/sockios.h, net/if.h

sub in_namespace { return ($ENV{CHAOS_NAMESPACE} // '') eq 'yes'; }

# Call before anything else: it replaces this process.
sub enter_namespace
{
	return if defined $ENV{CHAOS_NAMESPACE};
	$ENV{CHAOS_NAMESPACE} = system("@unshare true 2>/dev/null") == 0 ? 'yes' : 'no';
	exec @unshare, $^X, (map { "-I$_" } @INC), $0 or die "unshare: $!" if in_namespace();
	return;
}

# The loopback device up (1) or down (0): packets vanish, connections stay.
sub set_network
{
	my ($up) = @_;
	socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "socket: $!";
	my $request = pack('a16 s x22', 'lo', 0);
	ioctl($socket, $SIOCGIFFLAGS, $request) or die "SIOCGIFFLAGS: $!";
	my (undef, $flags) = unpack('a16 s', $request);
	$flags = $up ? $flags | $IFF_UP : $flags & ~$IFF_UP;
	$request = pack('a16 s x22', 'lo', $flags);
	ioctl($socket, $SIOCSIFFLAGS, $request) or die "SIOCSIFFLAGS: $!";
	return;
}

sub mount_small_disk
{
	my ($dir, $megabytes) = @_;
	system('mount', '-t', 'tmpfs', '-o', "size=${megabytes}m,mode=700", 'tmpfs', $dir) == 0 or die "mount: $?";
	return;
}

sub fill_disk
{
	my ($dir) = @_;
	open(my $file, '>', "$dir/filler") or die "$dir/filler: $!";
	for my $size (1 << 20, 4096)
	{
		my $block = "\0" x $size;
		while (1)
		{
			my $written = syswrite($file, $block) // 0;
			last if $written < $size;
		}
	}
	close $file;
	return;
}

sub free_disk
{
	my ($dir) = @_;
	unlink "$dir/filler" or die "$dir/filler: $!";
	return;
}

1;
