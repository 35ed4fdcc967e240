//! The counters, summed over CPUs.

use rasline_abi::{COUNTERS, Counter, MAX_INTERFACES};
use rasline_host::failure::{Failure, Result, chain};

use crate::Dataplane;

/// The counters of one interface, by name; those at zero too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterRow {
    /// Interface; none: all that are not configured.
    pub interface: Option<String>,
    /// Name and value.
    pub values: Vec<(&'static str, u64)>,
}

impl CounterRow {
    /// One of them.
    #[must_use]
    pub fn get(&self, name: &str) -> u64 {
        self.values
            .iter()
            .find(|(n, _)| *n == name)
            .map_or(0, |(_, v)| *v)
    }
}

/// What a counter counts.
#[must_use]
pub fn counter_help(name: &str) -> &'static str {
    Counter::ALL
        .iter()
        .find(|c| c.name() == name)
        .map_or("", |c| c.help().trim())
}

impl Dataplane {
    /// The counters of each interface that is attached, and of all others together.
    ///
    /// # Errors
    /// When the kernel does not give them.
    pub fn counters(&self) -> Result<Vec<CounterRow>> {
        let rows = self
            .ports
            .values()
            .map(|p| (Some(p.interface.name.clone()), p.row));
        rows.chain([(None, MAX_INTERFACES)])
            .map(|(interface, row)| self.counter_row(interface, row))
            .collect()
    }

    fn counter_row(&self, interface: Option<String>, row: usize) -> Result<CounterRow> {
        let mut values = Vec::with_capacity(Counter::ALL.len());
        for counter in Counter::ALL {
            let index = row as u32 * COUNTERS + *counter as u32;
            let per_cpu = self
                .counters
                .get(&index, 0)
                .map_err(|e| Failure::plain("map COUNTERS", chain(&e)))?;
            values.push((counter.name(), per_cpu.iter().sum()));
        }
        Ok(CounterRow { interface, values })
    }
}
