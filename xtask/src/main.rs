//! `cargo xtask`: the development tasks of rasline. Every task first sets up what it needs and builds what it runs.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::build::Want;
use crate::setup::Part;

mod bench;
mod btf;
mod build;
mod check;
mod demo;
mod dist;
mod fuzz;
mod paths;
mod process;
mod setup;
mod test;
mod toolchain;

/// Development tasks of rasline.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the other tasks need: the BPF toolchain, network tools, the Python oracle.
    Setup {
        /// Only report what is missing; exit with 1 if something is.
        #[arg(long)]
        check: bool,
    },
    /// Build the BPF object, then all crates for userspace.
    Build {
        /// Build the rasline binary, optimised, instead of all crates.
        #[arg(long)]
        release: bool,
    },
    /// Run a demonstration of the gateway in network namespaces (root).
    Demo {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run all tests, including those with the kernel and in network namespaces (root).
    Test {
        /// Run only tests whose name contains one of these.
        filters: Vec<String>,
    },
    /// Check formatting, lints, documentation, licences and house rules; all steps run, then failures are listed.
    Check,
    /// Build the Debian package (target/dist/rasline.deb), and a package of its debugging symbols.
    Dist {
        /// Build to pack.
        #[arg(long, default_value = "release")]
        profile: dist::Profile,
        /// Also install, upgrade, remove and purge it in a bare Debian with systemd (root).
        #[arg(long)]
        test: bool,
    },
    /// Run the benchmarks (root).
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Fuzz with cargo-fuzz on nightly.
    Fuzz {
        /// Fuzz target; by default all targets.
        target: Option<String>,
        /// Minutes to run each target.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
        minutes: u64,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Setup { check: true } => setup::report(),
        Task::Setup { check: false } => setup::everything(),
        Task::Build { release: false } => {
            setup::ensure(&[Part::Bpf])?;
            build::run(Want::Debug)
        }
        Task::Build { release: true } => {
            setup::ensure(&[Part::Bpf])?;
            build::run(Want::Release)
        }
        Task::Demo { args } => {
            ready_for_namespaces("demo", Want::Debug)?;
            process::say("the demo runs for about a minute");
            demo::run(&args)
        }
        Task::Test { filters } => test::run(&filters),
        Task::Check => check::run(),
        Task::Dist { profile, test } => dist::run(profile, test),
        Task::Bench { args } => {
            ready_for_namespaces("bench", Want::ReleaseWithTools)?;
            bench::run(&args)
        }
        Task::Fuzz { target, minutes } => fuzz::run(target.as_deref(), minutes),
    }
}

/// Prepares demo and bench: checks for root, installs all tools, builds the binaries.
fn ready_for_namespaces(task: &str, want: Want) -> anyhow::Result<()> {
    process::require_root(task)?;
    setup::ensure(&[Part::Bpf, Part::Network])?;
    build::run(want)
}
