//! Prints profiles.

use std::time::{SystemTime, UNIX_EPOCH};

use rasline_core::profile::{
    Authentication, CallModel, KnownEndpoint, Profile, Subscription, show_date,
};
use serde::Serialize;

use super::super::table::{or_dash, put, put_json, put_table, table};
use crate::{
    config::human_duration,
    profiles::{Imported, Summary, without_passwords},
};

/// Endpoints shown without `--all`.
const FIRST: usize = 20;

/// Options of `profile show`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) all: bool,
    pub(super) secrets: bool,
}

/// A zone without a profile, as `--json` shows it.
#[derive(Serialize)]
struct OnlyLearned<'a> {
    zone: &'a str,
    /// Always null: the zone has no profile.
    given: bool,
    learned: &'a [KnownEndpoint],
}

#[derive(Serialize)]
struct WithLearned<'a> {
    #[serde(flatten)]
    profile: &'a Profile,
    /// Number of endpoints that have a password.
    passwords: usize,
    learned: &'a [KnownEndpoint],
}

pub(super) fn imported(imported: &Imported, json: bool) {
    if json {
        return put_json(imported);
    }
    put(&format!(
        "imported {} ({} new), {}",
        count(imported.zones.len(), "profile"),
        imported.new,
        count(imported.endpoints, "endpoint")
    ));
    if imported.others > 0 {
        put(&format!(
            "skipped: {} without h323Identity",
            count(imported.others, "entry").replace("entrys", "entries")
        ));
    }
    for (attribute, values) in &imported.left_out {
        put(&format!(
            "skipped: {} of {attribute}",
            count(*values, "value")
        ));
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

pub(super) fn list(all: &[Summary], json: bool) {
    if json {
        return put_json(&all);
    }
    let mut t = table(&[
        "ZONE",
        "TENANT",
        "SUBSCRIPTION",
        "GATEKEEPERIDENTIFIER",
        "CALLS",
        "AUTHENTICATION",
        "PREFIXES",
        "ENDPOINTS",
        "PASSWORDS",
        "LEARNED",
        "CHANGED",
    ]);
    for p in all {
        t.add_row([
            p.zone.clone(),
            or_dash(&p.tenant),
            subscription(p.subscription),
            p.gatekeeper_identifier.clone(),
            call_model(p.call_model),
            authentication(p.authentication).to_owned(),
            or_dash(&p.prefixes.join(",")),
            p.endpoints.to_string(),
            p.passwords.to_string(),
            p.learned.to_string(),
            show_date(p.changed).unwrap_or_default(),
        ]);
    }
    put_table(&t);
}

/// `on until 2027-01-31T00:00:00Z`.
fn subscription(s: Subscription) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let until = |word| match s.until {
        None => word,
        Some(until) => {
            let date = show_date(until).unwrap_or_else(|| until.to_string());
            format!("{word} until {date}")
        }
    };
    match (s.on, s.holds(now.as_secs())) {
        (true, true) => until("on".to_owned()),
        (true, false) => until("ended, was on".to_owned()),
        (false, _) => "off".to_owned(),
    }
}

fn call_model(model: CallModel) -> String {
    match model {
        CallModel::Direct => "direct".to_owned(),
        CallModel::GatekeeperRouted(address) => format!("by {address}"),
    }
}

const fn authentication(authentication: Authentication) -> &'static str {
    match authentication {
        Authentication::None => "none",
        Authentication::Md5 => "md5",
        Authentication::HmacSha1 => "hmac-sha1",
    }
}

pub(super) fn show(mut profile: Profile, learned: &[KnownEndpoint], shown: Shown, json: bool) {
    let passwords = profile.endpoints.iter().filter(|e| e.password.is_some());
    let passwords = passwords.count();
    if json {
        if !shown.secrets {
            without_passwords(&mut profile);
        }
        return put_json(&WithLearned {
            profile: &profile,
            passwords,
            learned,
        });
    }
    settings(&profile);
    lists(&profile);
    let (given, more) = (profile.endpoints.len(), learned.len());
    put(&format!(
        "{:<20} {given} configured, {passwords} of them with a password, {more} learned",
        "endpoints"
    ));
    let rows = profile.endpoints.iter().map(|e| (e, "given"));
    let rows: Vec<_> = rows.chain(learned.iter().map(|e| (e, "learned"))).collect();
    if rows.is_empty() {
        return;
    }
    put("");
    some(&rows, shown);
}

