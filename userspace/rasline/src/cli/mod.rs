//! The command line, one file per noun: arguments, request to the controller, and what is printed. Exit codes: 0 success, 1 failure, 2 wrong usage.

mod agent;
mod call;
pub(crate) mod capture;
mod check;
mod controller;
mod counters;
mod doctor;
mod events;
mod gatekeeper;
mod generate;
mod profile;
mod registration;
mod status;
mod table;
mod zone;

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    config::{Config, ConfigError, DEFAULT_PATH, Daemon, LastGood},
    control::{Command as Ask, client::Client},
    failure::{Failure, Result},
    firewall,
};

/// H.323 gateway: answers RAS keep-alives in the kernel.
#[derive(Debug, Parser)]
#[command(name = "rasline", version, max_term_width = 100)]
struct Cli {
    /// Configuration file.
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Control socket of the controller; by default the one in the configuration.
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the controller in the foreground.
    Run {
        /// Keep a copy of the last configuration in force here, and start with the copy if the file has an error.
        #[arg(long, value_name = "FILE")]
        last_good: Option<PathBuf>,
    },
    /// Validate a configuration.
    Check {
        /// File to check; by default the one given by --config.
        file: Option<PathBuf>,
    },
    /// Show the state of the controller: interfaces, zones, gatekeepers, rates, tables and losses.
    Status(status::Options),
    /// List, show and move zones.
    #[command(subcommand)]
    Zone(zone::ZoneCommand),
    /// List gatekeepers.
    #[command(subcommand)]
    Gatekeeper(gatekeeper::GatekeeperCommand),
    /// The calls whose signalling rasline ends.
    #[command(subcommand)]
    Call(call::CallCommand),
    /// List, show and drop registrations.
    #[command(subcommand)]
    Registration(registration::RegistrationCommand),
    /// Manage profiles of zones, used when rasline serves a zone itself; works without the controller.
    Profile(profile::Options),
    /// List, show and reregister agents (rasline's own endpoints).
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    /// Show how often the data path reached each verdict, by interface and reason.
    Counters(counters::Options),
    /// Show events; with --follow, new ones as they happen.
    Events(events::Options),
    /// Capture the frames that the data path handles, with its verdicts; works without the controller.
    Capture(capture::Options),
    /// Check this machine and the path to the gatekeepers.
    Doctor {
        #[command(flatten)]
        json: Json,
    },
    /// Print nftables rules that exempt RAS and call signalling of the zones from connection tracking.
    Firewall,
    /// Attach the program to a configured interface again, after `detach`.
    Attach {
        /// Name of the interface.
        interface: String,
    },
    /// Detach the program from an interface; works without the controller.
    Detach {
        /// Name of the interface.
        interface: String,
    },
    /// Write man pages or shell completions, for packages.
    #[command(hide = true)]
    Generate {
        /// What to generate.
        what: Generated,
        /// Folder to write to.
        folder: PathBuf,
    },
    /// Reload the configuration (like SIGHUP).
    Reload,
    /// Stop the controller.
    Stop {
        /// Leave the program attached and answering.
        #[arg(long, conflicts_with = "detach")]
        stay: bool,
        /// Detach the program regardless of on_stop; works without the controller.
        #[arg(long)]
        detach: bool,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Generated {
    Man,
    Completions,
}

/// The `--json` option of commands that print.
#[derive(Clone, Copy, Debug, Args)]
struct Json {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the controller: file, configuration, copy of the last configuration in force, and the error of a broken file.
pub type RunController = fn(&Path, Config, LastGood, Option<String>) -> Result<()>;

/// Runs the command line; `run_controller` is called for `rasline run`.
#[must_use]
pub fn main(run_controller: RunController) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return usage(&e),
    };
    match run(&cli, run_controller) {
        Ok(code) => code,
        Err(e) => {
            table::say(&e);
            ExitCode::FAILURE
        }
    }
}

/// Prints help, version, or the error in the arguments. Returns clap's exit code.
fn usage(e: &clap::Error) -> ExitCode {
    let code = match e.print().and_then(|()| io::stdout().flush()) {
        Ok(()) => e.exit_code(),
        Err(failed) if e.use_stderr() => {
            drop(failed);
            e.exit_code()
        }
        Err(failed) => table::cannot_write(&failed),
    };
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

fn run(cli: &Cli, run_controller: RunController) -> Result<ExitCode> {
    match &cli.command {
        Command::Run { last_good } => return start(cli, last_good.clone(), run_controller),
        Command::Check { file } => return Ok(check::run(file.as_ref().unwrap_or(&cli.config))),
        Command::Doctor { json } => return Ok(doctor::run(&cli.config, json.json)),
        Command::Profile(options) => return profile::run(&cli.config, options),
        Command::Capture(options) => match load(&cli.config) {
            Some(config) => capture::run(&config, options)?,
            None => return Ok(ExitCode::FAILURE),
        },
        Command::Firewall => match load(&cli.config) {
            Some(config) => table::put_document(&firewall::rules(&config)),
            None => return Ok(ExitCode::FAILURE),
        },
        Command::Generate { what, folder } => match what {
            Generated::Man => generate::man(folder)?,
            Generated::Completions => generate::completions(folder)?,
        },
        Command::Status(options) => status::run(cli, *options)?,
        Command::Zone(command) => zone::run(cli, command)?,
        Command::Gatekeeper(command) => gatekeeper::run(cli, command)?,
        Command::Call(command) => call::run(cli, command)?,
        Command::Registration(command) => registration::run(cli, command)?,
        Command::Agent(command) => agent::run(cli, command)?,
        Command::Counters(options) => counters::run(cli, *options)?,
        Command::Events(options) => events::run(cli, options)?,
        Command::Attach { interface } => cli.order(Ask::Attach {
            interface: interface.clone(),
        })?,
        Command::Detach { interface } => controller::detach(cli, interface)?,
        Command::Reload => cli.order(Ask::Reload)?,
        Command::Stop { stay, detach } => controller::stop(cli, *stay, *detach)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the controller with the configuration, or with the last one in force if the file has an error.
fn start(cli: &Cli, last_good: Option<PathBuf>, run_controller: RunController) -> Result<ExitCode> {
    let last_good = LastGood::new(last_good);
    let (config, errors) = match last_good.load(&cli.config) {
        Ok(loaded) => loaded,
        Err(errors) => {
            complain(&errors);
            return Ok(ExitCode::FAILURE);
        }
    };
    complain(&errors);
    let broken = errors.first().map(ToString::to_string);
    run_controller(&cli.config, config, last_good, broken).map(|()| ExitCode::SUCCESS)
}

/// Loads a configuration; prints all of its errors and returns `None` if it has any.
fn load(file: &Path) -> Option<Config> {
    Config::load(file).map_err(|errors| complain(&errors)).ok()
}

fn complain(errors: &[ConfigError]) {
    for e in errors {
        table::say(e);
    }
}

impl Cli {
    /// Path of the controller's socket: `--socket`, or else as configured.
    fn socket(&self) -> PathBuf {
        if let Some(socket) = &self.socket {
            return socket.clone();
        }
        self.daemon().control_socket
    }

    /// `[daemon]`, as far as the file can be read. A broken file is reported but does not keep the command from
    /// reaching a running controller.
    fn daemon(&self) -> Daemon {
        let (daemon, wrong) = Config::load_daemon(&self.config);
        if let Some(e) = wrong {
            let next = "see `rasline check`, or give the socket with --socket";
            table::say(&Failure::new("configuration", e, next));
        }
        daemon
    }

    fn client(&self) -> Result<Client> {
        Client::connect(&self.socket())
    }

    /// Sends an order to the controller, and prints what it says.
    fn order(&self, order: Ask) -> Result<()> {
        let done: String = self.client()?.call(order)?;
        table::put(&done);
        Ok(())
    }
}
