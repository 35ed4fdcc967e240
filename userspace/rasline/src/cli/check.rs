//! `rasline check`: validates a configuration.

use std::{path::Path, process::ExitCode};

use super::{load, table};

/// Prints the errors of a file, or its warnings and what it configures.
pub(super) fn run(file: &Path) -> ExitCode {
    let Some(config) = load(file) else {
        return ExitCode::FAILURE;
    };
    for warning in config.warnings() {
        table::say(&format!("{}: warning: {warning}", file.display()));
    }
    let gatekeepers = config.zones.iter().map(|z| z.gatekeepers.len());
    table::put(&format!(
        "{}: valid: {} interfaces, {} zones, {} gatekeepers{}",
        file.display(),
        config.interfaces.len(),
        config.zones.len(),
        gatekeepers.sum::<usize>(),
        match config.agents.len() {
            0 => String::new(),
            agents => format!(", {agents} agents"),
        }
    ));
    ExitCode::SUCCESS
}
