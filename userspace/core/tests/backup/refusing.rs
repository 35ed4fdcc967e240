//! Zones that may not be served.

use rasline_core::backup::{Event, Input, Phase, Refusal, Why};
use rasline_core::profile::Subscription;
use rasline_h225::messages::{Grq, Rcf, Rrj, Urq, rip, ucf, xrs};
use rasline_h225::text::{from_transport, to_bmp, to_transport};
use rasline_h225::types::{
    AdmissionRejectReason, AliasAddress, BandRejectReason, BandwidthRequest, DisengageReason,
    DisengageRejectReason, DisengageRequest, GatekeeperRejectReason, InfoRequest,
    InfoRequestNakReason, InfoRequestResponse, LocationRejectReason, LocationRequest,
    RegistrationRejectReason, ResourcesAvailableIndicate, ServiceControlIndication,
    ServiceControlResponseResult, UnregRejectReason,
};
use rasline_h225::{RasMessage, encode_ras};

use crate::backup::world::*;

const UNSUBSCRIBED: Phase = Phase::Refusing {
    why: Refusal::NotSubscribed,
};

/// Zone 0 is wanted and not subscribed.
fn unsubscribed() -> World {
    let mut world = World::with(1, 3);
    world.profiles.get_mut(&0).unwrap().subscription.on = false;
    world.commit();
    world.serve(0, true);
    assert_eq!(world.phase(0), UNSUBSCRIBED);
    world
}

fn irr(need_response: Option<bool>) -> InfoRequestResponse {
    let RasMessage::RegistrationRequest(rrq) = full(0, 1, 1).message().unwrap() else {
        unreachable!()
    };
    let (eid, address) = (to_bmp("eid").unwrap(), to_transport(ras(0, 1)));
    let mut irr = InfoRequestResponse::new(9, rrq.terminal_type, eid, address);
    irr.need_response = need_response;
    irr
}

fn lrq() -> LocationRequest {
    let to: AliasAddress = rasline_h225::messages::alias("1001").unwrap();
    let mut lrq = LocationRequest::new(8, to_transport(ras(0, 1)));
    lrq.destination_info = vec![to].into();
    lrq
}

/// Whether an answer is the right one.
type Right = fn(&RasMessage) -> bool;

/// Every request that has a rejection, and its rejection.
fn requests() -> Vec<(RasMessage, Right)> {
    let eid = || to_bmp("eid").unwrap();
    let call = || vec![7; 16].into();
    let urq = Urq {
        seq: 4,
        call_signal_addresses: vec![signal(0, 1)],
        ..Urq::default()
    };
    let brq = BandwidthRequest::new(6, eid(), call(), 1, 99);
    let drq = DisengageRequest::new(7, eid(), call(), 1, DisengageReason::NormalDrop);
    vec![
        (Grq::new(1, ras(0, 1)).message().unwrap(), |answer| {
            matches!(answer, RasMessage::GatekeeperReject(grj)
                if grj.reject_reason == GatekeeperRejectReason::TerminalExcluded)
        }),
        (full(0, 1, 2).message().unwrap(), denied),
        (
            rasline_h225::decode_ras(&keep_alive(0, 1, 3, "eid")).unwrap(),
            denied,
        ),
        (urq.message().unwrap(), |answer| {
            matches!(answer, RasMessage::UnregistrationReject(urj)
                if urj.reject_reason == UnregRejectReason::NotCurrentlyRegistered)
        }),
        (
            rasline_h225::decode_ras(&arq(5, "eid", "1002")).unwrap(),
            |answer| {
                matches!(answer, RasMessage::AdmissionReject(arj)
                if arj.reject_reason == AdmissionRejectReason::InvalidPermission)
            },
        ),
        (RasMessage::BandwidthRequest(brq), |answer| {
            matches!(answer, RasMessage::BandwidthReject(brj)
                if brj.reject_reason == BandRejectReason::InvalidPermission)
        }),
        (RasMessage::DisengageRequest(drq), |answer| {
            matches!(answer, RasMessage::DisengageReject(drj)
                if drj.reject_reason == DisengageRejectReason::NotRegistered)
        }),
        (RasMessage::LocationRequest(lrq()), |answer| {
            matches!(answer, RasMessage::LocationReject(lrj)
                if lrj.reject_reason == LocationRejectReason::InvalidPermission)
        }),
        (RasMessage::InfoRequestResponse(irr(Some(true))), |answer| {
            matches!(answer, RasMessage::InfoRequestNak(nak)
                if nak.nak_reason == InfoRequestNakReason::NotRegistered)
        }),
        (
            RasMessage::ServiceControlIndication(ServiceControlIndication::new(10)),
            |answer| {
                matches!(answer, RasMessage::ServiceControlResponse(scr)
                if scr.result == Some(ServiceControlResponseResult::NotAvailable))
            },
        ),
    ]
}

