//! Every reason to pass: the frame is untouched, and the reason is counted.

use rasline_abi::Counter;

use crate::kernel::Kernel;
use crate::world::{Datagram, RCF, RRQ, Registration, SECOND, World, hex, v4, with_seq};

const PASS: u32 = 2;
const TX: u32 = 3;

/// Runs a frame that must pass untouched, and gives the reasons counted.
#[track_caller]
fn reasons(kernel: &mut Kernel, frame: &[u8]) -> Vec<Counter> {
    let before = kernel.counters();
    let outcome = kernel.run(frame);
    assert_eq!(outcome.action, PASS);
    assert_eq!(outcome.octets, frame);
    let after = kernel.counters();
    let grown = |c: &&Counter| after[**c as usize] > before[**c as usize];
    Counter::ALL.iter().filter(grown).copied().collect()
}

fn loaded() -> Kernel {
    let mut kernel = Kernel::load();
    kernel.fill(&World::sample());
    kernel
}

fn up() -> Datagram {
    Datagram::up(&with_seq(&hex(RRQ), 9))
}

/// Sets the IPv4 header's checksum right after a change.
fn mend(mut frame: Vec<u8>) -> Vec<u8> {
    let header = 4 * usize::from(frame[14] & 15);
    frame[24..26].fill(0);
    let check = !rasline_datapath::checksum::sum(&frame[14..14 + header]);
    frame[24..26].copy_from_slice(&check.to_ne_bytes());
    frame
}

#[test]
fn whatever_is_not_ras() {
    let mut kernel = loaded();
    let frame = up().frame();
    let with = |at: usize, octets: &[u8]| {
        let mut frame = frame.clone();
        frame[at..at + octets.len()].copy_from_slice(octets);
        mend(frame)
    };
    for frame in [
        with(12, &[8, 6]),             // ARP
        with(23, &[6]),                // TCP
        with(34, &[6, 0xb8, 6, 0xb8]), // another port
        with(12, &[0x88, 0x47]),       // MPLS
        vec![0xff; 14],
        up().tagged(&[(0x8100, 1), (0x8100, 2), (0x8100, 3)])
            .frame(),
    ] {
        assert_eq!(
            reasons(&mut kernel, &frame),
            [Counter::PassNotRas],
            "{frame:02x?}"
        );
    }
}

#[test]
fn shapes_that_are_not_understood() {
    let mut kernel = loaded();
    let frame = up().frame();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = frame.clone();
        change(&mut frame);
        mend(frame)
    };
    let options = with(&|f| {
        f[14] = 0x46;
        f[16..18].copy_from_slice(&(20 + 4 + 8 + 65u16).to_be_bytes());
        f.splice(34..34, [1, 1, 1, 0]);
    });
    let shapes = [
        options,
        with(&|f| f[21] = 1),    // fragment offset
        with(&|f| f[17] -= 1),   // IP shorter than UDP
        with(&|f| f[39] -= 1),   // UDP shorter than IP
        with(&|f| f[39] += 1),   // UDP longer than IP
        with(&|f| f[14] = 0x44), // header too short
        with(&|f| f[14] = 0x55), // another version
        with(&|f| (f[16], f[17], f[38], f[39]) = (0, 28, 0, 8)), // no payload
        with(&|f| (f[16], f[17], f[38], f[39]) = (0x7f, 0xff, 0x7f, 235)), // longer than the frame
    ];
    for frame in shapes {
        assert_eq!(
            reasons(&mut kernel, &frame),
            [Counter::PassShape],
            "{frame:02x?}"
        );
    }
    // The first of several fragments is looked at as a message that is not known.
    let first = with(&|f| f[20] = 0x20);
    assert_eq!(reasons(&mut kernel, &first), [Counter::PassUnknown]);
    let frame6 = up().ipv6().frame();
    for next in [0, 43, 44, 51, 60] {
        let mut frame = frame6.clone();
        frame[20] = next;
        assert_eq!(reasons(&mut kernel, &frame), [Counter::PassShape]);
    }
    let mut version = frame6.clone();
    version[14] = 0x45;
    assert_eq!(reasons(&mut kernel, &version), [Counter::PassShape]);
}

