//! What a gatekeeper is asked, and what its answers mean: a GRQ, which anybody may send (H.225.0 7.8.1), or a
//! lightweight RRQ (7.9.1), of a registration of rasline's own or of nobody.
//!
//! Invariant: an answer is a confirm, a reject or a RIP that has the requestSeqNum of an outstanding request. Numbers are
//! drawn at random, so that who does not see the requests cannot forge answers.

use std::{collections::VecDeque, net::SocketAddr};

use rasline_core::health::{Input, Kind};
use rasline_h225::{
    RasKind, decode_ras, header,
    messages::{Grq, Rrq},
    view::{Summary, summarise},
};

use crate::{config::RasProbe, host};

/// Probes whose answers are still recognised: those of the longest dead time, in the fastest rhythm.
const REMEMBERED: usize = 512;

/// The conversation with one gatekeeper.
pub(super) struct Conversation {
    probe: RasProbe,
    /// Our RAS address.
    local: SocketAddr,
    /// requestSeqNum and probe, oldest first.
    outstanding: VecDeque<(u16, u64)>,
    /// Of our own registration.
    endpoint_identifier: Option<String>,
}

impl Conversation {
    pub(super) fn new(probe: RasProbe, local: SocketAddr) -> Self {
        Self {
            probe,
            local,
            outstanding: VecDeque::new(),
            endpoint_identifier: None,
        }
    }

    /// The request for a probe; `None`: nothing is asked.
    pub(super) fn request(&mut self, probe: u64, kind: Kind) -> Option<Vec<u8>> {
        let seq = self.draw()?;
        let encoded = match (kind, self.probe, &self.endpoint_identifier) {
            (_, RasProbe::Off, _) => return None,
            (Kind::Grq, ..) => Grq {
                aliases: vec![ALIAS.to_owned()],
                ..Grq::new(seq, self.local)
            }
            .encode(),
            (Kind::Rrq, _, Some(eid)) => Rrq::lightweight(seq, self.local, eid).encode(),
            (Kind::Rrq, RasProbe::Rrq, None) => Rrq {
                aliases: vec![ALIAS.to_owned()],
                time_to_live: Some(60),
                ..Rrq::full(seq, SocketAddr::new(self.local.ip(), 1720), self.local)
            }
            .encode(),
            // Nobody is registered by this name, which any gatekeeper must say (RRJ); nothing is kept of it there.
            (Kind::Rrq, RasProbe::Auto | RasProbe::Grq, None) => {
                Rrq::lightweight(seq, self.local, ALIAS).encode()
            }
        };
        if self.outstanding.len() >= REMEMBERED {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back((seq, probe));
        encoded.ok()
    }

    /// A number that no outstanding request has; none: the kernel has no random numbers.
    fn draw(&self) -> Option<u16> {
        let mut octets = [0; 2];
        loop {
            host::random(&mut octets).ok()?;
            let seq = u16::from_ne_bytes(octets);
            if seq != 0 && !self.outstanding.iter().any(|(it, _)| *it == seq) {
                return Some(seq);
            }
        }
    }

    /// What a message of the gatekeeper means; `None`: it answers no probe.
    pub(super) fn answer(&mut self, message: &[u8]) -> Option<Input> {
        let header = header(message).filter(|header| is_answer(header.kind))?;
        let at = self
            .outstanding
            .iter()
            .position(|(seq, _)| *seq == header.seq)?;
        let (_, probe) = self.outstanding.get(at).copied()?;
        if header.kind == RasKind::RequestInProgress {
            return Some(Input::Slow { probe });
        }
        self.outstanding.remove(at);
        if self.probe == RasProbe::Rrq {
            self.note_registration(message);
        }
        Some(Input::Answered { probe })
    }

    fn note_registration(&mut self, message: &[u8]) {
        match decode_ras(message).map(|m| summarise(&m)) {
            Ok(Summary::Rcf {
                endpoint_identifier,
                ..
            }) => self.endpoint_identifier = Some(endpoint_identifier),
            Ok(Summary::Rrj { .. }) => self.endpoint_identifier = None,
            _ => {}
        }
    }
}

/// Whether a message of this kind answers a GRQ or an RRQ.
fn is_answer(kind: RasKind) -> bool {
    kind == RasKind::RequestInProgress
        || kind.answers(RasKind::GatekeeperRequest)
        || kind.answers(RasKind::RegistrationRequest)
}

/// Alias under which rasline asks, so that gatekeepers' logs tell who it is.
const ALIAS: &str = "rasline-probe";

#[cfg(test)]
mod tests {
    use rasline_h225::encode_ras;
    use rasline_h225::messages::{Gcf, Rcf, Rrj, rip};
    use rasline_h225::types::RegistrationRejectReason;

