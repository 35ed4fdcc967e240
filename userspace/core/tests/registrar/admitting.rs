//! ARQ, BRQ, DRQ.

use std::net::SocketAddr;

use rasline_core::profile::{CallModel, PlanRule};
use rasline_core::registrar::Event;
use rasline_h225::messages::Rrq;
use rasline_h225::text::{from_alias, to_transport};
use rasline_h225::types::{
    BandRejectReason, CallCapacity, CallCapacityInfo, CallsAvailable, GatewayInfo, RasMessage,
    ResourcesAvailableIndicate, SupportedPrefix, SupportedProtocols, VoiceCaps,
};

use crate::registrar::calls::*;
use crate::registrar::world::*;

/// Registers a gateway that serves a prefix.
fn gateway(world: &mut World, n: u8, prefix: &str) -> String {
    let RasMessage::RegistrationRequest(mut rrq) = full(world.next_seq(), n, &format!("gw{n}"))
        .message()
        .unwrap()
    else {
        panic!()
    };
    let mut voice = VoiceCaps::new();
    let alias = rasline_h225::messages::alias(prefix).unwrap();
    voice.supported_prefixes = Some(vec![SupportedPrefix::new(alias)].into());
    let mut info = GatewayInfo::new();
    info.protocol = Some(vec![SupportedProtocols::Voice(voice)].into());
    rrq.terminal_type.gateway = Some(info);
    match world.asked(ras(n), &RasMessage::RegistrationRequest(rrq)) {
        RasMessage::RegistrationConfirm(rcf) => {
            rasline_h225::text::from_bmp(&rcf.endpoint_identifier)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_from_one_to_the_other() {
    let mut world = World::new();
    let (alice, bob) = (world.register(1, "alice"), world.register(2, "bob"));
    let out = world.message(
        ras(1),
        &RasMessage::AdmissionRequest(arq(1, &alice, 5, &["bob"])),
    );
    let RasMessage::AdmissionConfirm(acf) = &sent(&out)[0].1 else {
        panic!("{out:?}")
    };
    assert_eq!(acf.dest_call_signal_address, to_transport(signalling(2)));
    assert_eq!(
        (acf.band_width, acf.destination_info.is_none()),
        (1280, true)
    );
    assert!(acf.irr_frequency.is_some() && acf.uuies_requested.is_some());
    let call = "05".repeat(16);
    let started = |event: &Event| {
        let expected = Event::CallStarted {
            call: call.clone(),
            from: "alice".into(),
            to: "bob".into(),
        };
        *event == expected
    };
    assert!(events(&out).iter().any(started), "{out:?}");
    // The other side: the same call.
    assert_eq!(world.admitted(2, answering(1, &bob, 5)), signalling(2));
    assert_eq!((world.calls(), world.bandwidth()), (1, 1280));
    assert_eq!(world.views()[0].calls, 1);
    world.pass(10 * SECOND);
    let dcf = world.asked(ras(1), &RasMessage::DisengageRequest(drq(2, &alice, 5)));
    assert_eq!((dcf.kind().name(), world.calls()), ("DCF", 1));
    let out = world.message(ras(2), &RasMessage::DisengageRequest(drq(2, &bob, 5)));
    assert_eq!(
        (kinds(&out), world.calls(), world.bandwidth()),
        (vec!["DCF"], 0, 0)
    );
    assert_eq!(events(&out), [Event::CallEnded { call, seconds: 10 }]);
}

#[test]
fn without_call_identifier_the_conference_counts() {
    let mut world = World::new();
    let (alice, bob) = (world.register(1, "alice"), world.register(2, "bob"));
    let mut asks = arq(1, &alice, 5, &["bob"]);
    asks.call_identifier = None;
    let mut answers = answering(1, &bob, 5);
    answers.call_identifier = None;
    // The answering side sets the highest bit of the callReferenceValue.
    answers.call_reference_value |= 0x8000;
    world.admitted(1, asks);
    world.admitted(2, answers);
    assert_eq!(world.calls(), 1);
    let mut other = arq(3, &alice, 5, &["bob"]);
    other.call_identifier = None;
    other.call_reference_value = 77;
    world.admitted(1, other);
    assert_eq!(world.calls(), 2);
}

#[test]
fn who_may_not_call() {
    let mut world = World::new();
    let alice = world.register(1, "alice");
    world.register(2, "bob");
    assert_eq!(
        world.arj(1, arq(1, "nobody", 1, &["bob"])),
        "CallerNotRegistered"
    );
    assert_eq!(
        world.arj(2, arq(2, &alice, 1, &["bob"])),
        "InvalidEndpointIdentifier"
    );
    assert_eq!(world.arj(1, arq(3, &alice, 1, &[])), "IncompleteAddress");
    assert_eq!(
        world.arj(1, arq(4, &alice, 1, &["alice", "bob"])),
        "AliasesInconsistent"
    );
    assert_eq!(world.calls(), 0);
}

#[test]
fn an_address_in_place_of_an_alias() {
    let mut world = World::new();
    let alice = world.register(1, "alice");
    world.register(2, "bob");
    let mut asks = arq(1, &alice, 1, &[]);
    asks.dest_call_signal_address = Some(to_transport(signalling(2)));
    assert_eq!(world.admitted(1, asks), signalling(2));
    // One who is nobody's, where unknown ones are admitted, and where not.
    let outside = SocketAddr::from(([203, 0, 113, 5], 1720));
    let mut asks = arq(2, &alice, 2, &[]);
    asks.dest_call_signal_address = Some(to_transport(outside));
    assert_eq!(world.admitted(1, asks.clone()), outside);
    let mut closed = profile();
    closed.admit_unknown = false;
    closed.endpoints = vec![known(&["alice"])];
    let mut world = World::with(closed);
    let alice = world.register(1, "alice");
    asks.endpoint_identifier = rasline_h225::text::to_bmp(&alice).unwrap();
    assert_eq!(world.arj(1, asks), "CalledPartyNotRegistered");
}

#[test]
fn numbers_go_by_plan_and_prefix() {
    let mut planned = profile();
    planned.plan = vec![
        PlanRule {
            prefix: "0".into(),
            strip: 1,
            add: "49".into(),
        },
        PlanRule {
            prefix: "00".into(),
            strip: 2,
            add: String::new(),
        },
    ];
    let mut world = World::with(planned);
    let alice = world.register(1, "alice");
    gateway(&mut world, 3, "49");
    let long = gateway(&mut world, 4, "4930");
    let mut asks = |to: &str, call: u8| {
        let arq = arq(u16::from(call), &alice, call, &[to]);
        let reply = world.asked(ras(1), &RasMessage::AdmissionRequest(arq));
        let RasMessage::AdmissionConfirm(acf) = reply else {
            panic!("{reply:?}")
        };
        let mapped = acf.destination_info.unwrap_or_default();
        let mapped: Vec<_> = mapped.iter().filter_map(from_alias).collect();
        (acf.dest_call_signal_address, mapped)
    };
    let to = |n: u8| to_transport(signalling(n));
    assert_eq!(asks("08912345", 1), (to(3), vec!["498912345".to_owned()]));
    assert_eq!(asks("03012345", 2), (to(4), vec!["493012345".to_owned()]));
    assert_eq!(
        asks("00493012345", 3),
        (to(4), vec!["493012345".to_owned()])
    );
    assert_eq!(asks("4930", 4), (to(4), Vec::new()));
    world.urq(4, &long);
    assert_eq!(
        world.admitted(1, arq(50, &alice, 50, &["493012345"])),
        signalling(3)
    );
}

#[test]
fn gateways_with_room_are_chosen_first() {
    let mut world = World::new();
    let alice = world.register(1, "alice");
    let (third, _) = (gateway(&mut world, 3, "49"), gateway(&mut world, 4, "49"));
    let resources = |seq, full| {
        let mut rai =
            ResourcesAvailableIndicate::new(seq, rasline_h225::text::to_bmp(&third).unwrap());
        rai.almost_out_of_resources = full;
        RasMessage::ResourcesAvailableIndicate(rai)
    };
    assert_eq!(
        world.admitted(1, arq(1, &alice, 1, &["4930"])),
        signalling(3)
    );
    assert_eq!(
        world.asked(ras(3), &resources(2, true)).kind().name(),
        "RAC"
    );
    assert_eq!(
        world.admitted(1, arq(3, &alice, 3, &["4930"])),
        signalling(4)
    );
    assert_eq!(
        world.asked(ras(3), &resources(4, false)).kind().name(),
        "RAC"
    );
    assert_eq!(
        world.admitted(1, arq(5, &alice, 5, &["4930"])),
        signalling(3)
    );
    // A RAI of a stranger is nothing.
    assert!(world.message(ras(9), &resources(5, true)).is_empty());
}

#[test]
fn known_endpoints_are_reached_before_they_register() {
    let mut backup = profile();
    let mut bob = known(&["bob"]);
    bob.call_signal_address = Some(signalling(2));
    let mut trunk = known(&["trunk"]);
    trunk.call_signal_address = Some(signalling(3));
    trunk.prefixes = vec!["0".into()];
    backup.endpoints = vec![bob, trunk];
    let mut world = World::with(backup);
    let alice = world.register(1, "alice");
    assert_eq!(
        world.admitted(1, arq(1, &alice, 1, &["bob"])),
        signalling(2)
    );
    assert_eq!(
        world.admitted(1, arq(2, &alice, 2, &["0123"])),
        signalling(3)
    );
    // Registered elsewhere it is reached there.
    world.rcf(
        ras(2),
        &Rrq {
            call_signal_addresses: vec![signalling(7)],
            ..full(9, 2, "bob")
        },
    );
    assert_eq!(
        world.admitted(1, arq(3, &alice, 3, &["bob"])),
        signalling(7)
    );
}

#[test]
fn a_gatekeeper_that_routes_calls() {
    let mut routed = profile();
    let proxy = SocketAddr::from(([198, 51, 100, 1], 1721));
    routed.call_model = CallModel::GatekeeperRouted(proxy);
    let mut world = World::with(routed);
    let alice = world.register(1, "alice");
    let bob = world.register(2, "bob");
    assert_eq!(world.admitted(1, arq(1, &alice, 1, &["bob"])), proxy);
    assert_eq!(world.admitted(2, answering(1, &bob, 1)), proxy);
}

#[test]
fn bandwidth_adds_up_and_is_bounded() {
    let mut limited = profile();
    limited.limits.call_bandwidth = 2000;
    limited.limits.bandwidth = 3000;
    let mut world = World::with(limited);
    let (alice, bob) = (world.register(1, "alice"), world.register(2, "bob"));
    let mut greedy = arq(1, &alice, 1, &["bob"]);
    greedy.band_width = 9000;
    world.admitted(1, greedy);
    assert_eq!(world.bandwidth(), 2000);
    // Another call does not fit, the other side of this one does.
    assert_eq!(world.arj(1, arq(2, &alice, 2, &["bob"])), "RequestDenied");
    world.admitted(2, answering(3, &bob, 1));
    assert_eq!(world.bandwidth(), 2000);
    let asks = |world: &mut World, seq, wanted| {
        let message = RasMessage::BandwidthRequest(brq(seq, &alice, 1, wanted));
        world.asked(ras(1), &message)
    };
    assert_eq!(asks(&mut world, 4, 500).kind().name(), "BCF");
    // The other side still has 1280.
    assert_eq!(world.bandwidth(), 1280);
    world.admitted(1, arq(5, &alice, 2, &["bob"]));
    assert_eq!(world.bandwidth(), 2560);
    let RasMessage::BandwidthReject(brj) = asks(&mut world, 6, 1900) else {
        panic!()
    };
    assert_eq!(brj.reject_reason, BandRejectReason::InsufficientResources);
    assert_eq!(brj.allowed_band_width, 1720);
    assert_eq!(asks(&mut world, 7, 1720).kind().name(), "BCF");
    assert_eq!(world.bandwidth(), 3000);
    let RasMessage::BandwidthReject(brj) =
        world.asked(ras(1), &RasMessage::BandwidthRequest(brq(8, &alice, 99, 1)))
    else {
        panic!()
    };
    assert_eq!(brj.reject_reason, BandRejectReason::InvalidConferenceId);
    for call in [1, 2] {
        world.message(
            ras(1),
            &RasMessage::DisengageRequest(drq(20 + u16::from(call), &alice, call)),
        );
    }
    world.message(ras(2), &RasMessage::DisengageRequest(drq(30, &bob, 1)));
    assert_eq!((world.bandwidth(), world.calls()), (0, 0));
}

#[test]
fn so_many_calls_and_no_more() {
    let mut limited = profile();
    limited.limits.calls = 1;
    let mut world = World::with(limited);
    let (alice, bob) = (world.register(1, "alice"), world.register(2, "bob"));
    world.admitted(1, arq(1, &alice, 1, &["bob"]));
    world.admitted(2, answering(1, &bob, 1));
    let message = RasMessage::AdmissionRequest(arq(2, &alice, 2, &["bob"]));
    let RasMessage::AdmissionReject(arj) = world.asked(ras(1), &message) else {
        panic!()
    };
    assert_eq!(format!("{:?}", arj.reject_reason), "ResourceUnavailable");
    assert!(arj.alt_gk_info.is_some());
    // The same call asked for again is no other.
    world.admitted(1, arq(3, &alice, 1, &["bob"]));
    assert_eq!((world.calls(), world.bandwidth()), (1, 1280));
}

#[test]
fn disengaging() {
    let mut world = World::new();
    let alice = world.register(1, "alice");
    let bob = world.register(2, "bob");
    world.admitted(1, arq(1, &alice, 1, &["bob"]));
    let mut asks = |n, drq| world.asked(ras(n), &RasMessage::DisengageRequest(drq));
    // An unknown call is over; one of another is his; a stranger has none.
    assert_eq!(asks(1, drq(2, &alice, 9)).kind().name(), "DCF");
    let RasMessage::DisengageReject(drj) = asks(2, drq(3, &bob, 1)) else {
        panic!()
    };
    assert_eq!(format!("{:?}", drj.reject_reason), "RequestToDropOther");
    let RasMessage::DisengageReject(drj) = asks(1, drq(4, "nobody", 1)) else {
        panic!()
    };
    assert_eq!(format!("{:?}", drj.reject_reason), "NotRegistered");
    assert_eq!(world.calls(), 1);
}

#[test]
fn the_longest_prefix_counts_wherever_its_gateway_is() {
    let mut backup = profile();
    let mut trunk = known(&["trunk"]);
    trunk.call_signal_address = Some(signalling(9));
    trunk.prefixes = vec!["4930".into(), "4".into()];
    backup.endpoints = vec![trunk];
    let mut world = World::with(backup);
    let alice = world.register(1, "alice");
    gateway(&mut world, 3, "49");
    assert_eq!(
        world.admitted(1, arq(1, &alice, 1, &["49301"])),
        signalling(9)
    );
    assert_eq!(
        world.admitted(1, arq(2, &alice, 2, &["49891"])),
        signalling(3)
    );
    assert_eq!(world.admitted(1, arq(3, &alice, 3, &["41"])), signalling(9));
}

/// A real shape of callsAvailable: the type has no constructor.
fn calls_available(calls: u32) -> CallsAvailable {
    let text = include_str!("../../../../tests/vectors/synthetic.txt");
    let octets = |line: &str| -> Vec<u8> {
        let octet = |i| u8::from_str_radix(&line[i..i + 2], 16).unwrap();
        (0..line.len()).step_by(2).map(octet).collect()
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut all = lines.filter_map(|line| {
        let capacity = match rasline_h225::decode_ras(&octets(line)).ok()? {
            RasMessage::ResourcesAvailableIndicate(rai) => rai.capacity,
            RasMessage::RegistrationRequest(rrq) => rrq.capacity,
            RasMessage::InfoRequestResponse(irr) => irr.capacity,
            RasMessage::DisengageRequest(drq) => drq.capacity,
            RasMessage::AdmissionRequest(arq) => arq.capacity,
            _ => None,
        }?;
        let now = capacity
            .current_call_capacity
            .or(capacity.maximum_call_capacity)?;
        let groups = now
            .voice_gw_calls_available
            .or(now.terminal_calls_available);
        groups.or(now.h323_gw_calls_available)?.into_iter().next()
    });
    let mut available = all.next().expect("callsAvailable");
    available.calls = calls;
    available
}

#[test]
fn a_gateway_that_can_take_no_call_gets_none() {
    let mut world = World::new();
    let alice = world.register(1, "alice");
    let third = gateway(&mut world, 3, "49");
    let mut tells = |seq, calls| {
        let identifier = rasline_h225::text::to_bmp(&third).unwrap();
        let mut rai = ResourcesAvailableIndicate::new(seq, identifier);
        let mut now = CallCapacityInfo::new();
        now.voice_gw_calls_available = Some(vec![calls_available(calls)].into());
        let mut capacity = CallCapacity::new();
        capacity.current_call_capacity = Some(Box::new(now));
        rai.capacity = Some(capacity);
        world.asked(ras(3), &RasMessage::ResourcesAvailableIndicate(rai));
        let reply = world.asked(
            ras(1),
            &RasMessage::AdmissionRequest(arq(seq, &alice, 1, &["4930"])),
        );
        match reply {
            RasMessage::AdmissionReject(arj) => format!("{:?}", arj.reject_reason),
            other => other.kind().name().to_owned(),
        }
    };
    assert_eq!(tells(1, 0), "ExceedsCallCapacity");
    assert_eq!(tells(2, 3), "ACF");
}
