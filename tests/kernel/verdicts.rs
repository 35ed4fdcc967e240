//! Answers octet by octet, and copies to the controller.

use rasline_abi::{Counter, GATEKEEPERS_SIDE, Interface};

use crate::expect::{answers, loaded, passes};
use crate::world::{
    Datagram, GATEKEEPER, IFINDEX, RCF, RRQ, Registration, World, hex, v4, with_seq,
};

#[test]
fn answers_ipv4_ipv6_and_vlans() {
    let mut kernel = loaded(&World::sample());
    let tags: [&[(u16, u16)]; 4] = [
        &[],
        &[(0x8100, 42)],
        &[(0x88a8, 7), (0x8100, 42)],
        &[(0x8100, 0xe007), (0x8100, 9)],
    ];
    for (i, tags) in tags.iter().enumerate() {
        let seq = 0x1234 + i as u16;
        let datagram = Datagram::up(&with_seq(&hex(RRQ), seq)).tagged(tags);
        answers(&mut kernel, &datagram, &with_seq(&hex(RCF), seq));
        answers(&mut kernel, &datagram.ipv6(), &with_seq(&hex(RCF), seq));
    }
    assert_eq!(kernel.counter(Counter::Answer), 8);
}

#[test]
fn answers_whatever_the_lengths() {
    // A longer RCF than the RRQ, a shorter one, odd lengths, no hole, a hole at an odd place.
    for (rrq_more, rcf_more) in [
        (0, 0),
        (1, 0),
        (7, 0),
        (0, 1),
        (3, 60),
        (200, 411),
        (300, 0),
        (440, 430),
        (0, 434),
    ] {
        for hole in [true, false] {
            let mut registration = Registration::sample();
            registration.rrq.extend(vec![0x5a; rrq_more]);
            registration.rcf.extend(vec![0xa5; rcf_more]);
            if !hole {
                registration.eid.clear();
            }
            let mut world = World::new();
            world.register(&registration);
            world.register(&registration.clone().ipv6());
            let mut kernel = loaded(&world);
            for seq in [0, 1, 0xffff] {
                let datagram = Datagram::up(&with_seq(&registration.rrq, seq));
                answers(&mut kernel, &datagram, &with_seq(&registration.rcf, seq));
                answers(
                    &mut kernel,
                    &datagram.ipv6(),
                    &with_seq(&registration.rcf, seq),
                );
            }
        }
    }
}

#[test]
fn answers_whatever_the_length_of_the_request() {
    for len in (12..=65).chain([66, 127, 128, 129, 503, 511, 512]) {
        let mut rrq = hex(RRQ);
        rrq.resize(len, 0x33);
        let registration = Registration {
            rrq,
            eid: vec![],
            ..Registration::sample()
        };
        let mut world = World::new();
        world.register(&registration);
        let mut kernel = loaded(&world);
        let datagram = Datagram::up(&with_seq(&registration.rrq, 0x8001));
        answers(&mut kernel, &datagram, &with_seq(&registration.rcf, 0x8001));
    }
}

#[test]
fn answers_endpoint_identifiers_of_any_length() {
    for chars in 4..=32u8 {
        let text: String = (0..chars).map(|i| char::from(b'a' + i % 26)).collect();
        let eid = crate::world::utf16(&text);
        let old = crate::world::utf16("0001_ep");
        let swap = |message: &[u8]| {
            let at = crate::world::position(message, &old).unwrap();
            [&message[..at], &eid[..], &message[at + old.len()..]].concat()
        };
        let registration = Registration {
            rrq: swap(&hex(RRQ)),
            rcf: swap(&hex(RCF)),
            eid: eid.clone(),
            ..Registration::sample()
        };
        let mut world = World::new();
        world.register(&registration);
        let mut kernel = loaded(&world);
        answers(
            &mut kernel,
            &Datagram::up(&with_seq(&registration.rrq, 77)),
            &with_seq(&registration.rcf, 77),
        );
    }
}

#[test]
fn answers_without_and_with_offloaded_checksum() {
    let kernel = loaded(&World::sample());
    let datagram = Datagram::up(&with_seq(&hex(RRQ), 3));
    let rcf = with_seq(&hex(RCF), 3);
    // No checksum over IPv4.
    let mut frame = datagram.frame();
    frame[40..42].fill(0);
    assert_eq!(kernel.run(&frame).octets, datagram.reply(&rcf));
    // The pseudo header's sum only, as a sender on this machine leaves it to its network card.
    let udp_len = (datagram.payload.len() + 8) as u16;
    let pseudo = [&frame[26..34], &[0, 17], &udp_len.to_be_bytes()].concat();
    frame[40..42].copy_from_slice(&rasline_datapath::checksum::sum(&pseudo).to_ne_bytes());
    assert_eq!(kernel.run(&frame).octets, datagram.reply(&rcf));
}

#[test]
fn two_registrations_behind_one_address_and_port() {
    let mut world = World::new();
    let mut all = vec![];
    for i in 0..40 {
        let eid = format!("{i:04}_ep");
        let swap = |message: &str| {
            let message = hex(message);
            let at = crate::world::position(&message, &crate::world::utf16("0001_ep")).unwrap();
            [
                &message[..at],
                &crate::world::utf16(&eid)[..],
                &message[at + 14..],
            ]
            .concat()
        };
        let registration = Registration {
            rrq: swap(RRQ),
            rcf: swap(RCF),
            eid: crate::world::utf16(&eid),
            ..Registration::sample()
        };
        world.register(&registration);
        all.push(registration);
    }
    let mut kernel = loaded(&world);
    for registration in &all {
        answers(
            &mut kernel,
            &Datagram::up(&with_seq(&registration.rrq, 9)),
            &with_seq(&registration.rcf, 9),
        );
    }
}

#[test]
fn copies_are_limited_by_source_and_in_all() {
    let mut world = World::new();
    world.globals.copies_per_source = 2;
    world.globals.copies_per_second = 5;
    let mut kernel = loaded(&world);
    for i in 0..8 {
        for _ in 0..3 {
            let datagram = Datagram {
                source: v4(10, 0, 9, i),
                ..Datagram::up(&hex(RRQ))
            };
            passes(&mut kernel, &datagram.frame(), Counter::PassUnknown);
        }
    }
    let (source, total) = (
        kernel.counter(Counter::CopyLimitedSource),
        kernel.counter(Counter::CopyLimitedTotal),
    );
    assert!(source >= 4, "{source}");
    assert!(total >= 1, "{total}");
    assert_eq!(kernel.copies().len() as u64 + source + total, 24);
}

#[test]
fn wrong_side_passes() {
    let mut world = World::sample();
    world.globals.interfaces[0] = Interface {
        ifindex: IFINDEX,
        side: GATEKEEPERS_SIDE,
    };
    let mut kernel = loaded(&world);
    passes(
        &mut kernel,
        &Datagram::up(&hex(RRQ)).frame(),
        Counter::PassNoEndpoint,
    );
    world.globals.interfaces[0].ifindex = 99;
    kernel.fill(&world);
    passes(
        &mut kernel,
        &Datagram::up(&hex(RRQ)).frame(),
        Counter::PassInterface,
    );
    world.globals.interfaces[0] = Interface {
        ifindex: IFINDEX,
        side: rasline_abi::ENDPOINTS_SIDE,
    };
    kernel.fill(&world);
    answers(&mut kernel, &Datagram::up(&hex(RRQ)), &hex(RCF));
    passes(
        &mut kernel,
        &Datagram {
            source: GATEKEEPER(),
            ..Datagram::down(&hex(RCF))
        }
        .frame(),
        Counter::PassNoZone,
    );
}
