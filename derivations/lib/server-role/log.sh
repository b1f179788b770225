#!@busybox@/bin/sh
# Keeps what a service writes: svlogd's rotation, with the time of each line in UTC. A service's directory is named like it.
name=$(@busybox@/bin/basename "$(@busybox@/bin/dirname "$PWD")")
exec @busybox@/sbin/svlogd -tt "/cab/state/@role@/log/$name"
