#!/bin/sh
# Brings up endpoints -- lan0 [gateway] wan0 -- gatekeepers by hand: the network that tests and demo use.
# The same as userspace/testkit/src/topology.rs; down.sh removes it.
set -eu

usage() {
    cat <<'TEXT'
usage: netns-scripts/up.sh [PREFIX] [MTU]        (as root)

Makes three network namespaces, PREFIX-endpoints, PREFIX-gateway and PREFIX-gatekeepers (PREFIX: ras; MTU: 1500):

  endpoints                            gateway                           gatekeepers
  ep0  10.0.0.2/24, fd00::2/64  -----  lan0  10.0.0.1/24, fd00::1/64
       (and 10.0.64.0/18, fd00:0:0:1::/64, all of it local)
                                       wan0  10.1.0.254/24, fd00:1::fe/64  -----  gk0  10.1.0.1/24, fd00:1::1/64

The gateway forwards. rasline answers by XDP_TX, which over veth needs an XDP program on the peer (ep0) too, and sees
no finished checksums unless the peers' checksum offload is off: rasline-peer does both (build it with
`cargo build -p rasline-tests`; another place than target/release or target/debug: RASLINE_PEER).

Run things inside with nsenter, not with `ip netns exec`, which hides the pins in /sys/fs/bpf:

  nsenter --net=/run/netns/ras-gateway rasline run --config netns-scripts/rasline.toml
  nsenter --net=/run/netns/ras-gatekeepers YOUR-GATEKEEPER
  nsenter --net=/run/netns/ras-endpoints YOUR-ENDPOINT
  netns-scripts/down.sh
TEXT
}

case "${1:-}" in -h | --help) usage; exit 0 ;; esac
if [ "$(id -u)" != 0 ]; then
    echo "up.sh: needs root, to make network namespaces: run it with sudo" >&2
    exit 1
fi
prefix=${1:-ras}
mtu=${2:-1500}
lan=$prefix-endpoints
box=$prefix-gateway
wan=$prefix-gatekeepers

root=$(dirname "$0")/..
for peer in "${RASLINE_PEER:-}" "$root/target/release/rasline-peer" "$root/target/debug/rasline-peer"; do
    if [ -x "$peer" ]; then break; fi
done
if [ ! -x "$peer" ]; then
    echo "up.sh: rasline-peer is not built: run cargo build -p rasline-tests" >&2
    exit 1
fi

undo() {
    rm -f "/sys/fs/bpf/$lan-ep0" "/sys/fs/bpf/$wan-gk0"
    for ns in "$lan" "$box" "$wan"; do ip netns del "$ns" 2>/dev/null || true; done
}

set_in() { # NAMESPACE KEY VALUE
    nsenter --net="/run/netns/$1" sh -c "echo $3 > /proc/sys/net/$2"
}

for ns in "$lan" "$box" "$wan"; do
    if [ -e "/run/netns/$ns" ]; then
        echo "up.sh: namespace $ns is there already: remove it with netns-scripts/down.sh $prefix" >&2
        exit 1
    fi
done
trap undo EXIT
for ns in "$lan" "$box" "$wan"; do
    ip netns add "$ns"
    ip -n "$ns" link set lo up
    for scope in all default; do
        set_in "$ns" ipv6/conf/$scope/accept_dad 0
        set_in "$ns" ipv4/conf/$scope/rp_filter 0
    done
done

ip link add lan0 netns "$box" type veth peer name ep0 netns "$lan"
ip link add wan0 netns "$box" type veth peer name gk0 netns "$wan"
for pair in "$box lan0" "$box wan0" "$lan ep0" "$wan gk0"; do
    ip -n "${pair% *}" link set "${pair#* }" mtu "$mtu" up
done
ip -n "$box" addr add 10.0.0.1/24 dev lan0
ip -n "$box" addr add fd00::1/64 dev lan0 nodad
ip -n "$box" addr add 10.1.0.254/24 dev wan0
ip -n "$box" addr add fd00:1::fe/64 dev wan0 nodad
ip -n "$lan" addr add 10.0.0.2/24 dev ep0
ip -n "$lan" addr add fd00::2/64 dev ep0 nodad
ip -n "$wan" addr add 10.1.0.1/24 dev gk0
ip -n "$wan" addr add 10.1.0.2/24 dev gk0
ip -n "$wan" addr add fd00:1::1/64 dev gk0 nodad

set_in "$box" ipv4/ip_forward 1
set_in "$box" ipv6/conf/all/forwarding 1
set_in "$lan" ipv6/ip_nonlocal_bind 1
ip -n "$lan" route add local 10.0.64.0/18 dev lo
ip -n "$lan" -6 route add local fd00:0:0:1::/64 dev lo
ip -n "$lan" route add default via 10.0.0.1
ip -n "$lan" -6 route add default via fd00::1
ip -n "$box" route add 10.0.64.0/18 via 10.0.0.2
ip -n "$box" -6 route add fd00:0:0:1::/64 via fd00::2
ip -n "$wan" route add default via 10.1.0.254
ip -n "$wan" -6 route add default via fd00:1::fe
if [ -d /sys/fs/bpf ] && ! grep -q ' /sys/fs/bpf bpf ' /proc/mounts; then mount -t bpf bpf /sys/fs/bpf; fi
"$peer" "$lan" ep0 "/sys/fs/bpf/$lan-ep0"
"$peer" "$wan" gk0 "/sys/fs/bpf/$wan-gk0"
trap - EXIT
echo "up: $lan $box $wan"
