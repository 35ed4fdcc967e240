#!/bin/sh
# Removes what up.sh made.
set -eu

case "${1:-}" in
-h | --help)
    echo "usage: netns-scripts/down.sh [PREFIX]        (as root; PREFIX: ras)"
    exit 0
    ;;
esac
if [ "$(id -u)" != 0 ]; then
    echo "down.sh: needs root: run it with sudo" >&2
    exit 1
fi
prefix=${1:-ras}
rm -f "/sys/fs/bpf/$prefix-endpoints-ep0" "/sys/fs/bpf/$prefix-gatekeepers-gk0"
for role in endpoints gateway gatekeepers; do
    if [ -e "/run/netns/$prefix-$role" ]; then ip netns del "$prefix-$role"; fi
done
echo "down: $prefix"
