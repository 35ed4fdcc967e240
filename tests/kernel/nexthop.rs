//! Frames that the program sends on by itself: in a namespace with a route and a neighbour.
//!
//! ```text
//! lan0 (frames come in)   10.64.0.1/24, fd64::1/64
//! core0                   10.65.0.1/24, fd65::1/64; B is behind 10.65.0.2 / fd65::2
//! ```

use rasline_abi::{
    Counter, ENDPOINTS_SIDE, GATEKEEPERS_SIDE, Interface, NATIVE_SIDE, REDIRECT_SIDE,
};
use rasline_testkit::Netns;

use crate::expect::PASS;
use crate::kernel::{Kernel, Outcome};
use crate::steered::{ACK, GRQ, SYN, b, b6, moved};
use crate::world::{Datagram, GATEKEEPER, Segment, World, gatekeeper6, hex};

const REDIRECT: u32 = 4;
const NEXT_MAC: [u8; 6] = [2, 0, 0, 0, 9, 2];
const CORE_MAC: [u8; 6] = [2, 0, 0, 0, 9, 1];

fn namespace() -> Netns {
    let netns = Netns::new("hop").unwrap();
    for words in [
        "link add lan0 type veth peer name lan1",
        "link add core0 address 02:00:00:00:09:01 type veth peer name core1",
        "link set lan0 up",
        "link set lan1 up",
        "link set core0 up",
        "link set core1 up",
        "addr add 10.64.0.1/24 dev lan0",
        "addr add 10.65.0.1/24 dev core0",
        "addr add fd64::1/64 dev lan0 nodad",
        "addr add fd65::1/64 dev core0 nodad",
        "neigh add 10.65.0.2 lladdr 02:00:00:00:09:02 dev core0 nud permanent",
        "neigh add fd65::2 lladdr 02:00:00:00:09:02 dev core0 nud permanent",
        "neigh add 10.64.0.2 lladdr 02:00:00:00:09:02 dev lan0 nud permanent",
        "route add 10.1.0.0/16 via 10.65.0.2",
        "route add fd01::/16 via fd65::2",
        "route add 10.0.0.0/16 via 10.64.0.2",
    ] {
        netns.ip(words).unwrap();
    }
    netns.sysctl("ipv4/ip_forward", "1").unwrap();
    netns.sysctl("ipv6/conf/all/forwarding", "1").unwrap();
    netns
}

fn ifindex(name: &str) -> u32 {
    let name = std::ffi::CString::new(name).unwrap();
    // SAFETY: a valid string.
    #[allow(unsafe_code)]
    unsafe {
        libc::if_nametoindex(name.as_ptr())
    }
}

/// The world whose frames come in by lan0, and may leave by both.
fn world(lan: u32, core: u32, side: u32) -> World {
    let mut world = moved();
    world.globals.interfaces[0] = Interface {
        ifindex: lan,
        side: ENDPOINTS_SIDE | GATEKEEPERS_SIDE | side,
    };
    world.globals.interfaces[1] = Interface {
        ifindex: core,
        side: GATEKEEPERS_SIDE | side,
    };
    world
}

/// Runs a test in the namespace, frames coming in by lan0.
fn inside(side: u32, test: impl FnOnce(&Netns, &mut Kernel) + Send) {
    let netns = namespace();
    let inner = &netns;
    netns
        .run(move || {
            let (lan, core) = (ifindex("lan0"), ifindex("core0"));
            let mut kernel = Kernel::load();
            kernel.fill(&world(lan, core, side));
            // A test run takes an interface only if its queues are ready for XDP.
            kernel.attach(lan);
            kernel.ifindex = Some(lan);
            test(inner, &mut kernel);
        })
        .unwrap();
}

/// The frame as it leaves for the next hop: MAC addresses, and one hop less to live.
#[expect(
    clippy::needless_pass_by_value,
    reason = "reads better where it is called"
)]
fn hopped(frame: Vec<u8>) -> Vec<u8> {
    [&NEXT_MAC[..], &CORE_MAC, &frame[12..]].concat()
}

fn down_one(datagram: &Datagram) -> Datagram {
    Datagram {
        ttl: datagram.ttl - 1,
        ..datagram.clone()
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "reads better where it is called"
)]
#[track_caller]
fn redirected(kernel: &Kernel, frame: &[u8], expected: Vec<u8>) {
    let Outcome { action, octets } = kernel.run(frame);
    assert_eq!(action, REDIRECT);
    assert_eq!(octets, expected);
}

