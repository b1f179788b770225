# Finishes the files of all outputs in one pass: strips, takes debug information aside, shortens RUNPATHs to what is
# used, points scripts at interpreters in the store, blanks references to be forgotten. Part of fixup.
#
# It does not judge: what it could not mend, the leak check reports. It starts one strip for all files of a kind, and
# nothing else but objcopy where a debug output is declared, because a process costs more than all its other work.
use strict;
use warnings;
use Digest::SHA 'sha1_hex';
use Elf;
use File::Find;

my @outputs = map { $ENV{$_} } split ' ', $ENV{outputs};
my $debug = $ENV{outputs} =~ /\bdebug\b/ ? $ENV{debug} : undef;
my @inputs = split ' ', $ENV{inputs};

sub writeFile {
  my ($path, $bytes) = @_;
  my $mode = (stat $path)[2] & 07777;
  chmod $mode | 0200, $path;
  open my $to, '+<:raw', $path or die "$path: $!\n";    # in place: hard links stay links
  print $to $bytes;
  truncate $to, length $bytes;
  close $to or die "$path: $!\n";
  chmod $mode, $path;
}

sub run { system(@_) == 0 or die "@_ failed\n" }

my (@linked, @unlinked, @scripts, @all);
find({ no_chdir => 1, wanted => sub {
  return if -l $_ || !-f _;
  my $executable = -x _;
  push @all, $_;
  open my $in, '<:raw', $_ or die "$_: $!\n";
  read($in, my $head, 18);
  if ($head =~ /^\x7fELF/) {
    my $type = unpack 'v', substr $head, 16, 2;
    push @{$type == 1 ? \@unlinked : \@linked}, $_ if $type >= 1 && $type <= 3;
  } elsif ($head =~ /^!<arch>\n/) { push @unlinked, $_ }
  elsif ($head =~ /^#!/ && $executable) { push @scripts, $_ }
} }, @outputs);
@$_ = sort @$_ for \(@linked, @unlinked, @scripts, @all);    # directories list in any order

# ---- strip --------------------------------------------------------------------------------------------------------
# .comment names the compiler's exact build: without it, a compiler update that makes the same code makes the same bytes.

my %debugOf;
if ($debug) {
  my $count = 0;
  for my $file (@linked) {
    $debugOf{$file} = "$debug/taken-aside." . $count++;
    run('objcopy', '--only-keep-debug', $file, $debugOf{$file});
  }
}
if (!$ENV{noStrip}) {
  chmod((stat $_)[2] & 07777 | 0200, $_) for @linked, @unlinked;    # libraries are often installed read-only
  run('strip', '--strip-unneeded', '--remove-section=.comment', @linked) if @linked;
  run('strip', '--strip-debug', '--enable-deterministic-archives', @unlinked) if @unlinked;
}

# ---- RUNPATH ------------------------------------------------------------------------------------------------------

sub expandOrigin {
  my ($entry, $file) = @_;
  my ($directory) = $file =~ m{^(.*)/};
  $entry =~ s/\$(?:ORIGIN\b|\{ORIGIN\})/$directory/g;
  return $entry;
}

# Keeps, in order, the entries in which a NEEDED library is first found. Zeroes what the string no longer uses, so that
# no reference is left behind. A program that dlopens from a directory must name it itself.
sub shrinkRunpath {
  my ($bytes, $elf, $file) = @_;
  my ($old, $at) = @$elf{'runpath', 'runpathAt'};
  my %keep;
  for my $needed (@{$elf->{needed}}) {
    for my $entry (split /:/, $old) {
      next if !-e expandOrigin($entry, $file) . "/$needed";
      $keep{$entry} = 1;
      last;
    }
  }
  my %seen;
  my $new = join ':', grep { $keep{$_} && !$seen{$_}++ } split /:/, $old;
  return if $new eq $old;
  # Linkers store a string that ends like another inside that other ("lib" in "/…/lib").
  for my $other ($at + 1 .. $at + length $old) {
    die "$file: a symbol's name lies inside its RUNPATH, which therefore cannot be shortened in place\n"
      if $elf->{names}{$other} && $other < $at + length $old;
  }
  substr($$bytes, $at, length $old) = $new . "\0" x (length($old) - length $new);
}

# ---- build ids ----------------------------------------------------------------------------------------------------
# The id is that of the stripped bytes, so code that did not change keeps it, whatever happened to its line numbers.

my $noteHead = pack('VVV', 4, 20, 3) . "GNU\0";

sub fileDebugInformation {
  my ($bytes, $aside) = @_;
  if ($$bytes !~ /\Q$noteHead\E\0{20}/) { unlink $aside; return }
  my $id = sha1_hex($$bytes);
  my $note = $noteHead . pack 'H*', $id;
  $$bytes =~ s/\Q$noteHead\E\0{20}/$note/;
  my $information = Elf::readFile($aside);
  $information =~ s/\Q$noteHead\E\0{20}/$note/;
  writeFile($aside, $information);
  my $directory = "$debug/lib/debug/.build-id/" . substr $id, 0, 2;
  run('mkdir', '-p', $directory) if !-d $directory;
  rename $aside, "$directory/" . substr($id, 2) . '.debug' or die "$aside: $!\n";
}

for my $file (@linked) {
  my $before = Elf::readFile($file);
  my $bytes = $before;
  my $elf = Elf::parse($bytes);
  shrinkRunpath(\$bytes, $elf, $file) if $elf && defined $elf->{runpath};
  fileDebugInformation(\$bytes, $debugOf{$file}) if $debug;
  writeFile($file, $bytes) if $bytes ne $before;
}

# ---- scripts ------------------------------------------------------------------------------------------------------
# Only inputs and own programs count: tools run while building and do not belong to what runs later. A shell script in
# dev stays with /bin/sh: it runs in builds alone, on the build platform, which an input's shell may not be of.

my %found;
sub interpreterInStore {
  my ($name) = @_;
  $found{$name} //= (grep { -x $_ } map { "$_/bin/$name" } @inputs, @outputs)[0] // '';
  return $found{$name};
}

for my $file (@scripts) {
  my $bytes = Elf::readFile($file);
  my ($path, $rest) = $bytes =~ /^#![ \t]*(\S+)([^\n]*)/ or next;
  next if $path =~ m{^/cab/store/} || $path eq '/bin/sh' && $ENV{dev} && $file =~ m{^\Q$ENV{dev}\E/};
  ($path, $rest) = ($1, $2) if $path =~ m{/env$} && $rest =~ /^[ \t]+(?:-S[ \t]+)?(\S+)(.*)/;
  my $inStore = interpreterInStore($path =~ s{.*/}{}r) or next;
  $bytes =~ s/^#![^\n]*/#!$inStore$rest/;
  writeFile($file, $bytes);
}

# ---- forgotten references -----------------------------------------------------------------------------------------
# `e` is no digit of a store hash, so what is left looks like a path and refers to nothing.

if (my @forgotten = map { m{^/cab/store/([^-]+)-} ? $1 : () } split ' ', $ENV{forgetReferences} // '') {
  my $any = join '|', @forgotten;
  for my $file (@all) {
    next if !-f $file;
    my $bytes = Elf::readFile($file);
    writeFile($file, $bytes) if $bytes =~ s/$any/'e' x 32/ge;
  }
}
