//! Who is where by a zone's profile, for zones that are not served here.

use std::sync::{Arc, OnceLock};

use super::unit;
use super::{Setup, ZoneSettings};
use crate::Time;
use crate::profile::Profile;
use crate::registrar::{Destination, Registrar};

/// A profile and, once it is asked for, a registrar that nobody registers with: it finds who is known as one that serves
/// the zone would.
#[derive(Debug)]
pub(super) struct Directory {
    profile: Arc<Profile>,
    index: OnceLock<Box<Registrar>>,
}

impl Directory {
    pub(super) const fn new(profile: Arc<Profile>) -> Self {
        Self {
            profile,
            index: OnceLock::new(),
        }
    }

    pub(super) const fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// Where this alias is called.
    pub(super) fn locate(&self, alias: &String) -> Option<Destination> {
        let index = self.index.get_or_init(|| {
            let zone = ZoneSettings {
                zone: u32::MAX,
                name: self.profile.zone.clone(),
                always: false,
                own: Vec::new(),
                here: Vec::new(),
                call_signal_address: None,
                reserved: crate::Reserved::default(),
                alternates: Vec::new(),
            };
            let settings = unit::start(&Setup::default(), 0, &zone, &self.profile);
            Box::new(Registrar::new(settings, Time(0)))
        });
        index.locate(std::slice::from_ref(alias))
    }
}
