# leakCheck: the last of all steps lists everything in the outputs that would reach outside the store, then fails.
# References to /usr or /build carry no hash, so nobody after this would see them. Sourced by setup.sh.
#
# It does not change a file.

leakCheck() {
  phase 'leak check'
  perl -I"$stdenv" "$stdenv/leak-check.pl"
}