fn denied(answer: &RasMessage) -> bool {
    matches!(answer, RasMessage::RegistrationReject(rrj)
        if rrj.reject_reason == RegistrationRejectReason::SecurityDenial)
}

#[test]
fn each_request_is_rejected_in_its_own_way() {
    let mut world = unsubscribed();
    let requests = requests();
    let count = requests.len() as u64;
    for (request, right) in requests {
        let answers = world.ask(0, ras(0, 1), &encode_ras(&request).unwrap());
        let [answer] = &answers[..] else {
            panic!("{request:?}: {answers:?}");
        };
        assert!(right(answer), "{request:?}: {answer:?}");
        assert_eq!(answer.request_seq_num(), request.request_seq_num());
    }
    assert_eq!(world.unit.stats().refused, count);
    assert_eq!(world.unit.view(0).unwrap().refused, count);
    assert_eq!((world.kernel.len(), world.store.len()), (0, 0));
}

#[test]
fn what_cannot_be_rejected_is_ignored() {
    let mut world = unsubscribed();
    let eid = to_bmp("eid").unwrap();
    let rai = ResourcesAvailableIndicate::new(12, eid);
    let rcf = Rcf {
        seq: 1,
        endpoint_identifier: "eid".into(),
        ..Rcf::default()
    };
    let rrj = Rrj::new(2, RegistrationRejectReason::UndefinedReason);
    let messages = [
        RasMessage::ResourcesAvailableIndicate(rai),
        RasMessage::InfoRequest(InfoRequest::new(11, 0)),
        RasMessage::InfoRequestResponse(irr(None)),
        RasMessage::InfoRequestResponse(irr(Some(false))),
        rcf.message().unwrap(),
        rrj.message().unwrap(),
        ucf(3),
        rip(4, 100),
        xrs(5, &[1, 2, 3]),
    ];
    for message in &messages {
        let answers = world.ask(0, ras(0, 1), &encode_ras(message).unwrap());
        assert_eq!(answers, [], "{message:?}");
    }
    for octets in [&[][..], &[0x0e], &[0xff; 30]] {
        assert_eq!(world.ask(0, ras(0, 1), octets), []);
    }
    // Another gatekeeper may confirm.
    let out = world.feed(Input::Message {
        zone: 0,
        from: ras(0, 1),
        to: rasline_core::agent::MULTICAST,
        payload: &Grq::new(12, ras(0, 1)).encode().unwrap(),
    });
    assert_eq!(sent(&out), []);
    let stats = world.unit.stats();
    assert_eq!(
        (stats.ignored, stats.refused),
        (messages.len() as u64 + 4, 0)
    );
    assert_eq!(world.events.len(), 1, "{:?}", world.events);
}

#[test]
fn an_answer_goes_to_nobody_else() {
    let mut world = unsubscribed();
    let victim = ras(0, 200);
    let mut request = lrq();
    for (wanted, expected) in [
        (ras(0, 1), ras(0, 1)),
        (signal(0, 1), signal(0, 1)),
        (victim, ras(0, 1)),
        (std::net::SocketAddr::new(ras(0, 1).ip(), 0), ras(0, 1)),
    ] {
        request.reply_address = to_transport(wanted);
        let payload = encode_ras(&RasMessage::LocationRequest(request.clone())).unwrap();
        let out = world.feed(rasline_core::backup::Input::Message {
            zone: 0,
            from: ras(0, 1),
            to: gatekeeper(0),
            payload: &payload,
        });
        let to: Vec<_> = sent(&out).iter().map(|(_, _, to, _)| *to).collect();
        assert_eq!(
            to,
            [expected],
            "{:?}",
            from_transport(&request.reply_address)
        );
    }
}

#[test]
fn people_are_told_once_a_minute() {
    let mut world = unsubscribed();
    let rrq = full(0, 1, 1).encode().unwrap();
    for _ in 0..150 {
        world.ask(0, ras(0, 1), &rrq);
        world.pass(SECOND);
    }
    let count = |event: &Event| match event {
        Event::Refused {
            zone: 0,
            from,
            request,
            reason,
            count,
        } if *from == ras(0, 1) && request == "RRQ" && reason == "securityDenial" => Some(*count),
        _ => None,
    };
    let counts: Vec<u64> = world.events.iter().filter_map(count).collect();
    assert_eq!(counts, [1, 60, 60]);
}

