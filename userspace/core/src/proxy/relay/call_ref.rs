//! A call as requests and reports name it.

use rasline_h225::types::{
    AdmissionRequest, BandwidthRequest, CallIdentifier, DisengageRequest, InfoRequest,
    InfoRequestResponsePerCallInfoItem,
};

use crate::ras_server::{CallKey, StoredLeg};

/// A call as a message names it.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct CallReference<'a> {
    pub identifier: Option<&'a CallIdentifier>,
    pub conference: &'a [u8],
    pub reference: u16,
    /// Which side's leg is meant.
    pub answers: Option<bool>,
    pub bandwidth: u32,
}

impl<'a> CallReference<'a> {
    /// `None`: it names no call, and asks for all.
    pub fn by_irq(irq: &'a InfoRequest) -> Option<Self> {
        let said = Self {
            identifier: irq.call_identifier.as_ref(),
            conference: &[],
            reference: irq.call_reference_value,
            answers: None,
            bandwidth: 0,
        };
        (said.reference != 0 || said.key().is_some()).then_some(said)
    }

    /// `None`: neither callIdentifier nor conferenceID says which call it is.
    pub fn key(&self) -> Option<CallKey> {
        let conference = octets(self.conference);
        let named = self.octets().is_some() || conference.is_some();
        named.then(|| CallKey::new(self.identifier, self.conference, self.reference))
    }

    /// callIdentifier.
    pub fn octets(&self) -> Option<[u8; 16]> {
        octets(&self.identifier?.guid)
    }

    /// Whether it says nothing of the other side.
    pub fn is_about(&self, leg: &StoredLeg) -> bool {
        self.answers.is_none_or(|answers| answers == leg.answers)
    }

    /// As what takes part who says so.
    pub fn leg(&self, endpoint_identifier: &str) -> StoredLeg {
        StoredLeg {
            endpoint_identifier: endpoint_identifier.to_owned(),
            answers: self.answers == Some(true),
            reference: self.reference,
            conference: octets(self.conference).unwrap_or_default(),
            bandwidth: self.bandwidth,
        }
    }
}

/// A GUID; zeros are none.
fn octets(guid: &[u8]) -> Option<[u8; 16]> {
    let octets = <[u8; 16]>::try_from(guid).ok()?;
    (octets != [0; 16]).then_some(octets)
}

impl<'a> From<&'a AdmissionRequest> for CallReference<'a> {
    fn from(arq: &'a AdmissionRequest) -> Self {
        Self {
            identifier: arq.call_identifier.as_ref(),
            conference: &arq.conference_id,
            reference: arq.call_reference_value,
            answers: Some(arq.answer_call),
            bandwidth: arq.band_width,
        }
    }
}

impl<'a> From<&'a BandwidthRequest> for CallReference<'a> {
    fn from(brq: &'a BandwidthRequest) -> Self {
        Self {
            identifier: brq.call_identifier.as_ref(),
            conference: &brq.conference_id,
            reference: brq.call_reference_value,
            answers: brq.answered_call,
            bandwidth: brq.band_width,
        }
    }
}

impl<'a> From<&'a DisengageRequest> for CallReference<'a> {
    fn from(drq: &'a DisengageRequest) -> Self {
        Self {
            identifier: drq.call_identifier.as_ref(),
            conference: &drq.conference_id,
            reference: drq.call_reference_value,
            answers: drq.answered_call,
            bandwidth: 0,
        }
    }
}

impl<'a> From<&'a InfoRequestResponsePerCallInfoItem> for CallReference<'a> {
    fn from(info: &'a InfoRequestResponsePerCallInfoItem) -> Self {
        Self {
            identifier: info.call_identifier.as_ref(),
            conference: &info.conference_id,
            reference: info.call_reference_value,
            answers: info.originator.map(|originator| !originator),
            bandwidth: info.band_width,
        }
    }
}

/// Whether both are of one callReferenceValue. The highest bit only says which side made the call (Q.931 4.3).
pub(in crate::proxy) fn is_same_reference(leg: &StoredLeg, said: &CallReference<'_>) -> bool {
    leg.reference & 0x7fff == said.reference & 0x7fff
}
