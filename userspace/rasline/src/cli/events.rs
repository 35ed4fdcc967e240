//! `rasline events`: past events, and with `--follow` new ones.

use std::{collections::BTreeSet, time::SystemTime};

use jiff::{Timestamp, civil, tz::TimeZone};

use super::{Cli, Json, table};
use crate::{
    config::parse_duration,
    control::{Command as Ask, filter::EventFilter},
    failure::{Failure, Result},
    suggest::did_you_mean,
    view::{Event, severity::Severity},
};

/// Past events that `--follow` prints first, unless `--limit` says otherwise.
const BEFORE: usize = 10;
/// Its headings are the names of all events; a test compares it with the code.
const DOCUMENT: &str = include_str!("../../../../docs/events.md");
/// Values that `--about` accepts.
const SUBJECTS: [&str; 10] = [
    "agent",
    "call",
    "controller",
    "gatekeeper",
    "interface",
    "registration",
    "store",
    "table",
    "zone",
    "endpoint",
];

/// Options of `rasline events`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    json: Json,
    /// Show the last ten events, then new ones as they happen.
    #[arg(long)]
    follow: bool,
    /// Show only events of this zone.
    #[arg(long)]
    zone: Option<String>,
    /// Show only events of these kinds, such as "failover,health_changed".
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind)]
    kind: Vec<String>,
    /// Show only events about these subjects: zone, gatekeeper, registration, call, agent, interface, controller, ...
    #[arg(long, value_name = "SUBJECT", value_delimiter = ',', value_parser = subject)]
    about: Vec<String>,
    /// Show only events since this time: "15m" ago, "2026-12-01", or "2026-12-01T14:30" (local time unless an offset is
    /// given).
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<f64>,
    /// Show only the last N matching events.
    #[arg(long, visible_alias = "last", value_name = "N")]
    limit: Option<usize>,
}

pub(super) fn run(cli: &Cli, options: &Options) -> Result<()> {
    let (json, follow) = (options.json.json, options.follow);
    let mut client = cli.client()?;
    let past: Vec<Event> = client.call(Ask::Events {
        follow,
        last: options.limit.or(follow.then_some(BEFORE)),
        filter: EventFilter {
            zone: options.zone.clone(),
            kind: options.kind.clone(),
            about: options.about.clone(),
            since: options.since,
        },
    })?;
    if json && !follow {
        table::put_json(&past);
        return Ok(());
    }
    for event in &past {
        print_event(event, json);
    }
    if !follow {
        return Ok(());
    }
    client.patient()?;
    while let Some(event) = client.line::<Event>()? {
        print_event(&event, json);
    }
    Err(Failure::plain("controller", "stopped"))
}

/// Checks a name of an event.
fn kind(text: &str) -> Result<String, String> {
    let headings = DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("### `"));
    let known: BTreeSet<&str> = headings.filter_map(|rest| rest.strip_suffix('`')).collect();
    if known.contains(text) {
        return Ok(text.to_owned());
    }
    let close = did_you_mean(text, known.iter().copied());
    Err(format!(
        "unknown kind of event; {close}docs/events.md lists them"
    ))
}

fn subject(text: &str) -> Result<String, String> {
    if SUBJECTS.contains(&text) {
        return Ok(text.to_owned());
    }
    let close = did_you_mean(text, SUBJECTS);
    Err(format!(
        "unknown subject; {close}use {}",
        SUBJECTS.join(", ")
    ))
}

/// Parses `--since` into seconds since 1970.
#[allow(clippy::cast_precision_loss)]
fn since(text: &str) -> Result<f64, String> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    if let Ok(ago) = parse_duration(text) {
        return Ok(now.saturating_sub(ago).as_secs_f64());
    }
    let local = |time: civil::DateTime| time.to_zoned(TimeZone::system()).map(|z| z.timestamp());
    let parsed: Option<Timestamp> = text.parse().ok().or_else(|| {
        let time: Option<civil::DateTime> = text.parse().ok();
        let date = || Some(text.parse::<civil::Date>().ok()?.at(0, 0, 0, 0));
        local(time.or_else(date)?).ok()
    });
    parsed
        .map(|time| time.as_millisecond() as f64 / 1e3)
        .ok_or_else(|| {
            "invalid time; write \"15m\" (ago), \"2026-12-01\", or \"2026-12-01T14:30:00\""
                .to_owned()
        })
}

/// Prints an event in one line.
fn print_event(e: &Event, json: bool) {
    if json {
        return table::put_json_line(e);
    }
    let severity = e.severity.map_or("", Severity::name);
    table::put(&format!(
        "{}  {severity:<7}  {:<12}  {}",
        table::clock(e.time),
        e.about,
        e.text
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(since("2026-11-21T05:04:05Z"), Ok(1_795_237_445.0));
        assert_eq!(since("2026-11-21T06:04:05.5+01:00"), Ok(1_795_237_445.5));
        let today = since("2026-11-21").unwrap();
        assert_eq!(since("2026-11-21T00:00"), Ok(today));
        assert!((since("1h").unwrap() - since("2h").unwrap() - 3600.0).abs() < 1.0);
        for bad in ["", "yesterday", "5", "2026-13-01"] {
            assert!(since(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn kinds_and_subjects_are_known() {
        assert_eq!(kind("failover"), Ok("failover".to_owned()));
        assert!(
            kind("failver")
                .unwrap_err()
                .contains("did you mean \"failover\"?")
        );
        assert!(
            subject("zones")
                .unwrap_err()
                .contains("did you mean \"zone\"?")
        );
        assert!(kind("x").is_err() && subject("call").is_ok());
    }
}
