# From /build/debian, Debian's layout, to $out, a package's: moves files to bin, sbin, lib, libexec, etc, share and
# include, leaves out what only a running Debian reads, and gives programs and libraries the loader of libc and RUNPATHs
# into the store. Writes the programs' paths to /build/programs.
#
# It refuses only what it has no place for. Whatever it could not mend, the leak check reports.
use strict;
use warnings;
use Elf;
use File::Basename 'dirname';
use File::Find;
use File::Path 'make_path';
use File::Spec::Functions 'abs2rel';

my ($debian, $out) = ('/build/debian', $ENV{out});
my @inputs = split ' ', $ENV{inputs};
my %leftOut = map { $_ => 0 } split ' ', $ENV{leaveOut};
my $refused = 0;

sub refuse {
  my ($file, $found, $expected, $remedy) = @_;
  print STDERR "leak: $file: $found; expected $expected; remedy: $remedy\n";
  $refused++;
}

# ---- places -------------------------------------------------------------------------------------------------------

# Read by init systems, by dpkg and its helpers, by other daemons of a Debian host, or by people.
my $hostsOwn = qr{^(?:
    etc/(?:init|init\.d|default|cron\.[a-z]+|logrotate\.d|systemd|apparmor\.d|bash_completion\.d|sysctl\.d|ufw|udev)
  | (?:usr/)?lib/(?:systemd|udev|tmpfiles\.d|sysusers\.d|sysctl\.d|modprobe\.d)
  | usr/share/(?:doc|doc-base|info|man|lintian|bug|menu|reportbug|apport)
)(?:/|$)}x;

# Where a path of Debian's is in a package; undef if it has no place.
sub placeOf {
  my ($path) = @_;
  return $path if $path =~ m{^etc/};
  return $path if $path =~ s{^(?:usr/)?(s?bin)/}{$1/} || $path =~ s{^usr/games/}{bin/};
  return $path if $path =~ s{^(?:usr/)?lib(?:64)?/(?:\w+-linux-gnu/)?}{lib/};
  return $path if $path =~ s{^usr/include/(?:\w+-linux-gnu/)?}{include/};
  return $path if $path =~ s{^usr/((?:share|libexec)/)}{$1};
  return undef;
}

# The path of Debian's that $target means, named in the directory $from; undef above the root.
sub named {
  my ($target, $from) = @_;
  my @parts;
  for my $part (split m{/}, $target =~ m{^/} ? $target : "$from/$target") {
    if ($part eq '..') { return undef if !@parts; pop @parts }
    elsif ($part ne '' && $part ne '.') { push @parts, $part }
  }
  return join '/', @parts;
}

my %origin;    # place => Debian's path
my @paths;
find({ no_chdir => 1, wanted => sub { push @paths, substr $_, 1 + length $debian if -l $_ || !-d _ } }, $debian);
for my $path (sort @paths) {
  my ($leftOut) = grep { $path eq $_ || $path =~ m{^\Q$_\E/} } keys %leftOut;
  if (defined $leftOut) { $leftOut{$leftOut} = 1; next }
  next if $path =~ $hostsOwn;
  my $place = placeOf($path);
  my $sayIt = 'say in leaveOut why it is not needed';
  if (!defined $place) { refuse($path, 'a file that no package has a place for', 'one below usr or etc', $sayIt) }
  elsif ($place =~ m{^lib/[^/]+$} && -e "$ENV{libc}/$place") {
    refuse($path, 'a library of libc', "that of $ENV{libc}, which everything loads", 'leave its package out of the recipe');
  } elsif ($origin{$place}) { refuse($path, "would be $place, as $origin{$place} is", 'one file', $sayIt) }
  elsif ((lstat "$debian/$path")[2] & 06000 && !-l _) {
    refuse($path, 'a program that runs with the rights of its owner', 'none in the store', $sayIt);
  } else { $origin{$place} = $path }
}
refuse('leaveOut', "names $_, which no package has", 'only what there is', 'remove it in the recipe')
  for grep { !$leftOut{$_} } sort keys %leftOut;
exit 1 if $refused;

make_path('/build/placed');
for my $place (sort keys %origin) {
  make_path(dirname("/build/placed/$place"));
  rename "$debian/$origin{$place}", "/build/placed/$place" or die "$place: $!\n";
}
for my $place (grep { -l "/build/placed/$_" } sort keys %origin) {
  my $meant = named(readlink("/build/placed/$place"), dirname($origin{$place}));
  my $target = defined $meant ? placeOf($meant) : undef;
  next if !defined $target;
  my ($input) = grep { -e "$_/$target" } @inputs;
  unlink "/build/placed/$place";
  symlink $origin{$target} || !$input ? abs2rel($target, dirname $place) : "$input/$target", "/build/placed/$place"
    or die "$place: $!\n";
}
system('cp', '--recursive', '--no-dereference', '--preserve=mode,links', '/build/placed', $out) == 0 or exit 1;

# ---- programs and libraries ---------------------------------------------------------------------------------------

my (@linked, @programs);
for my $place (sort keys %origin) {
  my $file = "$out/$place";
  next if -l $file || !-f _;
  my $elf = Elf::parse(Elf::readFile($file));
  push @linked, [$place, $elf] if $elf && !$elf->{unreadable} && ($elf->{type} == 2 || $elf->{type} == 3);
}

# Before patchelf, whose moved sections strip would not put right. The debug links name files below /usr.
if (my @files = map { "$out/$_->[0]" } @linked) {
  chmod 0755, @files;
  system('strip', '--strip-unneeded', map({ "--remove-section=$_" } '.comment', '.gnu_debuglink', '.gnu_debugaltlink'),
    @files) == 0 or exit 1;
}

# The directories in which a file's libraries may be, in the loader's order: where Debian's own RUNPATH leads, its
# package's, those of inputs, libc's.
sub searched {
  my ($place, $elf) = @_;
  my @own;
  for my $entry (split /:/, $elf->{runpath} // '') {
    my $from = dirname($origin{$place});
    my $meant = named($entry =~ s/^\$(?:ORIGIN(?=\/|$)|\{ORIGIN\})/\/$from/r, '');
    my $there = defined $meant ? placeOf("$meant/") : undef;
    push @own, "$out/$there" =~ s{/$}{}r if defined $there;
  }
  return (@own, "$out/lib", map({ "$_/lib" } @inputs), "$ENV{libc}/lib");
}

for (@linked) {
  my ($place, $elf) = @$_;
  my @directories = searched($place, $elf);
  my %used;
  for my $needed (@{$elf->{needed}}) {
    my ($found) = grep { -e "$_/$needed" } @directories;
    $used{$found} = 1 if defined $found;    # else the leak check says so
  }
  my %seen;
  my $runpath = join ':', grep { $used{$_} && !$seen{$_}++ } @directories;
  my @changes = $runpath ne '' ? ('--set-rpath', $runpath) : defined $elf->{runpath} ? '--remove-rpath' : ();
  if (defined $elf->{interpreter}) {
    push @changes, '--set-interpreter', "$ENV{libc}/lib/" . $elf->{interpreter} =~ s{.*/}{}r;
    push @programs, "$out/$place";
  }
  system('patchelf', @changes, "$out/$place") == 0 or exit 1 if @changes;
}

open my $to, '>', '/build/programs' or die "/build/programs: $!\n";
print $to "$_\0" for @programs;
close $to or die "/build/programs: $!\n";
