# Lists, one line each, whatever in the outputs reaches outside the store, or finds something else there than what it was
# linked with; fails if there is any. See leak-check.sh.
#
#   leak: <output>/<file>: <what was found>; expected <what>; remedy: <what to do>
use strict;
use warnings;
use Cwd 'abs_path';
use Elf;
use File::Find;

my %outputs = map { $_ => $ENV{$_} } split ' ', $ENV{outputs};
my $leaks = 0;

sub leak {
  my ($file, $found, $expected, $remedy) = @_;
  print STDERR "leak: $file: $found; expected $expected; remedy: $remedy\n";
  $leaks++;
}

sub inStore { $_[0] =~ m{^/cab/store/[0-9a-df-np-sv-z]{32}-} }

# References that no output may hold, as hash => path: what only builds need, and what the recipe forbids.
my %disallowed;
sub disallow { $disallowed{$1} = $_[0] if $_[0] =~ m{^/cab/store/([^-]+)-} }
my %isInput = map { $_ => 1 } split ' ', $ENV{inputs};
disallow($_) for grep { !$isInput{$_} } map { split ' ', $ENV{$_} // '' } qw(cc stdenv src tools patches);
disallow($_) for split ' ', $ENV{disallowedReferences} // '';

# A tool may run with another libc than what is built here; with both in one closure, both could end in one process.
my %isOtherLibc;
my %isOutput = reverse %outputs;
for (map { m{^(/cab/store/[^/]+)} } glob '/cab/store/*/lib/ld-{linux,musl}-*.so.*') {
  next if $_ eq $ENV{libc} || $isOutput{$_};
  $isOtherLibc{$_} = 1;
  disallow($_);
}

# What was not built here, says in hostPaths which of the running system's paths it may name; path => whether any does.
my $isPrebuilt = defined $ENV{hostPaths};
my %allowedHostPaths = map { $_ => 0 } split ' ', $ENV{hostPaths} // '';
my $rebuild = 'build it from source, where that can be configured';
my $seedPath = qr{/usr/lib/(?:[\w]+-linux-[\w]+|gcc)/[\w./+-]*};

sub checkReferences {
  my ($output, $file, $bytes) = @_;
  my %forbidden = %disallowed;
  for my $other (grep { $_ ne 'out' && $_ ne $output } keys %outputs) {
    $forbidden{$1} = $outputs{$other} if $outputs{$other} =~ m{^/cab/store/([^-]+)-};
  }
  my %seen;
  while ($bytes =~ m{/cab/store/([0-9a-df-np-sv-z]{32})-}g) {
    my $path = $forbidden{$1} or next;
    next if $seen{$path}++;
    leak($file, "names $path", $isOtherLibc{$path} ? "no libc but $ENV{libc}" : 'no reference to it',
      'keep the path out of what is installed, or add it to forgetReferences');
  }
  # Not every "/build/": it may be part of a longer path or of a URL.
  if ($bytes =~ m{(?:(?<![\w./~-])|(?<=-[ILRB]))(/build/[\w./+-]*)}) {
    leak($file, "names $1", 'no path of the build directory',
      $isPrebuilt ? $rebuild : 'find which step writes it; a flag, a log or __FILE__');
  }
  if ($bytes =~ m{($seedPath)}) {
    leak($file, "names $1", 'no path of the seed',
      $isPrebuilt ? $rebuild : 'configure the package with a path of an input instead');
  }
}

# What was built elsewhere was configured for elsewhere. The kernel's and the running services' places (/proc /sys /dev
# /run /tmp) are the same on every host; these are a distribution's own. A path behind another word is relative to that.
my $hostPath = qr{(?:(?<![\w./~+%-])|(?<=-[ILRB]))/(?:usr|etc|bin|sbin|lib|lib32|lib64|libx32|var|opt|srv)(?![\w.+-])[\w./+\@%-]*};

sub checkHostPaths {
  my ($file, $bytes) = @_;
  $bytes =~ s/^#![^\n]*//;    # checkScript's
  my %named;
  while ($bytes =~ /($hostPath)/g) { $named{$1} = 1 if $1 !~ /^$seedPath/ }
  my %refused = %named;
  for my $allowed (keys %allowedHostPaths) {
    my @matching = grep { $_ eq $allowed || m{^\Q$allowed\E/} } keys %named or next;
    $allowedHostPaths{$allowed} = 1;
    delete @refused{@matching};
  }
  my @named = sort keys %refused or return;
  my $more = @named > 8 ? sprintf ' and %d more', @named - 8 : '';
  leak($file, 'names ' . join(', ', @named[0 .. ($more ? 7 : $#named)]) . $more, 'no path of a running system',
    "$rebuild; or say in hostPaths why a default or a text may name it, or in leaveOut why the file is not needed");
}

sub checkElf {
  my ($output, $file, $path, $elf) = @_;
  return if $elf->{type} != 2 && $elf->{type} != 3;
  return leak($file, "an ELF file that is $elf->{unreadable}", 'one that can be checked', 'delete it in the recipe')
    if $elf->{unreadable};
  my $before = $leaks;
  my $relink = 'link it with cc or ld from PATH, not with a tool called by its full path';
  if (defined(my $interpreter = $elf->{interpreter})) {
    leak($file, "interpreter $interpreter", "the loader of $ENV{libc}", $relink)
      if $interpreter !~ m{^\Q$ENV{libc}\E/} || !-e $interpreter;
  }
  for my $entry (split /:/, $elf->{runpath} // '', -1) {
    leak($file, "RUNPATH entry \"$entry\"", 'a directory in /cab/store or relative to $ORIGIN',
      'configure without rpath; the linker adds the right entries itself') if !inStore(expandOrigin($entry, $path));
  }
  for my $needed (@{$elf->{needed}}) {
    my $found = findNeeded($needed, $elf, $path);
    my $libcs = "$ENV{libc}/lib/$needed";
    if (!defined $found) {
      leak($file, "NEEDED $needed, found by none of its RUNPATH entries", 'a library of an input',
        'add the package that has it to inputs, or configure without it');
    } elsif (-e $libcs && $found ne abs_path($libcs)) {
      leak($file, "NEEDED $needed, found first as $found", "that of $ENV{libc}", $relink);
    }
  }
  checkLoaded($file, $path, $elf) if $leaks == $before;
}

sub expandOrigin {
  my ($entry, $path) = @_;
  my ($directory) = $path =~ m{^(.*)/};
  return $entry =~ s/^\$(?:ORIGIN(?=\/|$)|\{ORIGIN\})/$directory/r;
}

sub findNeeded {
  my ($needed, $elf, $path) = @_;
  return undef if $needed =~ m{/};
  my ($found) = grep { -e } map { expandOrigin($_, $path) . "/$needed" } split /:/, $elf->{runpath} // '';
  return $found && abs_path($found);
}

# A process holds one library of each name: the first that anything in it asks for, whichever that is (ld.so(8)). Where
# two files ask for two of one name, each by a right RUNPATH, one of them runs with the other's.
my %parsed;

sub checkLoaded {
  my ($file, $path, $elf) = @_;
  my %loaded;
  my $loader = $elf->{interpreter};
  $loaded{$1} = [abs_path($loader), $path] if defined $loader && -e $loader && $loader =~ m{([^/]+)$};
  my @asking = ([$path, $elf]);
  while (my ($asks, $itself) = @{shift @asking // []}) {
    for my $needed (@{$itself->{needed}}) {
      my $found = findNeeded($needed, $itself, $asks) // next;
      my $first = $loaded{$needed};
      if (!$first) {
        $loaded{$needed} = [$found, $asks];
        push @asking, [$found, $parsed{$found} //= Elf::parse(Elf::readFile($found)) // {}];
      } elsif ($first->[0] ne $found) {
        leak($file, "loads $first->[0] for $first->[1], but $asks was linked with $found", "one library called $needed",
          'give all of its inputs the same variant, by with({ inputs: … }) or override');
      }
    }
  }
}

sub checkScript {
  my ($output, $file, $bytes) = @_;
  my ($interpreter) = $bytes =~ /^#![ \t]*(\S+)/ or return;
  return if inStore($interpreter) && -x $interpreter;
  # Scripts in dev run in builds alone, and every build has a shell there.
  return if $output eq 'dev' && $interpreter eq '/bin/sh';
  my ($program) = $bytes =~ m{^#![ \t]*(?:\S+/env[ \t]+(?:-S[ \t]+)?)?(\S+)};
  $program =~ s{.*/}{};
  leak($file, "runs by $interpreter", 'an interpreter in the store',
    "add a package with bin/$program to inputs, or delete the file in the recipe");
}

sub checkLink {
  my ($file, $path) = @_;
  my $target = readlink $path;
  if (!-e $path && ($target !~ m{^/} || inStore($target))) {
    leak($file, "link to $target, which does not exist", 'a target that exists', 'delete it in the recipe');
  } elsif (!inStore($target =~ m{^/} ? $target : abs_path($path))) {
    leak($file, "link to $target", 'a target in the store', 'link relatively, or delete it in the recipe');
  }
}

for my $output (sort keys %outputs) {
  my $root = $outputs{$output};
  my @paths;
  find({ no_chdir => 1, wanted => sub { push @paths, $_ if -l $_ || -f _ } }, $root);
  for my $path (sort @paths) {
    my $file = $output . substr $path, length $root;
    if (-l $path) { checkLink($file, $path); next }
    my $bytes = Elf::readFile($path);
    checkReferences($output, $file, $bytes);
    checkHostPaths($file, $bytes) if $isPrebuilt;
    if (my $elf = Elf::parse($bytes)) { checkElf($output, $file, $path, $elf) if $output ne 'debug' }
    elsif (-x $path) { checkScript($output, $file, $bytes) }
  }
}

for my $allowed (grep { !$allowedHostPaths{$_} } sort keys %allowedHostPaths) {
  leak('hostPaths', "allows $allowed, which no file names", 'only what is needed', 'remove it in the recipe');
}

if ($leaks) {
  print STDERR "cab: $leaks leak(s) in $ENV{name} $ENV{version}\n";
  exit 1;
}
