//! Phones and the routed gatekeeper on sockets, without rasline: what the tests of calls take for granted.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_testkit::{
    Capture, Control, Ended, Gateway, Phone, PhoneSettings, PhoneState, RoutedGatekeeper,
    RunningNode, Stack, topology,
};

use crate::scene::SOON;

/// How long the phones talk.
const TALK: Duration = Duration::from_millis(500);

fn phone(stack: Stack, n: u16, (tunnels, fast_start): (bool, bool)) -> Phone {
    Phone::new(PhoneSettings {
        stack,
        host: topology::endpoint(n),
        alias: format!("500{n}"),
        gatekeeper: SocketAddr::new(topology::GATEKEEPER, 1719),
        tunnels,
        fast_start,
        answers_after: Some(Duration::from_millis(50)),
        number: 0x12_3456 * u32::from(n),
    })
}

/// Both stacks call each other, with H.245 in the tunnel and beside it, and with fast connect; tshark decodes all of it.
#[test]
fn whole_calls_are_calls_to_tshark() {
    for habits in [(true, false), (false, false), (true, true)] {
        let net = Gateway::new().unwrap();
        let capture = Capture::start(&net.endpoints, "ep0").unwrap();
        let gatekeeper = RoutedGatekeeper::new(topology::GATEKEEPER, "gk1");
        let gatekeeper = RunningNode::start(&net.gatekeepers, gatekeeper).unwrap();
        let phones = [(Stack::H323plus, 1), (Stack::Ooh323c, 2)]
            .map(|(stack, n)| RunningNode::start(&net.endpoints, phone(stack, n, habits)).unwrap());
        for one in &phones {
            one.wait("a registration", SOON, Phone::is_registered)
                .unwrap();
        }
        for (from, to) in [(0, 1), (1, 0)] {
            call(&phones[from], &phones[to], &format!("500{}", to + 1));
        }
        gatekeeper
            .wait("the end of the calls", SOON, |one| one.calls().is_empty())
            .unwrap();

        let taken = capture.finish();
        taken.all_is_well(true).unwrap();
        let types = taken.fields("q931", &["q931.message_type"]).unwrap();
        let count = |kind: &str| types.iter().filter(|one| one[0].contains(kind)).count();
        // Twice each: to the gatekeeper and from it.
        for kind in ["0x05", "0x02", "0x01", "0x07"] {
            assert_eq!(count(kind), 4, "{kind}: {types:?}");
        }
        let h245 = taken.fields("h245", &["h245.request"]).unwrap();
        assert!(!h245.is_empty());
    }
}

/// A call with DTMF and audio, which the caller ends.
fn call(from: &RunningNode<Phone>, to: &RunningNode<Phone>, alias: &str) {
    assert!(from.tell(|phone, now| phone.call(now, alias)));
    let is_talking = |phone: &Phone| {
        let media = phone.control().and_then(Control::peer_media);
        phone.state() == PhoneState::Up && media.is_some()
    };
    for one in [from, to] {
        one.wait("a call with audio", SOON, is_talking).unwrap();
    }
    from.tell(|phone, _| phone.press("42#"));
    let has_digits = |phone: &Phone| phone.control().is_some_and(|one| one.digits() == "42#");
    to.wait("digits", SOON, has_digits).unwrap();
    std::thread::sleep(TALK);
    from.tell(Phone::hang_up);
    for (one, by_itself) in [(from, true), (to, false)] {
        one.wait("the end", SOON, |phone| phone.state() == PhoneState::Idle)
            .unwrap();
        let (ended, violations) = one.see(|phone| {
            let ended = phone.ended().last().copied();
            (ended, phone.violations().to_vec())
        });
        assert_eq!(ended == Some(Ended::Here), by_itself, "{ended:?}");
        assert!(violations.is_empty(), "{violations:?}");
        let heard = one.see(|phone| phone.reception().clone());
        assert!(heard.received() > 10, "{heard:?}");
        assert_eq!(heard.lost(), 0);
    }
}

/// A gatekeeper that is killed takes the call with it: FIN is all that phones see.
#[test]
fn a_call_ends_with_its_gatekeeper() {
    let net = Gateway::new().unwrap();
    let gatekeeper = RoutedGatekeeper::new(topology::GATEKEEPER, "gk1");
    let gatekeeper = RunningNode::start(&net.gatekeepers, gatekeeper).unwrap();
    let phones = [1, 2].map(|n| {
        RunningNode::start(&net.endpoints, phone(Stack::H323plus, n, (true, false))).unwrap()
    });
    for one in &phones {
        one.wait("a registration", SOON, Phone::is_registered)
            .unwrap();
    }
    assert!(phones[0].tell(|phone, now| phone.call(now, "5002")));
    for one in &phones {
        one.wait("a call", SOON, |phone| phone.state() == PhoneState::Up)
            .unwrap();
    }
    drop(gatekeeper);
    for one in &phones {
        let is_broken = |phone: &Phone| phone.ended() == [Ended::Broken];
        one.wait("the end", SOON, is_broken).unwrap();
    }
}
