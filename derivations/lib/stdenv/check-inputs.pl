# Refuses inputs of which two bring different libraries of one name: what is linked with -l, and what a process then
# loads, would depend on their order. Run by checkInputs, before anything is built.
#
# It sees direct inputs alone; what they load themselves is the leak check's.
use strict;
use warnings;
use Cwd 'abs_path';
use Elf;

my (%first, $conflicts);
for my $input (split ' ', $ENV{inputs}) {
  my %seen;
  for my $library (grep { !$seen{$_}++ } map { abs_path($_) // () } glob "$input/lib/*.so $input/lib/*.so.*") {
    my $elf = -f $library ? Elf::parse(Elf::readFile($library)) : undef;
    my $name = $elf && $elf->{soname} or next;
    my $known = $first{$name} //= $library;
    next if $known eq $library;
    print STDERR "conflict: two inputs have $name: $known and $library; expected one; remedy: leave one out of inputs;"
      . " what needs the other is a package of its own\n";
    $conflicts++;
  }
}
exit 1 if $conflicts;
