//! Warm standby: what the alternate gets, what its answers mean, and what a failover finds.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::{ColdWhy, Input, Output, Reason, RegistrationId, State, Warmth};
use rasline_h225::messages::{Rrj, Urq};
use rasline_h225::types::{RasMessage, RegistrationRejectReason};
use rasline_h225::{RasKind, decode_ras, header};

use crate::learner::world::{
    SECOND, World, config, endpoint, full, keep_alive, rcf, sends, signalling,
};

const ALTERNATE: u32 = 1;
const RATE: u32 = 10;

/// What goes to the alternate: from whom, and the message.
fn sent(out: &[Output]) -> Vec<(SocketAddr, Vec<u8>)> {
    let one = |output: &Output| match output {
        Output::SendAs {
            endpoint, payload, ..
        } => Some((*endpoint, payload.clone())),
        _ => None,
    };
    out.iter().filter_map(one).collect()
}

fn seq(message: &[u8]) -> u16 {
    header(message).unwrap().seq
}

struct Warm(World);

impl Warm {
    /// `count` endpoints registered and answered, the alternate set.
    fn new(count: u8) -> Self {
        let mut world = World::new(config());
        for n in 1..=count {
            let eid = format!("e{n}");
            let register = full(1, signalling(n.into()), &eid).encode().unwrap();
            world.exchange(endpoint(n), &register, &confirm(1, &eid));
            for seq in 2..4 {
                world.exchange(endpoint(n), &keep_alive(seq, &eid), &confirm(seq, &eid));
            }
        }
        assert!(
            world
                .learner
                .registrations()
                .all(|r| r.state == State::Answered)
        );
        let to = Some((ALTERNATE, RATE));
        world.input(Input::Standby { zone: 0, to });
        Self(world)
    }

    /// Lets time pass; what is sent.
    fn pace(&mut self, time: Duration) -> Vec<(SocketAddr, Vec<u8>)> {
        let step = Duration::from_millis(50);
        let mut all = Vec::new();
        for _ in 0..time.as_millis() / step.as_millis() {
            self.0.pass(step);
            all.extend(sent(&self.0.input(Input::Pace)));
        }
        all
    }

    fn says(&mut self, n: u8, message: &[u8]) -> Vec<Output> {
        self.0
            .message_of(ALTERNATE, Reason::Standby, endpoint(n), message)
    }

    fn warmth(&self, n: u64) -> Warmth {
        self.0.learner.warmth(RegistrationId(n)).unwrap()
    }

    /// The alternate confirms whatever comes for so long.
    fn warm_up(&mut self, time: Duration) {
        for (from, message) in self.pace(time) {
            let n = (1..=u8::MAX).find(|n| endpoint(*n) == from).unwrap();
            let answer = confirm(seq(&message), &format!("e{n}"));
            assert!(sends(&self.says(n, &answer)).is_empty());
        }
    }
}

fn confirm(seq: u16, eid: &str) -> Vec<u8> {
    rcf(seq, eid).encode().unwrap()
}

#[test]
fn the_alternate_gets_the_endpoints_own_rrq_with_its_identifier() {
    let mut warm = Warm::new(1);
    let all = warm.pace(SECOND);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].0, endpoint(1));
    let RasMessage::RegistrationRequest(rrq) = decode_ras(&all[0].1).unwrap() else {
        panic!("not an RRQ");
    };
    assert_eq!(rrq.keep_alive, Some(false));
    assert_eq!(rrq.endpoint_identifier.unwrap().to_bytes(), b"\0e\x001");
    assert_eq!(rrq.gatekeeper_identifier, None);
    assert_eq!(warm.warmth(1), Warmth::Asked);
    warm.says(1, &confirm(seq(&all[0].1), "e1"));
    assert_eq!(warm.warmth(1), Warmth::Warm);
}

#[test]
fn never_more_than_the_rate() {
    let mut warm = Warm::new(100);
    for _ in 0..8 {
        let n = warm.pace(SECOND).len();
        assert!((1..=RATE as usize + 2).contains(&n), "{n} in a second");
    }
}

