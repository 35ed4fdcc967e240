//! What an agent keeps: alternates that gatekeepers named, and over restarts who it was, and where.
//!
//! Invariant: a newer list of alternates takes the place of the older one (H.225.0 7.9.2).

use rasline_h225::view::Alternates;

use super::agent::{Agent, State, Step};
use super::targets::{self, Target};
use super::{Output, Remembered};

impl Agent {
    /// Heeds alternates that a message named. Those to be used for this request.
    pub fn heed(&mut self, named: Option<Alternates>) -> Vec<Target> {
        let Some(named) = named else {
            return Vec::new();
        };
        let list = targets::usable(&self.config, &named.list);
        let targets = list.iter().map(Target::from).collect();
        if named.permanent {
            self.alternates = list;
        }
        targets
    }

    /// What was known before the start; later it knows better.
    pub fn restore(&mut self, remembered: Remembered) {
        if !matches!(self.state, State::Waiting { .. }) || self.home.is_some() || self.forlorn {
            return;
        }
        self.alternates = targets::usable(&self.config, &remembered.alternates);
        self.identity.clone_from(&remembered.endpoint_identifier);
        self.home = remembered.gatekeeper;
        self.restored = self.identity.is_some();
        self.kept = Some(remembered);
    }

    /// Keeps what changed.
    pub fn keep(&mut self, step: &mut Step<'_>) {
        let remembered = Remembered {
            name: self.config.name.clone(),
            gatekeeper: self.home,
            endpoint_identifier: self.identity.clone(),
            alternates: self.alternates.clone(),
        };
        let nothing = remembered.gatekeeper.is_none() && remembered.alternates.is_empty();
        if self.kept.as_ref() != Some(&remembered) && !(nothing && self.kept.is_none()) {
            self.kept = Some(remembered.clone());
            step.out.push(Output::Persist(remembered));
        }
    }
}
