//! How many registrations each gatekeeper has in each state, kept up to date as they change.
//!
//! Invariant: the sum over all gatekeepers is the number of registrations. Asking costs nothing by registration.

use std::collections::HashMap;

use super::{NotAnsweredReason, State};

/// A state as it is counted: how many pairs a learning one has seen does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CensusState {
    /// [`State::Learning`].
    Learning,
    /// [`State::Publishing`].
    Publishing,
    /// [`State::Answered`].
    Answered,
    /// [`State::NotAnswered`].
    NotAnswered(NotAnsweredReason),
}

impl From<State> for CensusState {
    fn from(state: State) -> Self {
        match state {
            State::Learning { .. } => Self::Learning,
            State::Publishing => Self::Publishing,
            State::Answered => Self::Answered,
            State::NotAnswered { why } => Self::NotAnswered(why),
        }
    }
}

/// Registrations by gatekeeper index and state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census(HashMap<u32, HashMap<CensusState, usize>>);

impl Census {
    /// How many there are at a gatekeeper, by state; those that nobody has are left out.
    pub fn at(&self, gatekeeper: u32) -> impl Iterator<Item = (CensusState, usize)> {
        self.0
            .get(&gatekeeper)
            .into_iter()
            .flatten()
            .map(|(state, n)| (*state, *n))
    }

    /// How many there are at a gatekeeper.
    #[must_use]
    pub fn known(&self, gatekeeper: u32) -> usize {
        self.at(gatekeeper).map(|(_, n)| n).sum()
    }

    /// How many of them the kernel answers.
    #[must_use]
    pub fn answered(&self, gatekeeper: u32) -> usize {
        let all = self.0.get(&gatekeeper);
        all.and_then(|all| all.get(&CensusState::Answered))
            .copied()
            .unwrap_or(0)
    }

    pub(crate) fn add(&mut self, gatekeeper: u32, state: State) {
        *self
            .0
            .entry(gatekeeper)
            .or_default()
            .entry(state.into())
            .or_default() += 1;
    }

    pub(crate) fn take(&mut self, gatekeeper: u32, state: State) {
        let Some(all) = self.0.get_mut(&gatekeeper) else {
            return;
        };
        if let Some(n) = all.get_mut(&state.into()) {
            *n -= 1;
            if *n == 0 {
                all.remove(&state.into());
            }
        }
        if all.is_empty() {
            self.0.remove(&gatekeeper);
        }
    }
}
