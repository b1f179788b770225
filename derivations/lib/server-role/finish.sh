#!@busybox@/bin/sh
# What the supervisor runs when a service has ended: finish CODE SIGNAL. Counts failures in a row, and keeps down what is not to
# start again.
PATH=@busybox@/bin
export PATH
LONG=30
ran=$(($(date +%s) - $(cat began 2> /dev/null || echo 0)))
failures=$(cat failures 2> /dev/null || echo 0)
if [ "$ran" -lt "$LONG" ]; then echo $((failures + 1)) > failures; else echo 1 > failures; fi
printf 'ended after %s s: exit code %s, signal %s\n' "$ran" "$1" "$2"
case $(cat restart) in
  never) sv down . ;;
  on-failure) [ "$1" != 0 ] || sv down . ;;
esac
exit 0