#[test]
fn lightweight_requests_keep_it_warm() {
    let mut warm = Warm::new(1);
    warm.warm_up(SECOND);
    let all = warm.pace(8 * SECOND);
    assert_eq!(all.len(), 2, "one, and its repetition after three seconds");
    assert_eq!(all[0].1, all[1].1);
    let RasMessage::RegistrationRequest(rrq) = decode_ras(&all[0].1).unwrap() else {
        panic!("not an RRQ");
    };
    assert_eq!(rrq.keep_alive, Some(true));
}

#[test]
fn what_cannot_be_kept_warm_says_why() {
    let mut warm = Warm::new(3);
    let all = warm.pace(SECOND);
    let number = |n: u8| seq(&all.iter().find(|(from, _)| *from == endpoint(n)).unwrap().1);
    let (one, two) = (number(1), number(2));
    let out = warm.says(1, &confirm(one, "another"));
    let urq = sent(&out);
    assert_eq!(
        header(&urq[0].1).unwrap().kind,
        RasKind::UnregistrationRequest
    );
    let rrj = Rrj::new(two, RegistrationRejectReason::ResourceUnavailable);
    warm.says(2, &rrj.encode().unwrap());
    warm.pace(10 * SECOND);
    let cold = |why| Warmth::Cold { why };
    assert_eq!(warm.warmth(1), cold(ColdWhy::OtherIdentifier));
    assert_eq!(warm.warmth(2), cold(ColdWhy::Refused));
    assert_eq!(warm.warmth(3), cold(ColdWhy::Silent));
    assert_eq!(warm.0.learner.warm_counts(0).cold, 3);
}

#[test]
fn what_is_not_asked_for_reaches_the_endpoint() {
    let mut warm = Warm::new(1);
    let message = confirm(77, "e1");
    assert_eq!(sends(&warm.says(1, &message)).len(), 1);
    // An endpoint that nothing is known of.
    assert_eq!(sends(&warm.says(9, &message)).len(), 1);
}

#[test]
fn dismissal_is_confirmed_and_the_registration_made_anew() {
    let mut warm = Warm::new(1);
    warm.warm_up(SECOND);
    let urq = Urq {
        seq: 9,
        endpoint_identifier: Some("e1".into()),
        ..Urq::default()
    };
    let out = warm.says(1, &urq.encode().unwrap());
    assert!(sends(&out).is_empty());
    let answers = sent(&out);
    assert_eq!(
        header(&answers[0].1).unwrap().kind,
        RasKind::UnregistrationConfirm
    );
    assert_eq!(warm.warmth(1), Warmth::Waiting);
    assert!(!warm.pace(62 * SECOND).is_empty());
}

#[test]
fn a_failover_publishes_what_was_warm() {
    let mut warm = Warm::new(2);
    // The full one, and two lightweight ones.
    warm.warm_up(2 * SECOND);
    for _ in 0..20 {
        warm.warm_up(SECOND);
    }
    assert_eq!(warm.0.learner.warm_counts(0).warm, 2);
    warm.0.input(Input::TakeOver {
        zone: 0,
        gatekeeper: ALTERNATE,
    });
    let out = warm.0.input(Input::Pace);
    let published: Vec<_> = out
        .iter()
        .filter_map(|output| match output {
            Output::Publish(template) => Some((template.gatekeeper, template.endpoint)),
            _ => None,
        })
        .collect();
    assert_eq!(published.len(), 2);
    assert!(
        published
            .iter()
            .all(|(gatekeeper, _)| *gatekeeper == ALTERNATE)
    );
    assert!(
        warm.0
            .learner
            .registrations()
            .all(|r| r.gatekeeper == ALTERNATE)
    );
}

#[test]
fn an_endpoint_that_leaves_is_unregistered_at_the_alternate() {
    let mut warm = Warm::new(1);
    warm.warm_up(SECOND);
    let out = warm.0.input(Input::DropRegistration {
        id: RegistrationId(1),
    });
    let all = sent(&out);
    assert_eq!(
        header(&all[0].1).unwrap().kind,
        RasKind::UnregistrationRequest
    );
}