#[test]
fn sent_on_at_once_where_the_next_hop_is_known() {
    inside(REDIRECT_SIDE, |_, kernel| {
        let up = Datagram::up(&hex(GRQ));
        let six = Datagram::up(&hex(GRQ)).ipv6();
        for _ in 0..3 {
            redirected(kernel, &up.frame(), hopped(down_one(&up.to(b())).frame()));
            redirected(
                kernel,
                &up.unsummed(),
                hopped(down_one(&up.to(b())).unsummed()),
            );
            redirected(
                kernel,
                &six.frame(),
                hopped(down_one(&six.to(b6())).frame()),
            );
        }
        for (flags, len) in [(SYN, 0), (ACK, 0), (ACK, 700)] {
            for ttl in [2, 64, 255] {
                let up = Segment {
                    ttl,
                    ..Segment::up(flags).with(&vec![9; len])
                };
                let there = Segment {
                    ttl: ttl - 1,
                    ..up.to(b())
                };
                redirected(kernel, &up.frame(), hopped(there.frame()));
            }
        }
        // A reply's next hop is looked up, too: back out of the interface that the endpoint is behind.
        let down = Datagram::down(&hex(GRQ)).from(b());
        let Outcome { action, octets } = kernel.run(&down.frame());
        assert_eq!(action, REDIRECT);
        assert_eq!(
            octets[12..],
            down_one(&down.from(GATEKEEPER())).frame()[12..]
        );
        assert_eq!(kernel.counter(Counter::RedirectStack), 0);
    });
}

/// What was left to a network card is sent on with the whole checksum, which nobody would add any more.
#[test]
fn a_checksum_that_was_left_to_a_card_is_completed() {
    inside(REDIRECT_SIDE | NATIVE_SIDE, |_, kernel| {
        for len in [14, 15, 61, 700, 1440] {
            let mut payload = hex(GRQ);
            payload.resize(len, 0xa7);
            for (up, to) in [
                (Datagram::up(&payload), b()),
                (Datagram::up(&payload).ipv6(), b6()),
            ] {
                let there = down_one(&up.to(to)).frame();
                redirected(kernel, &up.offloaded(), hopped(there));
            }
        }
        for (flags, len) in [(SYN, 0), (ACK, 0), (ACK, 1), (ACK, 700), (ACK, 1460)] {
            let up = Segment::up(flags).with(&vec![9; len]);
            let there = Segment {
                ttl: up.ttl - 1,
                ..up.to(b())
            };
            redirected(kernel, &up.offloaded(), hopped(there.frame()));
        }
        assert_eq!(kernel.counter(Counter::RedirectStack), 0);
    });
}

/// Too long to be summed: the stack knows that the rest is missing.
#[test]
fn a_long_packet_without_its_checksum_is_left_to_the_stack() {
    inside(REDIRECT_SIDE | NATIVE_SIDE, |netns, kernel| {
        netns.ip("link set core0 mtu 9000").unwrap();
        assert_eq!(kernel.run(&Segment::up(SYN).frame()).action, REDIRECT);
        let long = Segment::up(ACK).with(&[5; 2048]);
        by_the_stack(kernel, &long.offloaded(), &long.to(b()).offloaded());
        assert_eq!(kernel.run(&long.frame()).action, REDIRECT);
    });
}

#[track_caller]
fn by_the_stack(kernel: &Kernel, frame: &[u8], expected: &[u8]) {
    let Outcome { action, octets } = kernel.run(frame);
    assert_eq!(action, PASS);
    assert_eq!(octets, expected, "readdressed, and nothing else");
}

#[test]
fn left_to_the_stack_where_the_program_cannot() {
    inside(REDIRECT_SIDE, |netns, kernel| {
        let up = Datagram::up(&hex(GRQ));
        redirected(kernel, &up.frame(), hopped(down_one(&up.to(b())).frame()));
        // Tags, what a network card is to sum (in generic mode), and the last hop: the stack knows what to do with them.
        let tagged = up.clone().tagged(&[(0x8100, 4)]);
        by_the_stack(kernel, &tagged.frame(), &tagged.to(b()).frame());
        by_the_stack(kernel, &up.offloaded(), &up.to(b()).offloaded());
        for ttl in [0, 1] {
            let last = Datagram { ttl, ..up.clone() };
            by_the_stack(kernel, &last.frame(), &last.to(b()).frame());
        }
        // Longer than what the known next hop takes: the stack says so to the sender.
        netns.ip("link set core0 mtu 1000").unwrap();
        let segment = |len: usize| Segment::up(ACK).with(&vec![5; len]);
        let syn = Segment::up(SYN);
        assert_eq!(kernel.run(&syn.frame()).action, REDIRECT);
        assert_eq!(kernel.run(&segment(960).frame()).action, REDIRECT);
        let long = segment(961);
        by_the_stack(kernel, &long.frame(), &long.to(b()).frame());
        // No neighbour.
        netns.ip("neigh del 10.65.0.2 dev core0").unwrap();
        let other = Datagram {
            ports: (4000, 1719),
            ..up.clone()
        };
        by_the_stack(kernel, &other.frame(), &other.to(b()).frame());
        let six = Datagram::up(&hex(GRQ)).ipv6();
        // An MTU below 1280 has ended IPv6 there: no route.
        by_the_stack(kernel, &six.frame(), &six.to(b6()).frame());
        assert_eq!(six.destination, gatekeeper6());
    });
}

#[test]
fn left_to_the_stack_where_an_interface_takes_no_redirects() {
    inside(0, |_, kernel| {
        let up = Datagram::up(&hex(GRQ));
        by_the_stack(kernel, &up.frame(), &up.to(b()).frame());
        by_the_stack(kernel, &up.frame(), &up.to(b()).frame());
    });
}
