//! Profiles as text: TOML and JSON for import and export, LDIF of directories for import.

pub(super) mod directory;
mod ldif;

use std::path::Path;

use rasline_core::profile::{Profile, show_date};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// Format of a file of profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// `[[profile]]`, or one profile.
    Toml,
    /// An array of profiles, or one.
    Json,
    /// A directory's export with the object classes of H.350.1 and H.350.2.
    Ldif,
}

impl Format {
    /// The format by the name of a file: `.json`, `.ldif`; everything else is TOML.
    #[must_use]
    pub fn of(file: &Path) -> Self {
        match file.extension().and_then(|e| e.to_str()) {
            Some("json") => Self::Json,
            Some("ldif" | "ldf") => Self::Ldif,
            _ => Self::Toml,
        }
    }
}

/// A file with several profiles.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    profile: Vec<Profile>,
}

#[derive(Serialize)]
struct FileOf<'a> {
    profile: &'a [Profile],
}

/// Parses the profiles of a TOML file.
pub(super) fn toml(name: &str, text: &str) -> Result<Vec<Profile>> {
    let several = text.lines().map(str::trim_start).any(|line| {
        let rest = line.trim_start_matches('[').strip_prefix("profile");
        rest.is_some_and(|rest| rest.trim_start().starts_with([']', '=', '.']))
    });
    let parsed = if several {
        ::toml::from_str::<File>(text).map(|file| file.profile)
    } else {
        ::toml::from_str::<Profile>(text).map(|profile| vec![profile])
    };
    parsed.map_err(|e| {
        let before = e.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        malformed(name, line, &e.message().replace('\n', ", "))
    })
}

/// Parses the profiles of a JSON file.
pub(super) fn json(name: &str, text: &str) -> Result<Vec<Profile>> {
    let parsed = if text.trim_start().starts_with('[') {
        serde_json::from_str(text)
    } else {
        serde_json::from_str(text).map(|profile| vec![profile])
    };
    parsed.map_err(|e| {
        let message = e.to_string();
        let cause = message.rsplit_once(" at line ").map_or(&*message, |m| m.0);
        malformed(name, e.line(), cause)
    })
}

fn malformed(name: &str, line: usize, cause: &str) -> Failure {
    Failure::new(
        format!("{name}:{line}"),
        cause,
        "correct it; nothing was imported",
    )
}

/// Formats profiles as a file that can be imported.
///
/// # Errors
/// When the format cannot be written.
pub fn render(profiles: &[Profile], format: Format) -> Result<String> {
    match format {
        Format::Toml => ::toml::to_string(&FileOf { profile: profiles }).map_err(|e| e.to_string()),
        Format::Json => serde_json::to_string_pretty(profiles)
            .map(|text| text + "\n")
            .map_err(|e| e.to_string()),
        Format::Ldif => Err("LDIF can be imported but not exported".to_owned()),
    }
    .map_err(|cause| Failure::new("export", cause, "use --format toml or json"))
}

/// The profiles without passwords. Importing them keeps the passwords in the database.
pub fn without_passwords(profile: &mut Profile) {
    for endpoint in &mut profile.endpoints {
        endpoint.password = None;
    }
}

/// Formats a time for people.
pub(super) fn show_time(unix: u64) -> String {
    show_date(unix).unwrap_or_else(|| unix.to_string())
}
