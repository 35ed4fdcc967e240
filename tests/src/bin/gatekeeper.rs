//! A gatekeeper to test against, as a process that tests kill and freeze. They start it; see the testkit's `process`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match rasline_testkit::process::serve(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rasline-gatekeeper: {error:#}");
            ExitCode::FAILURE
        }
    }
}
