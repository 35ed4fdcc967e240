//! The command line: parses it, asks the controller, prints. Exit codes: 0 fine, 1 failed, 2 wrong usage.

mod agent;
mod ask;
pub(crate) mod capture;
mod doctor;
mod events;
mod generate;
mod print;
mod profile;
mod table;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    config::{Config, ConfigError, DEFAULT_PATH},
    control::client::Client,
    failure::{Failure, Result},
};

/// H.323 gateway: answers RAS keep-alives in the kernel.
#[derive(Debug, Parser)]
#[command(name = "rasline", version, max_term_width = 100)]
struct Cli {
    /// Configuration file.
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Control socket of the controller; by default the one that the configuration names.
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the controller in the foreground.
    Run,
    /// Validate a configuration.
    Check {
        /// The file; by default the one of --config.
        file: Option<PathBuf>,
    },
    /// Interfaces, zones, gatekeepers, rates, tables, losses.
    Status {
        #[command(flatten)]
        json: Json,
        /// Show it again every second.
        #[arg(long)]
        watch: bool,
    },
    /// Zones.
    #[command(subcommand)]
    Zone(ZoneCommand),
    /// Gatekeepers.
    #[command(subcommand)]
    Gatekeeper(GatekeeperCommand),
    /// Registrations.
    #[command(subcommand)]
    Registration(RegistrationCommand),
    /// Profiles of zones: what a backup gatekeeper serves them from. Works without the controller, too.
    Profile(profile::Options),
    /// Agents: endpoints that rasline itself is.
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    /// Every verdict and reason, by interface.
    Counters {
        #[command(flatten)]
        json: Json,
        /// Those at zero too.
        #[arg(long)]
        all: bool,
    },
    /// Show what happened, and with --follow what happens.
    Events(events::Options),
    /// Write what the data path sees and decides as pcapng, verdicts as comments; without the controller, too.
    Capture(capture::Options),
    /// Check capabilities, kernel, drivers, XDP modes, bpffs, forwarding, offloads.
    Doctor {
        #[command(flatten)]
        json: Json,
    },
    /// Attach the program to a configured interface again.
    Attach {
        /// The interface.
        interface: String,
    },
    /// Detach the program from an interface; works without the controller too.
    Detach {
        /// The interface.
        interface: String,
    },
    /// Write man pages or shell completions, for packages.
    #[command(hide = true)]
    Generate {
        /// What.
        what: Generated,
        /// The folder to write to.
        folder: PathBuf,
    },
    /// Read the configuration again (as SIGHUP does).
    Reload,
    /// Stop the controller.
    Stop {
        /// Leave the program attached and answering.
        #[arg(long, conflicts_with = "detach")]
        stay: bool,
        /// Detach the program, whatever on_stop says; works without the controller too.
        #[arg(long)]
        detach: bool,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Generated {
    Man,
    Completions,
}

#[derive(Debug, Subcommand)]
enum ZoneCommand {
    /// All of them.
    List(Json),
    /// One of them.
    Show {
        /// Its name.
        zone: String,
        #[command(flatten)]
        json: Json,
    },
    /// Move a zone to a gatekeeper, which it prefers until it is released: failures still move it away, and it returns.
    Switch {
        /// Its name.
        zone: String,
        /// The gatekeeper's id.
        gatekeeper: String,
    },
    /// Keep a zone where it is until it is released, whatever happens.
    Hold {
        /// Its name.
        zone: String,
    },
    /// End a decision by hand: the zone moves as its policy says.
    Release {
        /// Its name.
        zone: String,
    },
}

#[derive(Debug, Subcommand)]
enum GatekeeperCommand {
    /// All of them.
    List(Json),
}

#[derive(Debug, Subcommand)]
enum RegistrationCommand {
    /// All of them.
    List {
        /// Of this zone only.
        #[arg(long)]
        zone: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// One of them.
    Show {
        /// Its number in the list.
        id: u64,
        #[command(flatten)]
        json: Json,
    },
    /// Forget one: its keep-alives go to the gatekeeper until it is learned again.
    Drop {
        /// Its number in the list.
        id: u64,
    },
}

/// How to print.
#[derive(Clone, Copy, Debug, Args)]
struct Json {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return usage(&e),
    };
    match run(&cli) {
        Ok(code) => code,
        Err(e) => {
            table::say(&e);
            ExitCode::FAILURE
        }
    }
}

/// Help, version, or what is wrong with the arguments.
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

fn run(cli: &Cli) -> Result<ExitCode> {
    match &cli.command {
        Command::Run => {
            let Some(config) = load(&cli.config) else {
                return Ok(ExitCode::FAILURE);
            };
            crate::supervisor::run(&cli.config, config).map(|()| ExitCode::SUCCESS)
        }
        Command::Check { file } => {
            let file = file.as_ref().unwrap_or(&cli.config);
            let Some(config) = load(file) else {
                return Ok(ExitCode::FAILURE);
            };
            table::put(&format!(
                "{}: fine: {} interfaces, {} zones, {} gatekeepers{}",
                file.display(),
                config.interfaces.len(),
                config.zones.len(),
                config
                    .zones
                    .iter()
                    .map(|z| z.gatekeepers.len())
                    .sum::<usize>(),
                match config.agents.len() {
                    0 => String::new(),
                    agents => format!(", {agents} agents"),
                }
            ));
            Ok(ExitCode::SUCCESS)
        }
        Command::Capture(options) => {
            let Some(config) = load(&cli.config) else {
                return Ok(ExitCode::FAILURE);
            };
            capture::run(&config, options).map(|()| ExitCode::SUCCESS)
        }
        Command::Generate { what, folder } => {
            match what {
                Generated::Man => generate::man(folder)?,
                Generated::Completions => generate::completions(folder)?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Profile(options) => profile::run(&cli.config, options),
        Command::Doctor { json } => Ok(doctor::run(&cli.config, json.json)),
        _ => ask::run(cli),
    }
}

/// Loads a configuration, or prints all that is wrong with it.
fn load(file: &std::path::Path) -> Option<Config> {
    Config::load(file).map_err(|errors| complain(&errors)).ok()
}

fn complain(errors: &[ConfigError]) {
    for e in errors {
        table::say(e);
    }
}

impl Cli {
    /// Where the controller listens.
    fn socket(&self) -> Result<PathBuf> {
        if let Some(socket) = &self.socket {
            return Ok(socket.clone());
        }
        match Config::load(&self.config) {
            Ok(config) => Ok(config.daemon.control_socket),
            Err(errors) => Err(match errors.first() {
                Some(e) => Failure::new("configuration", e, "or name the socket with --socket"),
                None => Failure::plain("configuration", "cannot be read"),
            }),
        }
    }

    fn client(&self) -> Result<Client> {
        Client::connect(&self.socket()?)
    }
}
