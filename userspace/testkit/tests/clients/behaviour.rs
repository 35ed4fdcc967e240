//! What no capture shows, but other traffic of the same stacks did.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::{RasKind, RasMessage, decode_ras, encode_ras, header};
use rasline_testkit::clients::{Entry, Way, wire::frame};
use rasline_testkit::{Client, admission, messages};

use crate::script::*;

const LATER: Duration = Duration::from_secs(1);

fn parent() -> SocketAddr {
    PARENT.parse().unwrap()
}

/// One that registered at time 0 by the answers of this capture: GCF and RCF are its frames 2 and 4.
fn registered<C: Client>(mut client: C, capture: &str) -> C {
    client.start(Duration::ZERO);
    for number in [2, 4] {
        assert_eq!(client.take().len(), 1);
        client.receive(Duration::ZERO, parent(), &frame(capture, number).octets);
    }
    assert_eq!(client.gatekeeper(), Some(parent()));
    assert!(client.take().is_empty());
    client
}

fn both() -> [Box<dyn Client>; 2] {
    [
        Box::new(registered(terminal(11, 46469, 8288), "ab-ep-ttl10")),
        Box::new(registered(child(), "ab-child-ttl10")),
    ]
}

fn kinds(client: &mut dyn Client) -> Vec<RasKind> {
    let sent = client.take();
    sent.iter()
        .map(|one| header(&one.octets).unwrap().kind)
        .collect()
}

fn last(client: &dyn Client) -> &Entry {
    client.journal().last().unwrap()
}

fn urq(
    client: &dyn Client,
    change: impl FnOnce(&mut rasline_h225::types::UnregistrationRequest),
) -> Vec<u8> {
    let eid = client.endpoint_identifier().unwrap();
    let urq = messages::expire(77, "ParentGK", client.address(), eid);
    let Ok(RasMessage::UnregistrationRequest(mut urq)) = decode_ras(&urq) else {
        panic!("a URQ")
    };
    change(&mut urq);
    encode_ras(&RasMessage::UnregistrationRequest(urq)).unwrap()
}

#[test]
fn who_is_unregistered_registers_again_at_once() {
    let again = [
        [RasKind::UnregistrationConfirm, RasKind::RegistrationRequest],
        [RasKind::UnregistrationConfirm, RasKind::GatekeeperRequest],
    ];
    for (mut client, again) in both().into_iter().zip(again) {
        let urq = urq(&*client, |_| ());
        client.receive(LATER, parent(), &urq);
        assert_eq!(kinds(&mut *client), again);
        assert!(!client.registered());
    }
}

#[test]
fn a_urq_without_both_identifiers_is_ignored() {
    for mut client in both() {
        let without = [
            urq(&*client, |urq| urq.gatekeeper_identifier = None),
            urq(&*client, |urq| urq.endpoint_identifier = None),
            urq(&*client, |urq| {
                urq.endpoint_identifier
                    .clone_from(&urq.gatekeeper_identifier);
            }),
        ];
        for urq in without {
            client.receive(LATER, parent(), &urq);
            assert!(matches!(last(&*client).way, Way::Ignored(_)));
            assert!(client.take().is_empty());
            assert!(client.registered());
        }
        let good = urq(&*client, |_| ());
        client.receive(LATER, ALTERNATE.parse().unwrap(), &good);
        assert!(matches!(last(&*client).way, Way::Ignored(_)));
        assert!(client.registered());
    }
}

#[test]
fn an_rcf_without_time_to_live_ends_the_keep_alives() {
    for mut client in both() {
        let due = client.next_due().unwrap();
        client.due(due);
        let request = client.take().pop().unwrap();
        let Ok(RasMessage::RegistrationConfirm(mut rcf)) =
            decode_ras(&frame("ab-ep-ttl10", 6).octets)
        else {
            panic!("an RCF")
        };
        rcf.request_seq_num = header(&request.octets).unwrap().seq;
        rcf.time_to_live = None;
        rcf.endpoint_identifier =
            rasline_h225::text::to_bmp(client.endpoint_identifier().unwrap()).unwrap();
        let rcf = encode_ras(&RasMessage::RegistrationConfirm(rcf)).unwrap();
        client.receive(due, parent(), &rcf);
        assert!(client.registered());
        assert_eq!(client.next_due(), None);
    }
}

#[test]
fn rip_makes_it_wait() {
    for mut client in both() {
        let due = client.next_due().unwrap();
        client.due(due);
        let request = client.take().pop().unwrap();
        let seq = header(&request.octets).unwrap().seq;
        client.receive(due, parent(), &admission::rip(seq, 8000));
        assert_eq!(last(&*client).way, Way::Used);
        assert_eq!(client.next_due(), Some(due + Duration::from_secs(8)));
        client.receive(due, parent(), &admission::rip(seq + 1, 9000));
        assert_eq!(last(&*client).way, Way::Ignored("answers nothing"));
    }
}

#[test]
fn whoever_is_asked_answers_irq() {
    for mut client in both() {
        client.receive(LATER, parent(), &admission::irq(9));
        assert_eq!(kinds(&mut *client), [RasKind::InfoRequestResponse]);
        assert_eq!(last(&*client).seq, 9);
    }
}

#[test]
fn answers_of_others_and_noise_change_nothing() {
    for mut client in both() {
        let due = client.next_due().unwrap();
        client.due(due);
        let request = client.take().pop().unwrap();
        let mut rcf = frame("ab-ep-ttl10", 6).octets.clone();
        rcf[2..4].copy_from_slice(&request.octets[2..4]);
        let before = client.next_due();
        client.receive(due, ALTERNATE.parse().unwrap(), &rcf);
        client.receive(due, parent(), &[0xff; 3]);
        client.receive(due, parent(), &[]);
        assert_eq!(client.next_due(), before);
        assert!(client.take().is_empty());
    }
}

#[test]
fn all_dead_they_try_for_ever() {
    for mut client in both() {
        let mut asked = Vec::new();
        while client.next_due().unwrap() < Duration::from_mins(5) {
            let now = client.next_due().unwrap();
            client.due(now);
            asked.extend(client.take().into_iter().map(|one| one.to.to_string()));
        }
        assert!(!client.registered());
        for gatekeeper in [PARENT, ALTERNATE] {
            let times = asked.iter().filter(|to| *to == gatekeeper).count();
            assert!(times > 6, "{gatekeeper} was asked {times} times: {asked:?}");
        }
    }
}
