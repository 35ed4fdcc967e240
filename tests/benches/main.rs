//! `cargo xtask bench`: what a packet costs, as ratios within one interleaved run. docs/bench.md explains each row.
//!
//! Exit code: 0 when everything was measured, aims missed or not; 1 when something could not be.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::large_stack_arrays,
    clippy::similar_names,
    reason = "figures for people, and small numbers in BPF instructions"
)]

mod asm;
mod failover;
mod frames;
mod instructions;
mod programs;
mod redirect;
mod registrar;
mod report;
mod responder;
mod sys;
mod tables;
mod testrun;
mod veth;

// The same paths as in the test of their bounds.
#[path = "../kernel/interpreter/mod.rs"]
#[allow(clippy::unwrap_used, dead_code, reason = "a test's code")]
mod interpreter;
#[path = "../kernel/paths.rs"]
#[allow(dead_code, reason = "a test's code")]
mod paths;
#[path = "../kernel/steered.rs"]
mod steered;
#[path = "../kernel/world.rs"]
#[allow(clippy::unwrap_used, reason = "a test's code")]
mod world;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::frames::Rcfs;
use crate::tables::Loaded;
use crate::testrun::Effort;

const USAGE: &str = "usage: rasline-bench [--quick] [--cpu | --controller] [--json] [--soak MINUTES]\n  --quick  fewer rounds and no million registrations, a few minutes\n  --cpu    only what a packet costs, without network and failovers\n  --controller  only full registration and profiles; needs no root\n  --json   for programs\n  --soak   nothing but a soak: so many minutes of full CPU load without a false failover";

#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
#[derive(Default)]
struct Options {
    quick: bool,
    cpu: bool,
    controller: bool,
    json: bool,
    soak: Option<f64>,
}

fn main() -> ExitCode {
    let mut options = Options::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--soak" => {
                let minutes = words.next().and_then(|m| m.parse().ok());
                let Some(minutes) = minutes.filter(|m| (0.05..10_000.0).contains(m)) else {
                    eprintln!("{USAGE}");
                    return ExitCode::from(2);
                };
                options.soak = Some(minutes);
            }
            "--quick" => options.quick = true,
            "--cpu" => options.cpu = true,
            "--controller" => options.controller = true,
            "--json" => options.json = true,
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rasline-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    if let Some(minutes) = options.soak {
        print(
            &failover::soak(Duration::from_secs_f64(minutes * 60.0))?,
            options,
        );
        return Ok(());
    }
    let say = |what: &str| eprintln!("... {what}");
    // First, while the heap is empty: it counts octets.
    let controller = if options.cpu {
        Vec::new()
    } else {
        say("registrations, a zone taken over, profiles imported");
        registrar::rows(registrar::Effort {
            rounds: if options.quick { 5 } else { 9 },
            messages: if options.quick { 10_000 } else { 50_000 },
        })?
    };
    if options.controller {
        print(&controller, options);
        return Ok(());
    }
    let (effort, sizes): (_, &[u32]) = if options.quick {
        (
            Effort {
                rounds: 5,
                repeat: 1 << 18,
            },
            &[1 << 10, 1 << 17],
        )
    } else {
        (
            Effort {
                rounds: 9,
                repeat: 1 << 20,
            },
            &[1 << 10, 1 << 17, 1 << 20],
        )
    };
    say("loading the program and filling its tables");
    let mut tables = vec![];
    for registrations in sizes {
        for rcfs in [Rcfs::Shared, Rcfs::Different] {
            tables.push(Loaded::new(*registrations, rcfs)?);
        }
    }
    let mut steering = Loaded::new(1 << 10, Rcfs::Shared)?;
    steering.steer(None)?;
    tables.push(steering);
    say("instructions and lines of memory of each path");
    let mut rows = instructions::rows();
    say("answers");
    rows.extend(testrun::answers(&tables, effort)?);
    say("packets that are not ours");
    rows.extend(testrun::not_ours(&tables[0], effort)?);
    rows.extend(testrun::size(&tables)?);
    say("what is sent on to another gatekeeper");
    rows.extend(redirect::rows(effort)?);
    if options.cpu {
        print(&rows, options);
        return Ok(());
    }
    say("veth");
    let live = veth::Effort {
        rounds: if options.quick { 3 } else { 7 },
        frames: if options.quick { 1 << 20 } else { 1 << 21 },
    };
    rows.extend(veth::rates(&mut tables, live)?);
    say("failovers, each with a site of its own");
    rows.extend(failover::times(if options.quick { 8 } else { 100 })?);
    rows.extend(controller);
    print(&rows, options);
    Ok(())
}

fn print(rows: &[report::Row], options: &Options) {
    if options.json {
        println!("{:#}", report::json(rows));
    } else {
        print!("{}", report::table(rows));
    }
}