#[test]
fn truncated_at_every_length() {
    let mut kernel = loaded();
    for datagram in [up(), up().ipv6(), up().tagged(&[(0x88a8, 1), (0x8100, 2)])] {
        let frame = datagram.frame();
        for len in 14..frame.len() {
            let counted = reasons(&mut kernel, &frame[..len]);
            assert!(
                counted == [Counter::PassShape] || counted == [Counter::PassNotRas],
                "{len}: {counted:?}"
            );
        }
        assert_eq!(kernel.run(&frame).action, TX);
    }
}

#[test]
fn messages_cut_at_every_length() {
    // The datagram is whole, the message in it is not.
    let mut kernel = loaded();
    for len in 0..hex(RRQ).len() {
        let counted = reasons(&mut kernel, &Datagram::up(&hex(RRQ)[..len]).frame());
        let expected = if len < 3 {
            Counter::PassShape
        } else {
            Counter::PassUnknown
        };
        assert!(counted.contains(&expected), "{len}: {counted:?}");
        let counted = reasons(
            &mut kernel,
            &Datagram::down(&hex(RCF)[..len.min(45)]).frame(),
        );
        let expected = if len < 4 {
            Counter::PassShape
        } else {
            Counter::PassFromGatekeeper
        };
        assert!(counted.contains(&expected), "{len}: {counted:?}");
    }
}

#[test]
fn every_octet_of_the_keep_alive_counts() {
    let mut kernel = loaded();
    let rrq = with_seq(&hex(RRQ), 9);
    for at in (0..rrq.len()).filter(|at| !(2..4).contains(at)) {
        for bit in [1, 0x80] {
            let mut changed = rrq.clone();
            changed[at] ^= bit;
            let counted = reasons(&mut kernel, &Datagram::up(&changed).frame());
            assert!(!counted.contains(&Counter::Answer), "octet {at}");
        }
    }
    assert_eq!(kernel.run(&up().frame()).action, TX);
}

#[test]
fn wrong_checksums() {
    let mut kernel = loaded();
    for (datagram, places) in [
        (up(), vec![24, 25, 40, 41, 45]),
        (up().ipv6(), vec![60, 61, 65]),
    ] {
        for place in places {
            let mut frame = datagram.frame();
            frame[place] ^= 4;
            assert_eq!(
                reasons(&mut kernel, &frame),
                [Counter::PassChecksum],
                "octet {place}"
            );
        }
    }
    let mut zero = up().ipv6().frame();
    zero[60..62].fill(0);
    assert_eq!(
        reasons(&mut kernel, &zero),
        [Counter::PassChecksum],
        "IPv6 demands a checksum"
    );
    let mut rcf = Datagram::down(&hex(RCF)).frame();
    rcf[41] ^= 4;
    assert_eq!(reasons(&mut kernel, &rcf), [Counter::PassChecksum]);
}

#[test]
fn wrong_source_and_destination() {
    let mut kernel = loaded();
    let cases = [
        (
            Datagram {
                source: v4(10, 0, 0, 8),
                ..up()
            },
            Counter::PassUnknown,
        ),
        (
            Datagram {
                ports: (1718, 1719),
                ..up()
            },
            Counter::PassUnknown,
        ),
        (
            Datagram {
                source: v4(192, 168, 0, 7),
                ..up()
            },
            Counter::PassNoZone,
        ),
        (
            Datagram {
                destination: v4(10, 1, 0, 2),
                ..up()
            },
            Counter::PassNoZone,
        ),
        (
            Datagram {
                source: v4(10, 1, 0, 2),
                ..Datagram::down(&hex(RCF))
            },
            Counter::PassNoZone,
        ),
    ];
    for (datagram, why) in cases {
        assert!(
            reasons(&mut kernel, &datagram.frame()).contains(&why),
            "{why:?}"
        );
    }
}

