//! The counters, summed over CPUs.

use aya::maps::{MapData, PerCpuArray};
use rasline_abi::{COUNTERS, Counter};
use rasline_host::failure::{Failure, Result, chain};

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

/// The map of counters.
pub(crate) struct Counters(PerCpuArray<MapData, u64>);

impl Counters {
    pub(crate) const fn new(map: PerCpuArray<MapData, u64>) -> Self {
        Self(map)
    }

    /// Reads the counters of a row. Row [`MAX_INTERFACES`](rasline_abi::MAX_INTERFACES) has those of all interfaces that are
    /// not configured.
    pub(crate) fn read_row(&self, interface: Option<String>, row: usize) -> Result<CounterRow> {
        let mut values = Vec::with_capacity(Counter::ALL.len());
        for counter in Counter::ALL {
            let index = row as u32 * COUNTERS + *counter as u32;
            let per_cpu = self
                .0
                .get(&index, 0)
                .map_err(|e| Failure::plain("map COUNTERS", chain(&e)))?;
            values.push((counter.name(), per_cpu.iter().sum()));
        }
        Ok(CounterRow { interface, values })
    }
}
