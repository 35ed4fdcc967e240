//! Parses `KEY=VALUE` and changes that setting of a profile.

use std::{fmt::Display, str::FromStr};

use rasline_core::profile::{Authentication, CallModel, Profile, parse_date};

use crate::failure::{Failure, Result};

/// Sets one setting from a text.
type Set = fn(&mut Profile, &str) -> Result<(), String>;

/// Key, form of its value, and the function that sets it.
const KEYS: &[(&str, &str, Set)] = &[
    ("gatekeeper_identifier", "NAME", |p, v| {
        v.clone_into(&mut p.gatekeeper_identifier);
        Ok(())
    }),
    ("tenant", "NAME", |p, v| {
        v.clone_into(&mut p.tenant);
        Ok(())
    }),
    ("subscription", "on|off", |p, v| {
        p.subscription.on = switch(v)?;
        Ok(())
    }),
    ("until", "DATE|none", |p, v| {
        p.subscription.until = match v {
            "none" | "" => None,
            date => Some(parse_date(date).map_err(|e| e.to_string())?),
        };
        Ok(())
    }),
    ("time_to_live.default", "SECONDS", |p, v| {
        number(v, &mut p.time_to_live.default)
    }),
    ("time_to_live.min", "SECONDS", |p, v| {
        number(v, &mut p.time_to_live.min)
    }),
    ("time_to_live.max", "SECONDS", |p, v| {
        number(v, &mut p.time_to_live.max)
    }),
    ("call_model", "direct|ADDRESS:PORT", |p, v| {
        p.call_model = match v {
            "direct" => CallModel::Direct,
            address => CallModel::GatekeeperRouted(parsed(address)?),
        };
        Ok(())
    }),
    ("authentication", "none|md5|hmac-sha1", |p, v| {
        p.authentication = match v {
            "none" => Authentication::None,
            "md5" => Authentication::Md5,
            "hmac-sha1" => Authentication::HmacSha1,
            _ => return Err(format!("{v:?} is not a known method")),
        };
        Ok(())
    }),
    ("admit_unknown", "on|off", |p, v| {
        p.admit_unknown = switch(v)?;
        Ok(())
    }),
    ("limits.registrations", "NUMBER", |p, v| {
        number(v, &mut p.limits.registrations)
    }),
    ("limits.calls", "NUMBER", |p, v| {
        number(v, &mut p.limits.calls)
    }),
    ("limits.call_bandwidth", "NUMBER", |p, v| {
        number(v, &mut p.limits.call_bandwidth)
    }),
    ("limits.bandwidth", "NUMBER", |p, v| {
        number(v, &mut p.limits.bandwidth)
    }),
    ("prefixes", "DIGITS,...", |p, v| {
        p.prefixes = list(v);
        Ok(())
    }),
    ("reach", "ZONE,...", |p, v| {
        p.reach = list(v);
        Ok(())
    }),
];

/// The keys that [`apply`] accepts and the form of their values.
pub fn keys() -> impl Iterator<Item = (&'static str, &'static str)> {
    KEYS.iter().map(|(key, value, _)| (*key, *value))
}

/// Applies `KEY=VALUE` to a profile.
///
/// # Errors
/// When the key is unknown, or the value invalid.
pub fn apply(profile: &mut Profile, assignment: &str) -> Result<()> {
    let Some((key, value)) = assignment.split_once('=') else {
        return Err(Failure::new(
            format!("{assignment:?}"),
            "is not KEY=VALUE",
            "write for example subscription=on",
        ));
    };
    let Some((_, form, set)) = KEYS.iter().find(|(known, ..)| *known == key) else {
        let known: Vec<&str> = KEYS.iter().map(|(key, ..)| *key).collect();
        return Err(Failure::new(
            key,
            "unknown key",
            format!(
                "use one of {}; change plan, neighbours and endpoints by export and import",
                known.join(", ")
            ),
        ));
    };
    set(profile, value).map_err(|cause| Failure::new(key, cause, format!("use {key}={form}")))
}

fn switch(value: &str) -> Result<bool, String> {
    match value {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(format!("{value:?} is neither on nor off")),
    }
}

fn parsed<T: FromStr<Err: Display>>(value: &str) -> Result<T, String> {
    value.parse().map_err(|e| format!("{value:?}: {e}"))
}

fn number(value: &str, into: &mut u32) -> Result<(), String> {
    *into = parsed(value)?;
    Ok(())
}

fn list(value: &str) -> Vec<String> {
    let parts = value.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}
