//! What can be seen of the agents from outside their thread.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use rasline_core::{
    Time,
    agent::{EventKind, Loss, View},
};

/// State of one agent.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What its machine says.
    pub view: View,
    /// What is counted beside.
    pub figures: Figures,
    /// What is wrong with its socket; empty: nothing.
    pub trouble: String,
    /// Messages on its call-signalling connections that were read and ignored; goes on counting.
    pub unused: Arc<AtomicU64>,
}

/// What is counted of one agent since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Connections refused, reset, closed, and silent.
    pub losses: [u64; 4],
    /// Losses after which it was registered again.
    pub recoveries: u64,
    /// How long the last of these took, from the loss to the RCF.
    pub last_recovery: Option<Duration>,
    /// RAS messages that could not be sent.
    pub not_sent: u64,
    /// Since when it is not registered because of a loss.
    lost_at: Option<Time>,
}

impl Figures {
    /// Names of [`Figures::losses`].
    pub const LOSSES: [&'static str; 4] = ["refused", "reset", "closed", "silent"];

    /// Takes an event of the agent's machine.
    pub(super) fn note(&mut self, now: Time, event: &EventKind) {
        match event {
            EventKind::SignallingLost { why, .. } => {
                let which = match why {
                    Loss::Refused => 0,
                    Loss::Reset => 1,
                    Loss::Closed => 2,
                    Loss::Silent => 3,
                };
                self.losses[which] += 1;
                self.lost_at.get_or_insert(now);
            }
            EventKind::Registered { .. } => {
                if let Some(lost) = self.lost_at.take() {
                    self.recoveries += 1;
                    self.last_recovery = Some(now.since(lost));
                }
            }
            _ => {}
        }
    }
}

/// Written by the thread, read by the controller.
#[derive(Clone, Debug, Default)]
pub(super) struct Board(Arc<Mutex<Vec<Shown>>>);

impl Board {
    pub(super) fn write(&self, all: Vec<Shown>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = all;
    }

    pub(super) fn read(&self) -> Vec<Shown> {
        // What is on it is replaced as a whole: as good after a panic elsewhere.
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_goes_from_the_first_loss_to_the_confirm() {
        let gatekeeper = "192.0.2.1:1719".parse().unwrap();
        let lost = |why| EventKind::SignallingLost { gatekeeper, why };
        let registered = EventKind::Registered {
            gatekeeper,
            lightweight: true,
        };
        let mut figures = Figures::default();
        figures.note(Time(5), &registered);
        assert_eq!(figures, Figures::default());
        figures.note(Time(1_000), &lost(Loss::Reset));
        figures.note(Time(2_000), &lost(Loss::Refused));
        figures.note(Time(9_000), &registered);
        figures.note(Time(9_500), &registered);
        assert_eq!(figures.losses, [1, 1, 0, 0]);
        assert_eq!(figures.recoveries, 1);
        assert_eq!(figures.last_recovery, Some(Duration::from_micros(8)));
    }

    #[test]
    fn what_comes_after_the_writing_is_counted() {
        let unused = Arc::<AtomicU64>::default();
        let board = Board::default();
        let mut agents = rasline_core::agent::Agents::new();
        let config = crate::agent::tests::agent("192.0.2.1:1719".parse().unwrap());
        let id = rasline_core::agent::AgentId(1);
        let configure = rasline_core::agent::Input::Configure(vec![config.wanted(id, 1)]);
        agents.handle(Time(1), configure, &mut Vec::new());
        board.write(vec![Shown {
            view: agents.view(id).unwrap(),
            figures: Figures::default(),
            trouble: String::new(),
            unused: unused.clone(),
        }]);
        unused.fetch_add(3, std::sync::atomic::Ordering::Relaxed);
        let shown = board.read();
        assert_eq!(
            shown[0].unused.load(std::sync::atomic::Ordering::Relaxed),
            3
        );
    }
}
