//! `rasline profile`: works on the database directly, whether the controller is running or not.

mod print;

use std::{
    io::{self, IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand, ValueEnum};

use super::{Json, table};
use crate::{
    config::Config,
    failure::{Failure, Result},
    printable::escape,
    profiles::{self, Format, Import, Profiles, Read},
    suggest::did_you_mean,
};

/// Largest file that is imported, octets.
const LARGEST: u64 = 256 << 20;

/// Options of `rasline profile`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Folder of the database; by default state_dir in the configuration.
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Import profiles, or endpoints from a directory; nothing is imported if the file has an error.
    Import {
        /// File to import; "-" is the standard input.
        file: PathBuf,
        /// Format of the file; by default from its name.
        #[arg(long)]
        format: Option<Format>,
        /// Import only the profile of this zone; for LDIF, assign all entries to this zone.
        #[arg(long)]
        zone: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Print profiles in a form that can be imported.
    Export {
        /// Print only the profile of this zone.
        zone: Option<String>,
        /// Format of the output.
        #[arg(long, default_value = "toml")]
        format: Written,
        /// Include passwords; importing a file without them keeps the passwords in the database.
        #[arg(long)]
        secrets: bool,
    },
    /// List profiles.
    List(Json),
    /// Show one profile, and what was learned about its zone.
    Show {
        /// Name of the zone.
        zone: String,
        #[command(flatten)]
        json: Json,
        /// Show every endpoint, not only the first 20.
        #[arg(long)]
        all: bool,
        /// Show passwords.
        #[arg(long)]
        secrets: bool,
    },
    /// Change settings: subscription=on, until=2027-01-31, time_to_live.default=300, call_model=direct, ...
    Set {
        /// Name of the zone.
        zone: String,
        /// Settings to change; an unknown key lists the valid ones.
        #[arg(value_name = "KEY=VALUE", required_unless_present = "create")]
        settings: Vec<String>,
        /// Create the profile if there is none.
        #[arg(long)]
        create: bool,
    },
    /// Delete a profile, and what was learned about its zone.
    Delete {
        /// Name of the zone.
        zone: String,
        /// Delete without asking for confirmation.
        #[arg(long, short)]
        yes: bool,
    },
}

/// Format of an export.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Written {
    Toml,
    Json,
}

pub(super) fn run(config: &Path, options: &Options) -> Result<ExitCode> {
    let folder = folder(config, options.state_dir.as_deref())?;
    let mut profiles = Profiles::open(&folder);
    match &options.command {
        Command::Import {
            file,
            format,
            zone,
            json,
        } => return import(&mut profiles, file, *format, zone.as_deref(), json.json),
        Command::Export {
            zone,
            format,
            secrets,
        } => export(&mut profiles, zone.as_deref(), *format, *secrets)?,
        Command::List(json) => {
            let all = told(profiles.list()?);
            print::list(&all, json.json);
        }
        Command::Show {
            zone,
            json,
            all,
            secrets,
        } => {
            let shown = print::Shown {
                all: *all,
                secrets: *secrets,
            };
            show(&mut profiles, zone, shown, json.json)?;
        }
        Command::Set {
            zone,
            settings,
            create,
        } => return Ok(set(&mut profiles, zone, settings, *create)),
        Command::Delete { zone, yes } => delete(&mut profiles, zone, *yes)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn folder(config: &Path, named: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = named {
        return Ok(folder.to_owned());
    }
    let (daemon, wrong) = Config::load_daemon(config);
    match wrong {
        // Without a configuration the folder of the database is not known.
        Some(e) if e.line.is_none() => Err(Failure::new(
            "configuration",
            e,
            "or give the folder with --state-dir",
        )),
        Some(e) => {
            let next = "see `rasline check`, or give the folder with --state-dir";
            table::say(&Failure::new("configuration", e, next));
            Ok(daemon.state_dir)
        }
        None => Ok(daemon.state_dir),
    }
}

/// Returns what was read; warns if it comes from the copy.
fn told<T>(read: Read<T>) -> T {
    if let Some(trouble) = &read.trouble {
        table::say(trouble);
    }
    read.value
}

fn complain(failures: &[Failure]) -> ExitCode {
    for failure in failures {
        table::say(failure);
    }
    ExitCode::FAILURE
}

fn import(
    profiles: &mut Profiles,
    file: &Path,
    format: Option<Format>,
    zone: Option<&str>,
    json: bool,
) -> Result<ExitCode> {
    let text = text(file)?;
    let import = Import {
        name: &file.display().to_string(),
        text: &text,
        format: format.unwrap_or_else(|| Format::of(file)),
        zone,
    };
    match profiles.import(&import) {
        Ok(imported) => print::imported(&imported, json),
        Err(failures) => return Ok(complain(&failures)),
    }
    Ok(ExitCode::SUCCESS)
}

fn text(file: &Path) -> Result<String> {
    let name = file.display().to_string();
    let read = |from: &mut dyn io::Read| {
        let mut octets = Vec::new();
        from.take(LARGEST + 1).read_to_end(&mut octets)?;
        Ok(octets)
    };
    let octets = if file == Path::new("-") {
        read(&mut io::stdin().lock())
    } else {
        std::fs::File::open(file).and_then(|mut file| read(&mut file))
    };
    let octets =
        octets.map_err(|e: io::Error| Failure::new(&name, e, "name a readable file, or -"))?;
    if octets.len() as u64 > LARGEST {
        let cause = format!("is larger than {} MiB", LARGEST >> 20);
        return Err(Failure::new(name, cause, "import it in parts"));
    }
    String::from_utf8(octets).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = before.split(|octet| *octet == b'\n').count();
        Failure::new(
            format!("{name}:{line}"),
            "is not UTF-8",
            "convert it; nothing was imported",
        )
    })
}

