# Reads what a dynamic linker would of 64-bit little-endian ELF files. Knows nothing of the store or of cab.
package Elf;
use strict;
use warnings;

# parse($bytes) : undef if these are not ELF bytes, else a record
#   type         1 relocatable, 2 program, 3 shared library or position-independent program, 4 core
#   unreadable   why the rest is missing
#   interpreter, needed => [names], runpath => string, runpathAt => its file offset, soname
#   names        file offsets at which symbols' and other dynamic strings start
sub parse {
  my ($bytes) = @_;
  return undef if length $bytes < 64 || substr($bytes, 0, 4) ne "\x7fELF";
  my $type = unpack 'v', substr $bytes, 16, 2;
  my %elf = (type => $type, needed => [], names => {});
  if (substr($bytes, 4, 2) ne "\2\1") {
    $elf{unreadable} = 'not 64-bit little-endian';
    return \%elf;
  }
  my ($programAt, $size, $count) = (unpack('Q<', substr $bytes, 32, 8), unpack 'vv', substr $bytes, 54, 4);
  my (@loads, $dynamic);
  for my $i (0 .. $count - 1) {
    my ($kind, undef, $offset, $address, undef, $inFile) = unpack 'VVQ<Q<Q<Q<', substr $bytes, $programAt + $i * $size, 40;
    push @loads, [$address, $offset, $inFile] if $kind == 1;
    $dynamic = [$offset, $inFile] if $kind == 2;
    $elf{interpreter} = unpack 'Z*', substr $bytes, $offset, $inFile if $kind == 3;
  }
  return \%elf if !$dynamic || !$dynamic->[1];

  my %tag;
  my @strings;    # [tag, offset in the string table]
  my @entries = unpack 'Q<*', substr $bytes, $dynamic->[0], $dynamic->[1] - $dynamic->[1] % 16;
  while (my ($key, $value) = splice @entries, 0, 2) {
    last if $key == 0;
    if ($key == 1 || $key == 14 || $key == 15 || $key == 29) { push @strings, [$key, $value] }
    else { $tag{$key} = $value }
  }
  my $toOffset = sub {
    my ($address) = @_;
    for my $load (@loads) {
      return $address - $load->[0] + $load->[1] if $address >= $load->[0] && $address < $load->[0] + $load->[2];
    }
    return undef;
  };
  my $table = $toOffset->($tag{5} // 0);
  if (!defined $table) {
    $elf{unreadable} = 'its dynamic strings are in no loaded segment';
    return \%elf;
  }
  for (@strings) {
    my ($key, $at) = ($_->[0], $table + $_->[1]);
    my $text = unpack 'Z*', substr $bytes, $at, 4096;
    if    ($key == 1)  { push @{$elf{needed}}, $text; $elf{names}{$at} = 1 }
    elsif ($key == 14) { $elf{soname} = $text; $elf{names}{$at} = 1 }
    else               { @elf{'runpath', 'runpathAt'} = ($text, $at) }
  }
  # The symbol table has no length of its own, but linkers put the string table right behind it.
  if (defined $tag{6} && $tag{6} < $tag{5}) {
    my $symbols = $toOffset->($tag{6});
    for (my $at = $symbols; $at + 24 <= $table; $at += 24) {
      $elf{names}{$table + unpack 'V', substr $bytes, $at, 4} = 1;
    }
  }
  return \%elf;
}

sub readFile {
  my ($path) = @_;
  open my $in, '<:raw', $path or die "$path: $!\n";
  my $size = -s $in;
  my $got = read($in, my $bytes, $size);
  die "$path: read $got of $size bytes: $!\n" if $got != $size;
  return $bytes;
}

1;
