//! Which endpoint a call is of, for requests of the gatekeeper that name a call only.

use std::collections::{HashMap, VecDeque};

use rasline_h225::types::{AdmissionRequest, CallIdentifier};

use super::EntryId;

/// Calls known at most; the oldest is forgotten first.
const MOST: usize = 65_536;

/// callIdentifier and callReferenceValue.
type Call = (Vec<u8>, u16);

/// The calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    all: HashMap<Call, EntryId>,
    order: VecDeque<Call>,
}

impl Calls {
    /// An endpoint asks to be admitted.
    pub fn started(&mut self, arq: &AdmissionRequest, id: EntryId) {
        let Some(call) = call(arq.call_identifier.as_ref(), arq.call_reference_value) else {
            return;
        };
        if self.all.insert(call.clone(), id).is_none() {
            self.order.push_back(call);
        }
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
    }

    /// Who is in this call.
    pub fn of(&self, identifier: Option<&CallIdentifier>, reference: u16) -> Option<EntryId> {
        self.all.get(&call(identifier, reference)?).copied()
    }
}

/// `None` where no call is named.
fn call(identifier: Option<&CallIdentifier>, reference: u16) -> Option<Call> {
    let guid = &identifier?.guid;
    let named = guid.iter().any(|octet| *octet != 0);
    named.then(|| (guid.to_vec(), reference))
}
