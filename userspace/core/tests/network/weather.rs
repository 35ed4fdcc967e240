//! What the network does to what is sent.

use std::collections::HashSet;
use std::time::Duration;

use rasline_testkit_model::dice::Dice;

/// Sites: endpoints of one are cut off together.
pub const SITES: usize = 4;

/// The network now.
#[derive(Debug)]
pub struct Weather {
    /// Of a thousand datagrams, so many are lost ...
    pub loss: u32,
    /// ... and so many come twice.
    pub twice: u32,
    /// One takes between so long ...
    pub least: Duration,
    /// ... and so long, so that they overtake each other.
    pub most: Duration,
    /// Which gatekeepers cannot be reached from which sites.
    pub cut: HashSet<(usize, usize)>,
}

impl Weather {
    /// A good local network.
    pub fn fair() -> Self {
        Self {
            loss: 0,
            twice: 0,
            least: Duration::from_micros(200),
            most: Duration::from_millis(1),
            cut: HashSet::new(),
        }
    }

    /// A bad one: a tenth is lost, some come twice, all are slow and overtake each other.
    pub fn foul() -> Self {
        Self {
            loss: 100,
            twice: 50,
            least: Duration::from_millis(1),
            most: Duration::from_millis(400),
            cut: HashSet::new(),
        }
    }

    /// When each copy of a datagram arrives, from now on.
    pub fn copies(&self, dice: &mut Dice) -> Vec<Duration> {
        let copies = if dice.per_mille(self.twice) { 2 } else { 1 };
        (0..copies)
            .filter_map(|_| {
                let delay = dice.between(self.least, self.most);
                (!dice.per_mille(self.loss)).then_some(delay)
            })
            .collect()
    }

    /// Whether a gatekeeper can be reached from there.
    pub fn reachable(&self, gatekeeper: usize, site: usize) -> bool {
        !self.cut.contains(&(gatekeeper, site))
    }
}
