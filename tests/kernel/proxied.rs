//! What gatekeepers say to endpoints whose proxy speaks from their addresses goes to the controller.

use rasline_abi::{Counter, GATEKEEPER_PROXIED};
use rasline_datapath::Verdict;

use crate::pair::Pair;
use crate::steered::ARQ;
use crate::world::{Datagram, ENDPOINT6, RCF, RRJ, SECOND, URQ, World, gatekeeper6, hex, now};

/// Nobody steers a proxied zone: none of its gatekeepers is the active one.
fn proxied() -> Pair {
    let mut world = World::new();
    for gatekeeper in &mut world.gatekeepers {
        gatekeeper.flags |= GATEKEEPER_PROXIED;
    }
    Pair::new(world)
}

/// As long as the datagrams that fit an Ethernet frame.
fn long(message: &str, len: usize) -> Vec<u8> {
    let mut octets = hex(message);
    octets.resize(len, 3);
    octets
}

#[test]
fn all_messages_of_a_proxys_gatekeeper_go_to_the_controller() {
    let mut pair = proxied();
    for message in [
        hex(RCF),
        hex(RRJ),
        hex(URQ),
        hex(ARQ),
        long(RCF, 1021),
        long(RCF, 1025),
        long(RCF, 1472),
    ] {
        for ipv6 in [false, true] {
            let datagram = Datagram::down(&message);
            let datagram = if ipv6 { datagram.ipv6() } else { datagram };
            let frame = datagram.frame();
            assert_eq!(pair.run(&frame), Verdict::Divert(Counter::DivertStandby));
            let copies = pair.agree();
            assert_eq!(copies.len(), 1);
            assert_eq!(copies[0].0.gatekeeper, u32::from(ipv6));
            assert_eq!(copies[0].1, message);
            if ipv6 {
                assert_eq!(copies[0].0.endpoint, ENDPOINT6());
                assert_eq!(copies[0].0.seen_as, gatekeeper6());
            }
        }
    }
    assert_eq!(pair.kernel.state(0).last_reply_ns, 0, "no endpoint asked");
}

#[test]
fn what_is_not_intact_or_nobody_listens_to_goes_on() {
    let mut pair = proxied();
    let mut broken = Datagram::down(&long(RCF, 1472)).frame();
    let last = broken.len() - 1;
    broken[last] ^= 1;
    pair.untouched(&broken);
    pair.change(|world| world.globals.heartbeat_ns = now() - 10 * SECOND);
    pair.untouched(&Datagram::down(&hex(RCF)).frame());
    pair.agree();
}