fn export(
    profiles: &mut Profiles,
    zone: Option<&str>,
    format: Written,
    secrets: bool,
) -> Result<()> {
    let mut all = match zone {
        Some(zone) => vec![told(profiles.get(zone)?).ok_or_else(|| unknown(profiles, zone))?],
        None => told(profiles.all()?),
    };
    if !secrets {
        all.iter_mut().for_each(profiles::without_passwords);
    }
    let text = match format {
        Written::Toml => profiles::render(&all, Format::Toml)?,
        Written::Json => profiles::render(&all, Format::Json)?,
    };
    table::put_document(text.trim_end());
    Ok(())
}

/// Deletes a profile, after a question unless `yes` answers it.
fn delete(profiles: &mut Profiles, zone: &str, yes: bool) -> Result<()> {
    let profile = told(profiles.get(zone)?).ok_or_else(|| unknown(profiles, zone))?;
    if !yes {
        let learned = profiles.learned(zone)?.value.len();
        let given = profile.endpoints.len();
        confirm(&format!(
            "Delete the profile of zone {zone} ({given} endpoints configured, {learned} learned)? [y/N] "
        ))?;
    }
    if !profiles.delete(zone)? {
        return Err(unknown(profiles, zone));
    }
    table::put(&format!("{zone}: deleted"));
    Ok(())
}

/// Asks for confirmation on the terminal; fails without a terminal or without a yes.
fn confirm(question: &str) -> Result<()> {
    let refused = |cause: &str| {
        let next = "nothing was deleted; use --yes to delete without asking";
        Failure::new("profile", cause, next)
    };
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(refused(
            "deleting it requires confirmation, but there is no terminal to ask on",
        ));
    }
    let mut out = io::stderr().lock();
    let asked = out.write_all(escape(question).as_bytes());
    let mut answer = String::new();
    asked
        .and_then(|()| out.flush())
        .and_then(|()| io::stdin().read_line(&mut answer))
        .map_err(|e| refused(&e.to_string()))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(refused("not deleted")),
    }
}

/// The error for a zone without a profile, with a suggestion.
fn unknown(profiles: &mut Profiles, zone: &str) -> Failure {
    let mut failure = profiles::unknown(zone);
    if let Ok(all) = profiles.list() {
        let close = did_you_mean(zone, all.value.iter().map(|p| p.zone.as_str()));
        failure.next.insert_str(0, &close);
    }
    failure
}

fn show(profiles: &mut Profiles, zone: &str, shown: print::Shown, json: bool) -> Result<()> {
    let given = told(profiles.get(zone)?);
    let learned = profiles.learned(zone)?.value;
    match given {
        Some(profile) => print::show(profile, &learned, shown, json),
        // A backup serves such a zone from what was learned of its traffic.
        None if !learned.is_empty() => print::show_learned(zone, &learned, shown, json),
        None => return Err(unknown(profiles, zone)),
    }
    Ok(())
}

fn set(profiles: &mut Profiles, zone: &str, settings: &[String], create: bool) -> ExitCode {
    let edited = profiles.edit(zone, create, |profile| {
        let failures: Vec<Failure> = settings
            .iter()
            .filter_map(|setting| profiles::apply(profile, setting).err())
            .collect();
        if failures.is_empty() {
            Ok(())
        } else {
            Err(failures)
        }
    });
    match edited {
        Ok(new) => table::put(&format!(
            "{zone}: {}",
            if new { "created" } else { "changed" }
        )),
        Err(failures) => return complain(&failures),
    }
    ExitCode::SUCCESS
}