    use super::*;

    fn local() -> SocketAddr {
        "192.0.2.1:40000".parse().unwrap()
    }

    /// A request, and its requestSeqNum.
    fn ask(c: &mut Conversation, probe: u64, kind: Kind) -> (Vec<u8>, u16) {
        let request = c.request(probe, kind).unwrap();
        let seq = header(&request).unwrap().seq;
        (request, seq)
    }

    #[test]
    fn answers_belong_to_their_probes() {
        let mut c = Conversation::new(RasProbe::Grq, local());
        let (first, one) = ask(&mut c, 70, Kind::Grq);
        let (_, two) = ask(&mut c, 71, Kind::Grq);
        assert_eq!(header(&first).unwrap().kind, RasKind::GatekeeperRequest);
        let gcf = |seq| {
            let gcf = Gcf {
                seq,
                gatekeeper_identifier: None,
                ras_address: local(),
                alternates: Vec::new(),
            };
            gcf.encode().unwrap()
        };
        assert_eq!(c.answer(&gcf(two)), Some(Input::Answered { probe: 71 }));
        assert_eq!(c.answer(&gcf(two)), None);
        assert_eq!(
            c.answer(&encode_ras(&rip(one, 50)).unwrap()),
            Some(Input::Slow { probe: 70 })
        );
        assert_eq!(c.answer(&first), None, "a request is no answer");
        assert_eq!(c.answer(&gcf(one)), Some(Input::Answered { probe: 70 }));
        assert_eq!(c.answer(&gcf(one)), None);
        assert_eq!(c.answer(b"\xff"), None);
    }

    #[test]
    fn a_registration_is_made_kept_and_made_again() {
        let mut c = Conversation::new(RasProbe::Rrq, local());
        let (full, seq) = ask(&mut c, 1, Kind::Rrq);
        assert!(!lightweight(&full));
        let rcf = Rcf {
            seq,
            endpoint_identifier: "x".into(),
            ..Rcf::default()
        };
        assert!(c.answer(&rcf.encode().unwrap()).is_some());
        let (light, seq) = ask(&mut c, 2, Kind::Rrq);
        assert!(lightweight(&light));
        let rrj = Rrj::new(seq, RegistrationRejectReason::FullRegistrationRequired);
        assert_eq!(
            c.answer(&rrj.encode().unwrap()),
            Some(Input::Answered { probe: 2 })
        );
        assert!(!lightweight(&ask(&mut c, 3, Kind::Rrq).0));
    }

    fn lightweight(message: &[u8]) -> bool {
        match summarise(&decode_ras(message).unwrap()) {
            Summary::Rrq { keep_alive, .. } => keep_alive,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_is_registered_unless_asked_for() {
        let mut c = Conversation::new(RasProbe::Auto, local());
        let (rrq, seq) = ask(&mut c, 1, Kind::Rrq);
        assert!(lightweight(&rrq));
        let rrj = Rrj::new(seq, RegistrationRejectReason::FullRegistrationRequired);
        assert!(c.answer(&rrj.encode().unwrap()).is_some());
        assert!(lightweight(&ask(&mut c, 2, Kind::Rrq).0));
    }

    #[test]
    fn numbers_are_random_and_memory_is_bounded() {
        let mut c = Conversation::new(RasProbe::Auto, local());
        let numbers: Vec<u16> = (0..2000).map(|n| ask(&mut c, n, Kind::Grq).1).collect();
        assert_eq!(c.outstanding.len(), REMEMBERED);
        assert!(numbers.iter().all(|seq| *seq != 0));
        let follow = |pair: &&[u16]| pair[1] == pair[0].wrapping_add(1);
        assert!(numbers.windows(2).filter(follow).count() < 10);
        let mut last: Vec<u16> = c.outstanding.iter().map(|(seq, _)| *seq).collect();
        last.sort_unstable();
        last.dedup();
        assert_eq!(last.len(), REMEMBERED, "each of them once");
    }
}
