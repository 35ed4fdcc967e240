//! Counters of the program's verdicts.

use serde::{Deserialize, Serialize};

/// Verdict counters of one interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Name of the interface; `-` for all that are not configured.
    pub interface: String,
    /// All counters, in the order of the data path's table.
    pub counters: Vec<Counter>,
}

/// A verdict counter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counter {
    /// Name of the counter.
    pub name: String,
    /// Number of frames counted.
    pub value: u64,
    /// Description of what it counts.
    pub help: String,
}
