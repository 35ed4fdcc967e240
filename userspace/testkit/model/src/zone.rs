//! Zones whose registrar admits everybody, and the disk of such a registrar.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rasline_core::Reserved;
use rasline_core::profile::{Authentication, CallModel, Limits, Profile, Subscription, TimeToLive};
use rasline_core::registrar::{EntryId, Output, Settings, Stored, StoredCall};

/// The profile of a zone that admits everybody, with this gatekeeperIdentifier, and 60 s as timeToLive.
#[must_use]
pub fn open_profile(gatekeeper_identifier: &str) -> Profile {
    Profile {
        zone: "site".into(),
        tenant: String::new(),
        gatekeeper_identifier: gatekeeper_identifier.into(),
        subscription: Subscription::default(),
        time_to_live: TimeToLive {
            default: 60,
            min: 60,
            max: 60,
        },
        call_model: CallModel::Direct,
        authentication: Authentication::None,
        limits: Limits::default(),
        admit_unknown: true,
        prefixes: Vec::new(),
        plan: Vec::new(),
        reach: Vec::new(),
        neighbours: Vec::new(),
        endpoints: Vec::new(),
    }
}

/// Settings of a registrar at this RAS address, without alternates and call signalling.
#[must_use]
pub fn registrar_settings(profile: Profile, ras_address: SocketAddr) -> Settings {
    Settings {
        profile: Arc::new(profile),
        call_signal_address: None,
        here: Vec::new(),
        ras_addresses: vec![ras_address],
        reserved: Reserved::default(),
        alternates: Vec::new(),
        seed: 1,
        max_answers: 100_000,
        unix_at_zero: 1_700_000_000,
    }
}

/// What a registrar has stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Registrations by their numbers.
    pub registrations: BTreeMap<EntryId, Stored>,
    /// Calls, by name.
    pub calls: BTreeMap<String, StoredCall>,
}

impl Disk {
    /// Writes what these outputs want stored. Returns the number of writes of calls.
    pub fn write(&mut self, outputs: &[Output]) -> usize {
        for one in outputs {
            self.write_one(one);
        }
        let of_calls =
            |one: &&Output| matches!(one, Output::StoreCall(_) | Output::ForgetCall { .. });
        outputs.iter().filter(of_calls).count()
    }

    /// Writes what an output wants stored.
    pub fn write_one(&mut self, output: &Output) {
        match output {
            Output::Store(stored) => {
                self.registrations.insert(stored.id, (**stored).clone());
            }
            Output::Forget { id } => {
                self.registrations.remove(id);
            }
            Output::StoreCall(call) => {
                self.calls.insert(call.call.clone(), (**call).clone());
            }
            Output::ForgetCall { call } => {
                self.calls.remove(call);
            }
            _ => {}
        }
    }
}
