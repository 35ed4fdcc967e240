//! The kernel's program and the host's build of the same data path, side by side: random and mutated frames give
//! the same action, the same octets, the same counters, slots and copies.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::pair::Pair;
use crate::world::{Datagram, GCF, RCF, RRJ, RRQ, UCF, URQ, World, gatekeeper6, hex, v4, with_seq};

const FRAMES: u32 = 120_000;

fn datagram(rng: &mut impl Rng) -> Datagram {
    let messages = [RRQ, RRQ, RRQ, RCF, RCF, RRJ, URQ, UCF, GCF];
    let mut payload = hex(messages[rng.random_range(0..messages.len())]);
    let is_rrq = payload[0] == 0x0e;
    match rng.random_range(0..8) {
        0 if is_rrq => payload.extend([9; 130]),
        1 if !is_rrq => payload.extend([7; 211]),
        2 => payload.extend((0..rng.random_range(0..900)).map(|_| rng.random::<u8>())),
        _ => {}
    }
    let seq = if rng.random_bool(0.5) {
        9
    } else {
        rng.random()
    };
    if payload.len() >= 4 {
        payload = with_seq(&payload, seq);
    }
    let mut datagram = if rng.random_bool(0.5) || is_rrq {
        Datagram::up(&payload)
    } else {
        Datagram::down(&payload)
    };
    let up = datagram.ports.1;
    let port = 1719 + rng.random_range(0..6);
    let host = v4(10, 0, 0, rng.random_range(7..11));
    if datagram.source == crate::world::ENDPOINT() {
        (datagram.source, datagram.ports) = (host, (port, up));
    } else {
        (datagram.destination, datagram.ports) = (host, (up, port));
    }
    if rng.random_bool(0.2) {
        datagram = datagram.ipv6();
    }
    if rng.random_bool(0.02) {
        datagram.source = gatekeeper6();
    }
    let tags: &[(u16, u16)] = &[(0x88a8, 5), (0x8100, 77)];
    datagram.tagged(&tags[..[0, 0, 0, 1, 2][rng.random_range(0..5)]])
}

fn frame(rng: &mut impl Rng) -> Vec<u8> {
    if rng.random_bool(0.05) {
        let renewal = with_seq(&hex(RCF), 9);
        return Datagram {
            destination: v4(10, 0, 0, 9),
            ..Datagram::down(&renewal)
        }
        .frame();
    }
    if rng.random_bool(0.02) {
        return (0..rng.random_range(14..200))
            .map(|_| rng.random())
            .collect();
    }
    let mut frame = datagram(rng).frame();
    match rng.random_range(0..4) {
        0 => {
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..frame.len());
                frame[at] = rng.random();
            }
        }
        1 if rng.random_bool(0.3) => frame.truncate(rng.random_range(14..=frame.len())),
        2 if rng.random_bool(0.3) => frame.extend(vec![0; rng.random_range(1..40)]),
        _ => {}
    }
    frame
}

#[test]
fn kernel_and_host_agree() {
    let mut rng = StdRng::from_seed(seed());
    let mut pair = Pair::new(World::in_every_state());
    let mut verdicts = std::collections::BTreeMap::<String, u32>::new();
    for n in 0..FRAMES {
        let verdict = pair.run(&frame(&mut rng));
        *verdicts.entry(format!("{verdict:?}")).or_default() += 1;
        if n % 64 == 63 {
            pair.compare();
        }
    }
    // A run that reaches nothing would show nothing.
    for verdict in [
        "Answer { held: false }",
        "Substitute",
        "Divert(Divert)",
        "Pass(PassRefresh)",
        "Pass(PassExpired)",
    ] {
        assert!(
            verdicts.get(verdict).is_some_and(|n| *n > 100),
            "{verdict}: {verdicts:?}"
        );
    }
}

/// What the fuzzer found worth keeping.
#[test]
fn kernel_and_host_agree_on_the_corpus() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/datapath");
    let mut pair = Pair::new(World::in_every_state());
    let mut frames = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let frame = std::fs::read(entry.unwrap().path()).unwrap();
        // The kernel's test runs take no frame shorter than an Ethernet header.
        if (14..=3000).contains(&frame.len()) {
            pair.run(&frame);
            pair.compare();
            frames += 1;
        }
    }
    assert!(frames > 20, "{folder} holds {frames} frames");
}

/// Fixed, so that a failure can be seen again; RASLINE_SEED=n gives another run.
fn seed() -> [u8; 32] {
    let n: u64 =
        std::env::var("RASLINE_SEED").map_or(1, |n| n.parse().expect("RASLINE_SEED is a number"));
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&n.to_le_bytes());
    seed
}
