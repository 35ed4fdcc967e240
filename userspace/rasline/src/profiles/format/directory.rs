//! Endpoints of a directory: object classes h323Identity (H.350.1) and h235Identity (H.350.2).
//!
//! | attribute | becomes |
//! |---|---|
//! | h323Identityh323-ID, h323IdentitydialedDigits, h323IdentityURL-ID, h323Identityemail-ID | aliases, in this order |
//! | h235IdentityEndpointID | an alias, if it is not among those |
//! | h235IdentityPassword | the password |
//! | h323IdentitytransportID | call_signal_address |
//! | h323IdentityGKDomain | selects the zone |
//!
//! h323IdentitypartyNumber and h323IdentitymobileUIM have no place in a profile and are counted;
//! h323IdentityEndpointType and h323IdentityServiceLevel are ignored, as a gatekeeper learns them from the
//! registration.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use rasline_core::profile::{KnownEndpoint, check_endpoint};

use super::ldif::{self, Record};
use crate::failure::Failure;

/// Default call-signalling port (H.225.0).
const CALL_SIGNALLING: u16 = 1720;
/// Attributes that become aliases (H.350.1), in this order.
const ALIASES: [&str; 4] = [
    "h323identityh323-id",
    "h323identitydialeddigits",
    "h323identityurl-id",
    "h323identityemail-id",
];
/// Attributes that have no place in a profile.
const LEFT_OUT: [(&str, &str); 2] = [
    ("h323identitypartynumber", "h323IdentitypartyNumber"),
    ("h323identitymobileuim", "h323IdentitymobileUIM"),
];
/// Prefixes of hashed passwords (RFC 2307, 5.3).
const HASHES: [&str; 6] = ["{SSHA", "{SHA", "{SMD5}", "{MD5}", "{CRYPT}", "{PBKDF2"];
/// Maximum number of failures that are reported.
const TOLD: usize = 50;

/// An endpoint in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::profiles) struct Entry {
    /// File, line and name, for messages.
    pub(in crate::profiles) place: String,
    /// Value of h323IdentityGKDomain.
    pub(in crate::profiles) domain: Option<String>,
    pub(in crate::profiles) endpoint: KnownEndpoint,
}

/// Content of a directory's export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::profiles) struct Directory {
    pub(in crate::profiles) entries: Vec<Entry>,
    /// Number of entries that are not H.323 endpoints.
    pub(in crate::profiles) others: usize,
    /// Number of values without a place in a profile, by attribute.
    pub(in crate::profiles) left_out: BTreeMap<&'static str, usize>,
}

/// Parses a directory's export.
pub(in crate::profiles) fn parse(name: &str, text: &str) -> Result<Directory, Vec<Failure>> {
    let records = ldif::records(text).map_err(|e| {
        vec![Failure::new(
            format!("{name}:{}", e.line),
            e.cause,
            "export the entries as LDIF (RFC 2849), values included; nothing was imported",
        )]
    })?;
    let mut directory = Directory::default();
    let mut failures = Vec::new();
    for record in &records {
        if !is_endpoint(record) {
            directory.others += 1;
            continue;
        }
        match directory.endpoint(name, record) {
            Ok(entry) => directory.entries.push(entry),
            Err(failure) if failures.len() < TOLD => failures.push(failure),
            Err(_) => {}
        }
    }
    if failures.is_empty() {
        Ok(directory)
    } else {
        Err(failures)
    }
}

/// Whether an entry has any attribute of H.323.
fn is_endpoint(record: &Record) -> bool {
    record
        .names()
        .any(|name| name.starts_with("h323identity") || name.starts_with("h235identity"))
}

impl Directory {
    fn endpoint(&mut self, file: &str, record: &Record) -> Result<Entry, Failure> {
        let place = format!("{file}:{}: {}", record.line, record.name);
        let endpoint = KnownEndpoint {
            aliases: aliases(record, &place)?,
            password: password(record, &place)?,
            call_signal_address: self.address(record, &place)?,
            ..KnownEndpoint::default()
        };
        if let Err(faults) = check_endpoint(&endpoint)
            && let Some(fault) = faults.first()
        {
            let cause = match &fault.wrong {
                rasline_core::profile::Wrong::Empty => "has no alias".to_owned(),
                wrong => wrong.to_string(),
            };
            return Err(Failure::new(place, cause, fault.wrong.next_step()));
        }
        for (attribute, name) in LEFT_OUT {
            self.leave_out(name, record.values(attribute).count());
        }
        let domain = texts(record, "h323identitygkdomain", &place)?;
        Ok(Entry {
            domain: domain.into_iter().next(),
            place,
            endpoint,
        })
    }

    fn leave_out(&mut self, name: &'static str, count: usize) {
        if count > 0 {
            *self.left_out.entry(name).or_default() += count;
        }
    }

    /// The first IP address among the entry's addresses. Host names are not resolved.
    fn address(&mut self, record: &Record, place: &str) -> Result<Option<SocketAddr>, Failure> {
        let all = texts(record, "h323identitytransportid", place)?;
        let mut addresses = all.iter().filter_map(|text| transport(text));
        let address = addresses.next();
        let others = all.len() - usize::from(address.is_some());
        self.leave_out("h323IdentitytransportID", others);
        Ok(address)
    }
}

fn aliases(record: &Record, place: &str) -> Result<Vec<String>, Failure> {
    let mut aliases: Vec<String> = Vec::new();
    for attribute in ALIASES.into_iter().chain(["h235identityendpointid"]) {
        for alias in texts(record, attribute, place)? {
            if !aliases.contains(&alias) {
                aliases.push(alias);
            }
        }
    }
    Ok(aliases)
}

fn password(record: &Record, place: &str) -> Result<Option<String>, Failure> {
    let mut all = texts(record, "h235identitypassword", place)?;
    let refuse = |cause, next| Err(Failure::new(place, cause, next));
    match all.len() {
        0 => Ok(None),
        1 => {
            let password = all.remove(0);
            let upper = password.to_ascii_uppercase();
            if HASHES.iter().any(|mark| upper.starts_with(mark)) {
                return refuse(
                    "h235IdentityPassword is a hash, which H.235 cannot use",
                    "export the password in clear text, or without this attribute",
                );
            }
            Ok(Some(password))
        }
        _ => refuse("duplicate h235IdentityPassword", "remove one"),
    }
}

/// Values of an attribute as text; empty ones are skipped.
fn texts(record: &Record, attribute: &str, place: &str) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    for value in record.values(attribute) {
        let text = std::str::from_utf8(value).map_err(|_| {
            Failure::new(
                place,
                format!("{attribute} is not UTF-8"),
                "correct it in the directory",
            )
        })?;
        let text = text.trim();
        if !text.is_empty() {
            texts.push(text.to_owned());
        }
    }
    Ok(texts)
}

/// Parses `192.0.2.1` or `192.0.2.1:1720`, either with the prefix `ip:` or `ip$`.
fn transport(text: &str) -> Option<SocketAddr> {
    let text = text
        .strip_prefix("ip:")
        .or_else(|| text.strip_prefix("ip$"))
        .unwrap_or(text);
    let ip = |ip: IpAddr| SocketAddr::new(ip, CALL_SIGNALLING);
    text.parse().ok().or_else(|| text.parse().ok().map(ip))
}
