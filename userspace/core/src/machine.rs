//! The controller's state machine as a whole.

use std::collections::HashMap;

use crate::{
    Config, GatekeeperInfo, Input, Output, Reason, Registration, RegistrationId, Stats, Time, Why,
};

/// Everything that is known, and what follows from it.
#[derive(Debug)]
pub struct Core {
    config: Config,
    registrations: HashMap<RegistrationId, Registration>,
    gatekeepers: HashMap<u32, GatekeeperInfo>,
    stats: Stats,
}

impl Core {
    /// Nothing known yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            registrations: HashMap::new(),
            gatekeepers: HashMap::new(),
            stats: Stats::default(),
        }
    }

    /// Takes one input and appends what is to be done, in order.
    pub fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Vec<Output>) {
        let _ = now;
        match input {
            Input::Message(message) if message.reason == Reason::Diverted => {
                out.push(Output::Send {
                    gatekeeper: message.gatekeeper,
                    endpoint: message.endpoint,
                    payload: message.payload.to_vec(),
                })
            }
            Input::Reconfigure(config) => self.config = config,
            _ => {}
        }
    }

    /// All registrations, in no order.
    pub fn registrations(&self) -> impl Iterator<Item = &Registration> {
        self.registrations.values()
    }

    /// One registration.
    #[must_use]
    pub fn registration(&self, id: RegistrationId) -> Option<&Registration> {
        self.registrations.get(&id)
    }

    /// Why the kernel does not answer it; `None`: it does, as its zone's policy has it.
    #[must_use]
    pub fn why_not(&self, registration: &Registration) -> Option<Why> {
        let _ = registration;
        None
    }

    /// What a gatekeeper said about itself.
    #[must_use]
    pub fn gatekeeper(&self, index: u32) -> Option<&GatekeeperInfo> {
        self.gatekeepers.get(&index)
    }

    /// Numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }
}
