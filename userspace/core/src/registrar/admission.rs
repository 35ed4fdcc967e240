//! ARQ: may it call, and whom does it reach where (H.225.0 7.11)?
//!
//! Bandwidth: who asks for more than a call may have gets what a call may have; when all calls together would have too
//! much it is requestDenied. A known call that is asked for again (another requestSeqNum) is changed, not counted twice.
//! What the ARQ carries for the other side (tokens, circuits, vendors' content) is not a gatekeeper's to carry.

use rasline_h225::text::from_transport;
use rasline_h225::types::{
    AdmissionConfirm, AdmissionRejectReason as Why, AdmissionRequest, AliasAddress,
};

use super::aliases::texts;
use super::calls::{Calls, Joining};
use super::destination::{Directory, Nowhere};
use super::entries::Entry;
use super::policy::Policy;
use super::{Destination, EntryId, Output};
use crate::Time;
use crate::ras_server::{CallKey, StoredLeg};

/// hopCount of an LRQ of our own.
pub(super) const HOPS: u8 = 7;

/// A registered endpoint that asks for a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller<'a> {
    pub id: EntryId,
    pub entry: &'a Entry,
    pub arq: &'a AdmissionRequest,
}

impl Caller<'_> {
    /// Where the call is to go, `None` if that must be looked for elsewhere.
    pub fn find_called(self, directory: Directory<'_>) -> Result<Option<Destination>, Why> {
        let (policy, arq) = (directory.policy, self.arq);
        let leg = (self.id, arq.answer_call);
        let calls = directory.calls;
        calls.check_room(&self.key(), leg, &policy.limits())?;
        if arq.answer_call {
            return Ok(Some(self.own_address()));
        }
        let aliases = texts(arq.destination_info.as_deref());
        let address = arq
            .dest_call_signal_address
            .as_ref()
            .and_then(from_transport);
        if aliases.is_empty() && address.is_none() {
            return Err(Why::IncompleteAddress);
        }
        let found = directory.resolve(&policy.plan_numbers(&aliases));
        let found = found.map_err(|nowhere| match nowhere {
            Nowhere::Inconsistent => Why::AliasesInconsistent,
            Nowhere::Full => Why::ExceedsCallCapacity,
        })?;
        if let Some(found) = found.or_else(|| directory.find_at(address?)) {
            return Ok(Some(found));
        }
        match address {
            // One who is nobody's: only where unknown ones are admitted.
            Some(address) if aliases.is_empty() && policy.profile().admit_unknown => {
                Ok(Some(Destination {
                    call_signal_address: address,
                    ras_address: address,
                    aliases: Vec::new(),
                }))
            }
            _ if aliases.is_empty() => Err(Why::CalledPartyNotRegistered),
            _ => Ok(None),
        }
    }

    /// Who answers is told its own address.
    fn own_address(self) -> Destination {
        let entry = self.entry;
        Destination {
            call_signal_address: entry.signalled_at().unwrap_or(entry.endpoint),
            ras_address: entry.ras,
            aliases: entry.aliases.clone(),
        }
    }

    fn key(self) -> CallKey {
        let reference = self.arq.call_reference_value;
        let conference = &self.arq.conference_id[..];
        CallKey::new(self.arq.call_identifier.as_ref(), conference, reference)
    }

    /// Admits the call to this destination, if there is bandwidth.
    pub fn admit(
        self,
        seq: u16,
        found: &Destination,
        (policy, calls): (&Policy, &mut Calls),
        now: Time,
        out: &mut Vec<Output>,
    ) -> Result<AdmissionConfirm, Why> {
        let (arq, limits) = (self.arq, policy.limits());
        let bandwidth = arq.band_width.min(limits.call_bandwidth);
        let joining = Joining {
            entry: self.id,
            key: self.key(),
            identifier: arq.call_identifier.clone(),
            part: StoredLeg {
                endpoint_identifier: self.entry.identifier.clone(),
                answers: arq.answer_call,
                reference: arq.call_reference_value,
                conference: <[u8; 16]>::try_from(&arq.conference_id[..]).unwrap_or_default(),
                bandwidth,
            },
        };
        calls.admit(now, joining, &limits, || self.names(), out)?;
        Ok(policy.acf(seq, arq, bandwidth, found))
    }

    /// The caller's name, and the callee's.
    fn names(self) -> (String, String) {
        fn first(list: Option<&[AliasAddress]>) -> Option<String> {
            texts(list).into_iter().next()
        }
        let (arq, own) = (self.arq, self.entry.name().to_owned());
        if arq.answer_call {
            return (first(Some(&arq.src_info)).unwrap_or_default(), own);
        }
        let address = || {
            let address = from_transport(arq.dest_call_signal_address.as_ref()?)?;
            Some(address.to_string())
        };
        let called = first(arq.destination_info.as_deref());
        (own, called.or_else(address).unwrap_or_default())
    }
}
