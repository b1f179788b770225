# Lists, one line each, whatever in the outputs reaches outside the store; fails if there is any. See leak-check.sh.
#
#   leak: <output>/<file>: <what was found>; expected <what>; remedy: <what to do>
use strict;
use warnings;
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
    leak($file, "names $path", 'no reference to it',
      'keep the path out of what is installed, or add it to forgetReferences');
  }
  # Not every "/build/": it may be part of a longer path or of a URL.
  if ($bytes =~ m{(?:(?<![\w./~-])|(?<=-[ILRB]))(/build/[\w./+-]*)}) {
    leak($file, "names $1", 'no path of the build directory', 'find which step writes it; a flag, a log or __FILE__');
  }
  if ($bytes =~ m{(/usr/lib/(?:[\w]+-linux-[\w]+|gcc)/[\w./+-]*)}) {
    leak($file, "names $1", 'no path of the seed', 'configure the package with a path of an input instead');
  }
}

sub checkElf {
  my ($output, $file, $path, $elf) = @_;
  return if $elf->{type} != 2 && $elf->{type} != 3;
  return leak($file, "an ELF file that is $elf->{unreadable}", 'one that can be checked', 'delete it in the recipe')
    if $elf->{unreadable};
  my $relink = 'link it with cc or ld from PATH, not with a tool called by its full path';
  if (defined(my $interpreter = $elf->{interpreter})) {
    leak($file, "interpreter $interpreter", "the loader of $ENV{libc}", $relink)
      if !inStore($interpreter) || !-e $interpreter;
  }
  my ($directory) = $path =~ m{^(.*)/};
  my @searched;
  for my $entry (split /:/, $elf->{runpath} // '', -1) {
    my $expanded = $entry =~ s/^\$(?:ORIGIN(?=\/|$)|\{ORIGIN\})/$directory/r;
    leak($file, "RUNPATH entry \"$entry\"", 'a directory in /cab/store or relative to $ORIGIN',
      'configure without rpath; the linker adds the right entries itself') if !inStore($expanded);
    push @searched, $expanded;
  }
  for my $needed (@{$elf->{needed}}) {
    next if $needed !~ m{/} && grep { -e "$_/$needed" } @searched;
    leak($file, "NEEDED $needed, found by none of its RUNPATH entries", 'a library of an input',
      'add the package that has it to inputs, or configure without it');
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
  if ($target =~ m{^/} && !inStore($target)) {
    leak($file, "link to $target", 'a target in the store', 'link relatively, or delete it in the recipe');
  } elsif (!-e $path) {
    leak($file, "link to $target, which does not exist", 'a target that exists', 'delete it in the recipe');
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
    if (my $elf = Elf::parse($bytes)) { checkElf($output, $file, $path, $elf) if $output ne 'debug' }
    elsif (-x $path) { checkScript($output, $file, $bytes) }
  }
}

if ($leaks) {
  print STDERR "cab: $leaks leak(s) in $ENV{name} $ENV{version}\n";
  exit 1;
}