#[test]
fn known_but_at_another_gatekeeper_of_the_zone() {
    let mut world = World::sample();
    let other = v4(10, 1, 0, 9);
    world.gatekeepers.push(rasline_abi::Gatekeeper {
        address: other,
        ..world.gatekeepers[0]
    });
    world.states.push(crate::world::answering());
    let mut kernel = Kernel::load();
    kernel.fill(&world);
    let frame = Datagram {
        destination: other,
        ..up()
    }
    .frame();
    assert_eq!(
        reasons(&mut kernel, &frame),
        [Counter::PassUnknown, Counter::Copied]
    );
    let copies = kernel.copies();
    assert_eq!(copies[0].0.gatekeeper, 2);
    assert_eq!(copies[0].1, up().payload);
}

#[test]
fn generations() {
    let mut world = World::sample();
    let mut kernel = Kernel::load();
    // The zone moved on: one write kills all its slots.
    world.zones[0].generation = 2;
    kernel.fill(&world);
    assert_eq!(
        reasons(&mut kernel, &up().frame()),
        [Counter::PassGeneration]
    );
    assert_eq!(
        reasons(&mut kernel, &up().ipv6().frame()),
        [Counter::PassGeneration]
    );
    // Being written, or deleted.
    world.zones[0].generation = 1;
    world.slots[0].1.generation = 3;
    kernel.fill(&world);
    assert_eq!(
        reasons(&mut kernel, &up().frame()),
        [Counter::PassUnknown, Counter::Copied]
    );
    // Withdrawn under this generation; under another it is not.
    world.slots[0].1.generation = 4;
    world.slots[0].1.withdrawn = 4;
    kernel.fill(&world);
    assert_eq!(
        reasons(&mut kernel, &up().frame()),
        [Counter::PassUnknown, Counter::Copied]
    );
    world.slots[0].1.generation = 6;
    kernel.fill(&world);
    assert_eq!(kernel.run(&up().frame()).action, TX);
}

#[test]
fn expired() {
    let mut world = World::new();
    world.register(&Registration {
        confirmed_ago: 61 * SECOND,
        ..Registration::sample()
    });
    let mut kernel = Kernel::load();
    kernel.fill(&world);
    assert_eq!(reasons(&mut kernel, &up().frame()), [Counter::PassExpired]);
}

#[test]
fn unusable_profiles() {
    for (len, hole_at, hole_len) in [
        (0, 31, 14),
        (15, 0, 0),
        (481, 0, 0),
        (46, 40, 14),
        (46, 0, 4),
        (46, 0, 65),
    ] {
        let mut world = World::sample();
        (
            world.rcf_templates[0].len,
            world.rcf_templates[0].hole_at,
            world.rcf_templates[0].hole_len,
        ) = (len, hole_at, hole_len);
        let mut kernel = Kernel::load();
        kernel.fill(&world);
        assert_eq!(reasons(&mut kernel, &up().frame()), [Counter::PassNoRoom]);
    }
}

#[test]
fn ring_buffer_full_loses_copies_and_says_so() {
    let mut world = World::new();
    world.globals.copies_per_source = u32::MAX;
    world.globals.copies_per_second = u32::MAX;
    let mut kernel = Kernel::load();
    kernel.fill(&world);
    let frame = up().frame();
    while kernel.counter(Counter::CopyLost) == 0 {
        for _ in 0..10_000 {
            kernel.run(&frame);
        }
    }
    let (copied, lost) = (
        kernel.counter(Counter::Copied),
        kernel.counter(Counter::CopyLost),
    );
    assert_eq!(
        kernel.counter(Counter::PassUnknown),
        copied + lost,
        "each message passed all the same"
    );
    assert_eq!(kernel.copies().len() as u64, copied);
}