/// Prints a zone without a profile, which a backup serves from what was learned of its traffic.
pub(super) fn show_learned(zone: &str, learned: &[KnownEndpoint], shown: Shown, json: bool) {
    if json {
        return put_json(&OnlyLearned {
            zone,
            given: false,
            learned,
        });
    }
    put(&format!("{:<20} {zone}", "zone"));
    put(&format!(
        "{:<20} none; as a backup rasline serves the zone from what it learned of its traffic",
        "profile"
    ));
    put(&format!("{:<20} {} learned", "endpoints", learned.len()));
    put("");
    let rows: Vec<_> = learned.iter().map(|e| (e, "learned")).collect();
    some(&rows, shown);
}

fn some(rows: &[(&KnownEndpoint, &str)], shown: Shown) {
    let most = if shown.all { rows.len() } else { FIRST };
    endpoints(&rows[..rows.len().min(most)], shown.secrets);
    if rows.len() > most {
        put(&format!("and {} more (--all)", rows.len() - most));
    }
}

fn settings(p: &Profile) {
    let span = |seconds| human_duration(std::time::Duration::from_secs(u64::from(seconds)));
    let (ttl, limits) = (p.time_to_live, p.limits);
    let rows = [
        ("zone", p.zone.clone()),
        ("tenant", or_dash(&p.tenant)),
        ("gatekeeperIdentifier", p.gatekeeper_identifier.clone()),
        ("subscription", subscription(p.subscription)),
        (
            "timeToLive",
            format!(
                "{}, from {} to {}",
                span(ttl.default),
                span(ttl.min),
                span(ttl.max)
            ),
        ),
        ("calls", call_model(p.call_model)),
        (
            "authentication",
            authentication(p.authentication).to_owned(),
        ),
        (
            "limits",
            format!(
                "{} registrations, {} calls, {} x 100 bit/s per call, {} x 100 bit/s in total",
                limits.registrations, limits.calls, limits.call_bandwidth, limits.bandwidth
            ),
        ),
        (
            "unknown endpoints",
            if p.admit_unknown {
                "may register"
            } else {
                "are refused"
            }
            .to_owned(),
        ),
    ];
    for (name, value) in rows {
        put(&format!("{name:<20} {value}"));
    }
}

fn lists(p: &Profile) {
    put(&format!(
        "{:<20} {}",
        "prefixes",
        or_dash(&p.prefixes.join(", "))
    ));
    for rule in &p.plan {
        let (prefix, add) = (or_dash(&rule.prefix), or_dash(&rule.add));
        let strip = rule.strip;
        put(&format!(
            "{:<20} {prefix}: strip {strip}, add {add}",
            "plan"
        ));
    }
    put(&format!("{:<20} {}", "reach", or_dash(&p.reach.join(", "))));
    for n in &p.neighbours {
        let prefixes = if n.prefixes.is_empty() {
            "all unknown destinations".to_owned()
        } else {
            n.prefixes.join(", ")
        };
        let answered = if n.answered {
            "answered"
        } else {
            "not answered"
        };
        put(&format!(
            "{:<20} {} at {}, asked for {prefixes}, {answered}",
            "neighbour", n.id, n.address
        ));
    }
}

fn endpoints(rows: &[(&KnownEndpoint, &str)], secrets: bool) {
    let mut t = table(&[
        "ALIASES",
        "PREFIXES",
        "PASSWORD",
        "CALLS TO",
        "RAS",
        "ENDPOINTIDENTIFIER",
        "FROM",
    ]);
    let address = |a: Option<std::net::SocketAddr>| a.map_or("-".to_owned(), |a| a.to_string());
    for (e, from) in rows {
        let password = match &e.password {
            Some(password) if secrets => password.as_str(),
            Some(_) => "yes",
            None => "-",
        };
        t.add_row([
            e.aliases.join(","),
            or_dash(&e.prefixes.join(",")),
            password.to_owned(),
            address(e.call_signal_address),
            address(e.ras_address),
            or_dash(e.endpoint_identifier.as_deref().unwrap_or("")),
            (*from).to_owned(),
        ]);
    }
    put_table(&t);
}