#[test]
fn a_subscription_that_ends_ends_the_service() {
    let mut world = World::with(2, 3);
    for zone in [0, 1] {
        world.serve(zone, true);
        world.register(zone, 1);
    }
    let until = UNIX + 60;
    let subscription = &mut world.profiles.get_mut(&0).unwrap().subscription;
    subscription.until = Some(until);
    world.commit();
    assert_eq!(world.running(), [0, 1]);
    world.pass(59 * SECOND);
    assert_eq!((world.running(), world.kernel.len()), (vec![0, 1], 2));
    let out = world.pass(SECOND);
    assert_eq!(world.phase(0), UNSUBSCRIBED);
    assert_eq!(sent(&out), []);
    let retired = Event::Retired {
        zone: 0,
        why: Why::Refused(Refusal::NotSubscribed),
        registrations: 1,
    };
    assert!(world.events.contains(&retired), "{:?}", world.events);
    // The other zone is as it was.
    assert_eq!(world.running(), [1]);
    assert_eq!((world.kernel.len(), world.store.len()), (1, 1));
    let rrq = full(0, 1, 50).encode().unwrap();
    assert!(denied(&world.ask(0, ras(0, 1), &rrq)[0]));
    // Renewed, in time for nobody but the next one.
    let subscription = &mut world.profiles.get_mut(&0).unwrap().subscription;
    subscription.until = Some(until + 600);
    world.commit();
    assert_eq!(world.running(), [0, 1]);
    world.register(0, 1);
    // Off and on.
    for on in [false, true] {
        world.profiles.get_mut(&0).unwrap().subscription = Subscription { on, until: None };
        world.commit();
        assert_eq!(world.phase(0) == Phase::Running, on);
    }
}

#[test]
fn a_clock_that_is_set_counts() {
    let mut world = World::with(1, 1);
    world.profiles.get_mut(&0).unwrap().subscription.until = Some(UNIX + 3600);
    world.commit();
    world.serve(0, true);
    let now = i64::try_from(UNIX).unwrap() - 1000;
    for (off, phase) in [
        (3600, UNSUBSCRIBED),
        (3000, Phase::Running),
        (i64::MAX / 2, UNSUBSCRIBED),
        (i64::MIN / 2, Phase::Running),
    ] {
        let unix_at_zero = now.saturating_add(off);
        world.feed(rasline_core::backup::Input::WallClock { unix_at_zero });
        assert_eq!(world.phase(0), phase, "{off}");
    }
}

#[test]
fn a_clock_that_is_read_again_does_not() {
    let mut world = World::with(1, 1);
    world.profiles.get_mut(&0).unwrap().subscription.until = Some(UNIX + 1);
    world.commit();
    world.serve(0, true);
    let unix_at_zero = i64::try_from(UNIX).unwrap() - 1000;
    for step in 0..10 {
        let unix_at_zero = unix_at_zero - step % 2;
        world.feed(rasline_core::backup::Input::WallClock { unix_at_zero });
        world.pass(SECOND / 2);
    }
    let stats = world.unit.stats();
    assert_eq!((stats.started, stats.retired, stats.refusing), (1, 1, 1));
}

#[test]
fn nobody_is_refused_before_profiles_are_given() {
    let mut world = World::new();
    let mut zone = settings(0);
    zone.always = true;
    world.feed(rasline_core::backup::Input::Zones(vec![zone]));
    world.serve(0, true);
    assert_eq!((world.phase(0), world.events.len()), (Phase::Idle, 0));
    world.commit();
    let why = Refusal::NoProfile;
    assert_eq!(world.phase(0), Phase::Refusing { why });
}

#[test]
fn without_a_profile_nobody_is_served() {
    let mut world = World::with(2, 2);
    let kept = world.profiles.remove(&0).unwrap();
    world.commit();
    world.serve(0, true);
    let why = Refusal::NoProfile;
    assert_eq!(world.phase(0), Phase::Refusing { why });
    assert_eq!(world.events.last(), Some(&Event::Refusing { zone: 0, why }));
    let rrq = full(0, 1, 50).encode().unwrap();
    assert!(denied(&world.ask(0, ras(0, 1), &rrq)[0]));
    world.profiles.insert(0, kept);
    world.commit();
    world.register(0, 1);
    world.profiles.remove(&0);
    world.commit();
    assert_eq!(world.phase(0), Phase::Refusing { why });
    assert_eq!((world.kernel.len(), world.store.len()), (0, 0));
    world.serve(0, false);
    assert_eq!(world.phase(0), Phase::Idle);
}
