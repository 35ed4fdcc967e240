//! Splits an RCF into an RCF template that many endpoints can share and the endpointIdentifier that only one has.
//!
//! Invariant: the endpointIdentifier of the RRQ, put into the RCF template's hole, gives the RCF again, octet by octet.

use std::time::Duration;

use rasline_abi::{MAX_EID, MAX_RCF, RCF_TEMPLATE_BYTES, RcfTemplate, duration_to_ticks};

/// An RCF to be answered, and what else an RCF template says.
#[derive(Clone, Copy, Debug)]
pub struct Template<'a> {
    /// The RCF as the endpoint gets it.
    pub answer: &'a [u8],
    /// The RCF as the gatekeeper sends it, if that is another one.
    pub original: Option<&'a [u8]>,
    /// endpointIdentifier's characters (UTF-16BE), as they may stand in RRQ and RCF; may be empty.
    pub endpoint_identifier: &'a [u8],
    /// timeToLive at the gatekeeper.
    pub gatekeeper_ttl: Duration,
    /// How often a keep-alive is let through.
    pub refresh_every: Duration,
}

/// A [`Template`] taken apart.
#[derive(Debug)]
pub struct Parts {
    /// The RCF template that is answered; `original` is for the table to fill in.
    pub rcf_template: Box<RcfTemplate>,
    /// The RCF template of the gatekeeper's own RCF, if that is another one.
    pub original: Option<Box<RcfTemplate>>,
    /// Octet of the RRQ at which the endpointIdentifier stands; 0: no hole.
    pub eid_at: u16,
    /// The RCF that is answered, with requestSeqNum 0.
    pub answer: Vec<u8>,
}

/// Where `needle` stands in `hay`, if it stands there exactly once.
fn only(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let mut at = hay
        .windows(needle.len())
        .enumerate()
        .filter(|(_, w)| *w == needle)
        .map(|(i, _)| i);
    let first = at.next()?;
    at.next().is_none().then_some(first)
}

impl Template<'_> {
    /// Takes it apart; none if an RCF is too long or short for an RCF template.
    #[must_use]
    pub fn split(&self, rrq: &[u8]) -> Option<Parts> {
        let fits = |rcf: &[u8]| (16..=MAX_RCF).contains(&rcf.len());
        if !fits(self.answer) || !self.original.is_none_or(fits) {
            return None;
        }
        let (hole_at, eid_at) = self.hole(rrq).unwrap_or((0, 0));
        let hole_len = if eid_at == 0 {
            0
        } else {
            self.endpoint_identifier.len()
        };
        let rcf_template = |rcf: &[u8], patched: bool| {
            let mut octets = [0; RCF_TEMPLATE_BYTES];
            octets[..rcf.len()].copy_from_slice(rcf);
            octets[2..4].fill(0);
            octets[hole_at..hole_at + hole_len].fill(0);
            Box::new(RcfTemplate {
                len: rcf.len() as u16,
                hole_at: hole_at as u16,
                hole_len: hole_len as u16,
                patched: u16::from(patched),
                original: 0,
                gatekeeper_ttl: duration_to_ticks(self.gatekeeper_ttl.as_nanos() as u64),
                refresh_every: duration_to_ticks(self.refresh_every.as_nanos() as u64),
                sum: rasline_datapath::checksum::sum(&octets),
                reserved: 0,
                rcf: octets,
            })
        };
        let mut answer = self.answer.to_vec();
        answer[2..4].fill(0);
        let parts = Parts {
            rcf_template: rcf_template(self.answer, self.original.is_some()),
            original: self.original.map(|rcf| rcf_template(rcf, false)),
            eid_at: eid_at as u16,
            answer,
        };
        debug_assert_eq!(
            reconstruct(&parts.rcf_template, rrq, parts.eid_at),
            parts.answer
        );
        Some(parts)
    }

    /// Where the hole is in both RCFs, and where the RRQ has what belongs there.
    fn hole(&self, rrq: &[u8]) -> Option<(usize, usize)> {
        let eid = self.endpoint_identifier;
        if !(8..=MAX_EID).contains(&eid.len()) {
            return None;
        }
        // The kernel compares the first eight octets on their own.
        let hole_at = only(self.answer, eid).filter(|at| *at >= 8)?;
        if let Some(original) = self.original
            && only(original, eid) != Some(hole_at)
        {
            return None;
        }
        let eid_at = rrq
            .windows(eid.len())
            .position(|w| w == eid)
            .filter(|at| *at >= 4)?;
        Some((hole_at, eid_at))
    }
}

/// The RCF (requestSeqNum 0) that an RCF template and an RRQ give: what the kernel does.
#[must_use]
pub fn reconstruct(rcf_template: &RcfTemplate, rrq: &[u8], eid_at: u16) -> Vec<u8> {
    let mut rcf = rcf_template.rcf[..usize::from(rcf_template.len)].to_vec();
    let (hole, len, from) = (
        usize::from(rcf_template.hole_at),
        usize::from(rcf_template.hole_len),
        usize::from(eid_at),
    );
    rcf[hole..hole + len].copy_from_slice(&rrq[from..from + len]);
    rcf
}
