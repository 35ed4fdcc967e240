//! What a gatekeeper is asked, and what its answers mean: a GRQ, which anybody may send (H.225.0 7.8.1), or the
//! lightweight RRQ of a registration of rasline's own (7.9.1).

use std::{collections::VecDeque, net::SocketAddr};

use rasline_core::health::Input;
use rasline_h225::{
    RasKind,
    build::{Grq, Rrq},
    decode_ras, header,
    view::{Summary, summarise},
};

use crate::config::RasProbe;

/// Probes whose answers are still recognised.
const REMEMBERED: usize = 256;

/// The conversation with one gatekeeper.
pub(super) struct Conversation {
    probe: RasProbe,
    /// Our RAS address.
    local: SocketAddr,
    /// requestSeqNum of the last request.
    seq: u16,
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
            seq: 0,
            outstanding: VecDeque::new(),
            endpoint_identifier: None,
        }
    }

    /// The request for a probe; `None`: nothing is asked.
    pub(super) fn request(&mut self, probe: u64) -> Option<Vec<u8>> {
        self.seq = self.seq.checked_add(1).unwrap_or(1);
        let encoded = match (&self.probe, &self.endpoint_identifier) {
            (RasProbe::Off, _) => return None,
            (RasProbe::Grq, _) => Grq {
                aliases: vec![ALIAS.to_owned()],
                ..Grq::new(self.seq, self.local)
            }
            .encode(),
            (RasProbe::Rrq, Some(eid)) => Rrq::lightweight(self.seq, self.local, eid).encode(),
            (RasProbe::Rrq, None) => Rrq {
                aliases: vec![ALIAS.to_owned()],
                time_to_live: Some(60),
                ..Rrq::full(self.seq, SocketAddr::new(self.local.ip(), 1720), self.local)
            }
            .encode(),
        };
        if self.outstanding.len() >= REMEMBERED {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back((self.seq, probe));
        encoded.ok()
    }

    /// What a message of the gatekeeper means; `None`: it answers no probe.
    pub(super) fn answer(&mut self, message: &[u8]) -> Option<Input> {
        let header = header(message)?;
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

/// Alias under which rasline asks, so that gatekeepers' logs tell who it is.
const ALIAS: &str = "rasline-probe";

#[cfg(test)]
mod tests {
    use rasline_h225::build::{Gcf, Rcf, Rrj, rip};
    use rasline_h225::encode_ras;
    use rasline_h225::types::RegistrationRejectReason;

    use super::*;

    fn local() -> SocketAddr {
        "192.0.2.1:40000".parse().unwrap()
    }

    #[test]
    fn answers_belong_to_their_probes() {
        let mut c = Conversation::new(RasProbe::Grq, local());
        let first = c.request(70).unwrap();
        c.request(71).unwrap();
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
        assert_eq!(c.answer(&gcf(2)), Some(Input::Answered { probe: 71 }));
        assert_eq!(c.answer(&gcf(2)), None);
        assert_eq!(
            c.answer(&encode_ras(&rip(1, 50)).unwrap()),
            Some(Input::Slow { probe: 70 })
        );
        assert_eq!(c.answer(&gcf(1)), Some(Input::Answered { probe: 70 }));
        assert_eq!(c.answer(&gcf(9)), None);
        assert_eq!(c.answer(b"\xff"), None);
    }

    #[test]
    fn a_registration_is_made_kept_and_made_again() {
        let mut c = Conversation::new(RasProbe::Rrq, local());
        let lightweight = |message: &[u8]| match summarise(&decode_ras(message).unwrap()) {
            Summary::Rrq { keep_alive, .. } => keep_alive,
            other => panic!("{other:?}"),
        };
        assert!(!lightweight(&c.request(1).unwrap()));
        let rcf = Rcf {
            seq: 1,
            endpoint_identifier: "x".into(),
            ..Rcf::default()
        };
        assert!(c.answer(&rcf.encode().unwrap()).is_some());
        assert!(lightweight(&c.request(2).unwrap()));
        let rrj = Rrj::new(2, RegistrationRejectReason::FullRegistrationRequired);
        assert_eq!(
            c.answer(&rrj.encode().unwrap()),
            Some(Input::Answered { probe: 2 })
        );
        assert!(!lightweight(&c.request(3).unwrap()));
    }

    #[test]
    fn numbers_go_round_and_memory_is_bounded() {
        let mut c = Conversation::new(RasProbe::Grq, local());
        for probe in 0..70_000 {
            c.request(probe).unwrap();
        }
        assert_eq!(c.outstanding.len(), REMEMBERED);
        assert!(c.outstanding.iter().all(|(seq, _)| *seq != 0));
    }
}
