#!@busybox@/bin/sh
# What the supervisor runs for every service: waits after failures, then becomes its program. `every`: a timer, which runs its
# program again and again.
exec 2>&1
PATH=@busybox@/bin
export PATH
failures=$(cat failures 2> /dev/null || echo 0)
if [ "$failures" -gt 0 ]; then
  pause=$((failures > 6 ? 60 : 1 << (failures - 1)))
  sleep "$pause" &
  # So that a request to stop need not wait.
  trap 'kill $!; exit 0' TERM
  wait $!
  trap - TERM
fi
date +%s > began
[ -e every ] || exec ./program
# Nothing of it outlives a request to stop.
child=
trap 'kill $child 2> /dev/null; exit 0' TERM
inBackground() {
  "$@" &
  child=$!
  wait $child
}
while inBackground sleep "$(cat every)"; do inBackground ./program || echo "ended with $?"; done
