#!@busybox@/bin/sh
# Becomes redis in the foreground; what is behind the name goes to it: hello-cache --port 6380
set -eu
@busybox@/bin/mkdir -p /cab/state/hello-cache
exec @redis@/bin/redis-server @out@/etc/redis.conf "$@"
