//! What may happen to each call, and what may not.

use std::collections::BTreeMap;

use rasline_h225::q931::Message;

/// A call: its number and its parties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallNumber {
    pub n: u8,
    pub from: usize,
    pub to: usize,
}

pub fn identifier(call: CallNumber) -> [u8; 16] {
    let mut id = [7; 16];
    id[..3].copy_from_slice(&[call.n, call.from as u8, call.to as u8]);
    id
}

pub fn number_of(id: [u8; 16]) -> CallNumber {
    CallNumber {
        n: id[0],
        from: usize::from(id[1]),
        to: usize::from(id[2]),
    }
}

/// What is known of a call.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    pub gatekeeper: usize,
    /// Rasline knows that the gatekeeper is lost.
    pub is_orphaned: bool,
    /// The caller got Connect.
    pub is_connected: bool,
    /// Somebody who may ended it.
    pub may_end: bool,
}

/// All calls.
#[derive(Default)]
pub struct Ledger(pub BTreeMap<CallNumber, Record>);

impl Ledger {
    pub fn record(&mut self, call: CallNumber) -> &mut Record {
        self.0.get_mut(&call).unwrap()
    }

    pub fn note_connected(&mut self, call: CallNumber) {
        self.record(call).is_connected = true;
    }

    pub fn check_end(&mut self, call: CallNumber, n: usize, end: &Message) {
        let record = self.record(call);
        assert!(
            record.may_end || !record.is_connected,
            "phone {n} gets {end:?} in {call:?}: {record:?}"
        );
        record.may_end = true;
    }
}
