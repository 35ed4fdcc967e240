//! The command line: parses it, asks the controller, prints. Exit codes: 0 success, 1 failure, 2 wrong usage.

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
    config::{Config, ConfigError, DEFAULT_PATH, Daemon, LastGood},
    control::client::Client,
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
    Status {
        #[command(flatten)]
        json: Json,
        /// Refresh every second.
        #[arg(long)]
        watch: bool,
    },
    /// List, show and move zones.
    #[command(subcommand)]
    Zone(ZoneCommand),
    /// List gatekeepers.
    #[command(subcommand)]
    Gatekeeper(GatekeeperCommand),
    /// List, show and drop registrations.
    #[command(subcommand)]
    Registration(RegistrationCommand),
    /// Manage profiles of zones, used when rasline serves a zone itself; works without the controller.
    Profile(profile::Options),
    /// List, show and reregister agents (rasline's own endpoints).
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    /// Show how often the data path reached each verdict, by interface and reason.
    Counters {
        #[command(flatten)]
        json: Json,
        /// Include counters that are zero.
        #[arg(long)]
        all: bool,
    },
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

#[derive(Debug, Subcommand)]
enum ZoneCommand {
    /// List zones.
    List(Json),
    /// Show one zone.
    Show {
        /// Name of the zone.
        zone: String,
        #[command(flatten)]
        json: Json,
    },
    /// Move a zone to a gatekeeper and prefer that one until the zone is released; the zone still fails over from it.
    Switch {
        /// Name of the zone.
        zone: String,
        /// Id of the gatekeeper.
        gatekeeper: String,
    },
    /// Keep a zone at its gatekeeper until it is released, even if that gatekeeper dies.
    Hold {
        /// Name of the zone.
        zone: String,
    },
    /// End a switch or hold: the zone follows its policy again.
    Release {
        /// Name of the zone.
        zone: String,
    },
}

#[derive(Debug, Subcommand)]
enum GatekeeperCommand {
    /// List gatekeepers.
    List(Json),
}

#[derive(Debug, Subcommand)]
enum RegistrationCommand {
    /// List registrations.
    List {
        /// List only registrations of this zone.
        #[arg(long)]
        zone: Option<String>,
        /// List only registrations whose endpoints are silent or gone.
        #[arg(long)]
        silent: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Show one registration.
    Show {
        /// Number of the registration, as listed.
        id: u64,
        #[command(flatten)]
        json: Json,
    },
    /// Forget a registration: its keep-alives go to the gatekeeper until it is learned again.
    Drop {
        /// Number of the registration, as listed.
        id: u64,
    },
}

/// The `--json` option of commands that print.
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

fn run(cli: &Cli) -> Result<ExitCode> {
    match &cli.command {
        Command::Run { last_good } => {
            let last_good = LastGood::new(last_good.clone());
            let (config, errors) = match last_good.load(&cli.config) {
                Ok(loaded) => loaded,
                Err(errors) => {
                    complain(&errors);
                    return Ok(ExitCode::FAILURE);
                }
            };
            complain(&errors);
            let broken = errors.first().map(ToString::to_string);
            crate::supervisor::run(&cli.config, config, last_good, broken)
                .map(|()| ExitCode::SUCCESS)
        }
        Command::Check { file } => {
            let file = file.as_ref().unwrap_or(&cli.config);
            let Some(config) = load(file) else {
                return Ok(ExitCode::FAILURE);
            };
            for warning in config.warnings() {
                table::say(&format!("{}: warning: {warning}", file.display()));
            }
            table::put(&format!(
                "{}: valid: {} interfaces, {} zones, {} gatekeepers{}",
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
        Command::Firewall => {
            let Some(config) = load(&cli.config) else {
                return Ok(ExitCode::FAILURE);
            };
            table::put_document(&firewall::rules(&config));
            Ok(ExitCode::SUCCESS)
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

/// Loads a configuration; prints all of its errors and returns `None` if it has any.
fn load(file: &std::path::Path) -> Option<Config> {
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
}
