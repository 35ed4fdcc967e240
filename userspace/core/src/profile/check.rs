//! What a profile must keep to, so that a registrar can serve it.

use std::{
    collections::HashSet,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use rasline_h225::{messages, types::AliasAddress};

use super::{CallModel, KnownEndpoint, Neighbour, Profile};

/// Faults told at most; a file of the wrong kind has one in every entry.
const TOLD: usize = 50;
/// Characters of a zone's or tenant's name.
const MAX_NAME: usize = 128;
/// Characters of a gatekeeperIdentifier, endpointIdentifier, password (H.225.0: `BMPString (SIZE (1..128))`).
pub const MAX_IDENTIFIER: usize = 128;
/// Digits of a prefix or number (H.225.0: `IA5String (SIZE (1..128))`).
const MAX_DIGITS: usize = 128;
/// Octets of an alias that is a URL (H.225.0: `IA5String (SIZE (1..512))`).
const MAX_URL: usize = 512;
/// UTF-16 units of an h323-ID (H.225.0: `BMPString (SIZE (1..256))`).
const MAX_H323_ID: usize = 256;

/// One thing that is wrong with a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What.
    pub wrong: Wrong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.wrong)
    }
}

impl std::error::Error for Fault {}

/// Where in a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A key.
    Key(&'static str),
    /// An entry of a list.
    Entry {
        /// The list.
        list: &'static str,
        /// Its index, from 0.
        index: usize,
        /// What names it; may be empty.
        name: String,
        /// Key of the entry; may be empty.
        key: &'static str,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Entry {
                list,
                index,
                name,
                key,
            } => {
                write!(f, "{list}[{index}]")?;
                if !name.is_empty() {
                    write!(f, " ({name})")?;
                }
                if !key.is_empty() {
                    write!(f, ".{key}")?;
                }
                Ok(())
            }
        }
    }
}

/// What is wrong. [`fmt::Display`] gives the cause, [`Wrong::next_step`] what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing stands there.
    Empty,
    /// More than so many characters.
    TooLong {
        /// The most.
        most: usize,
    },
    /// A control character is in it.
    Control,
    /// No alias of H.323.
    Alias(String),
    /// Another character than a digit, `*` or `#`.
    Digits(String),
    /// It stands there before.
    Twice {
        /// What.
        value: String,
        /// In which entry; `None`: in the same list.
        first: Option<usize>,
    },
    /// min, default and max are not in this order, or min is 0.
    TimeToLive {
        /// min.
        min: u32,
        /// default.
        default: u32,
        /// max.
        max: u32,
    },
    /// A zone that reaches itself.
    Itself,
    /// Nothing can be sent there.
    Address(SocketAddr),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong { most } => write!(f, "has more than {most} characters"),
            Self::Control => f.write_str("has a control character"),
            Self::Alias(text) => write!(f, "{text:?} is not a valid H.323 alias"),
            Self::Digits(text) => write!(f, "{text:?} is not made of digits"),
            Self::Twice {
                value,
                first: Some(first),
            } => write!(f, "duplicate {value:?}, already used by endpoints[{first}]"),
            Self::Twice { value, first: None } => write!(f, "duplicate {value:?}"),
            Self::TimeToLive { min, default, max } => {
                write!(
                    f,
                    "min {min}, default {default}, max {max} are not in order"
                )
            }
            Self::Itself => f.write_str("names the zone itself"),
            Self::Address(address) => write!(f, "{address} is not the address and port of a host"),
        }
    }
}

impl Wrong {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Empty => "fill it in, or remove the key",
            Self::TooLong { .. } => "shorten it",
            Self::Control | Self::Itself => "remove it",
            Self::Alias(_) => {
                "use up to 128 digits, an ASCII URL of up to 512 characters, or a name of up to 256"
            }
            Self::Digits(_) => "use 1 to 128 of 0-9, * and #",
            Self::Twice { .. } => "remove one of the two",
            Self::TimeToLive { .. } => "use 1 <= min <= default <= max",
            Self::Address(_) => "use a unicast address and a port other than 0",
        }
    }
}

impl Profile {
    /// Whether a registrar can serve it: names and identifiers within the bounds of H.225.0, prefixes of digits, aliases
    /// that H.323 knows and that no two endpoints share, timeToLive in order, addresses of hosts.
    ///
    /// # Errors
    /// What is wrong with it, the first 50 things.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::default();
        self.check_head(&mut faults);
        self.check_lists(&mut faults);
        self.check_endpoints(&mut faults);
        if faults.0.is_empty() {
            Ok(())
        } else {
            Err(faults.0)
        }
    }

    fn check_head(&self, faults: &mut Faults) {
        let key = Place::Key;
        faults.text(key("zone"), &self.zone, MAX_NAME);
        if !self.tenant.is_empty() {
            faults.text(key("tenant"), &self.tenant, MAX_NAME);
        }
        let identifier = &self.gatekeeper_identifier;
        faults.text(key("gatekeeper_identifier"), identifier, MAX_IDENTIFIER);
        let super::TimeToLive { min, default, max } = self.time_to_live;
        if min == 0 || min > default || default > max {
            faults.add(key("time_to_live"), Wrong::TimeToLive { min, default, max });
        }
        if let CallModel::GatekeeperRouted(address) = self.call_model {
            faults.address(key("call_model"), Some(address));
        }
    }

    fn check_lists(&self, faults: &mut Faults) {
        faults.digits_of("prefixes", &self.prefixes);
        let mut rules = HashSet::new();
        for (index, rule) in self.plan.iter().enumerate() {
            let at = |key| entry("plan", index, &rule.prefix, key);
            // An empty prefix is the rule for all that fits no other.
            if !rule.prefix.is_empty() {
                faults.digits(at("prefix"), &rule.prefix);
            }
            if !rule.add.is_empty() {
                faults.digits(at("add"), &rule.add);
            }
            faults.once(at(""), &mut rules, &rule.prefix);
        }
        let mut zones = HashSet::new();
        for (index, zone) in self.reach.iter().enumerate() {
            let at = entry("reach", index, "", "");
            faults.text(at.clone(), zone, MAX_NAME);
            if *zone == self.zone {
                faults.add(at.clone(), Wrong::Itself);
            }
            faults.once(at, &mut zones, zone);
        }
        let mut ids = HashSet::new();
        for (index, neighbour) in self.neighbours.iter().enumerate() {
            faults.neighbour(index, neighbour);
            faults.once(
                entry("neighbours", index, "", "id"),
                &mut ids,
                &neighbour.id,
            );
        }
    }

    fn check_endpoints(&self, faults: &mut Faults) {
        let mut owners = std::collections::HashMap::with_capacity(self.endpoints.len() * 2);
        let mut identifiers = HashSet::new();
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            faults.endpoint(index, endpoint);
            for alias in &endpoint.aliases {
                if let Some(first) = owners.insert(alias.as_str(), index) {
                    let wrong = Wrong::Twice {
                        value: alias.clone(),
                        first: Some(first),
                    };
                    faults.add(at_endpoint(index, endpoint, "aliases"), wrong);
                }
            }
            if let Some(identifier) = &endpoint.endpoint_identifier {
                let at = at_endpoint(index, endpoint, "endpoint_identifier");
                faults.once(at, &mut identifiers, identifier);
            }
        }
    }
}

/// Whether an endpoint alone is fine, without its neighbours in the list.
///
/// # Errors
/// What is wrong with it.
pub fn check_endpoint(endpoint: &KnownEndpoint) -> Result<(), Vec<Fault>> {
    let mut faults = Faults::default();
    faults.endpoint(0, endpoint);
    if faults.0.is_empty() {
        Ok(())
    } else {
        Err(faults.0)
    }
}

fn entry(list: &'static str, index: usize, name: &str, key: &'static str) -> Place {
    Place::Entry {
        list,
        index,
        name: name.to_owned(),
        key,
    }
}

fn at_endpoint(index: usize, endpoint: &KnownEndpoint, key: &'static str) -> Place {
    let name = endpoint.aliases.first().map_or("", String::as_str);
    entry("endpoints", index, name, key)
}

#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, place: Place, wrong: Wrong) {
        if self.0.len() < TOLD {
            self.0.push(Fault { place, wrong });
        }
    }

    /// Length in UTF-16 units, as a BMPString counts.
    fn text(&mut self, place: Place, text: &str, most: usize) {
        if text.trim().is_empty() {
            self.add(place, Wrong::Empty);
        } else if text.len() > most && text.encode_utf16().count() > most {
            self.add(place, Wrong::TooLong { most });
        } else if text.chars().any(char::is_control) {
            self.add(place, Wrong::Control);
        }
    }

    fn digits(&mut self, place: Place, text: &str) {
        let fine = |octet: u8| octet.is_ascii_digit() || b"*#".contains(&octet);
        if text.is_empty() || text.len() > MAX_DIGITS || !text.bytes().all(fine) {
            self.add(place, Wrong::Digits(text.to_owned()));
        }
    }

    fn digits_of(&mut self, list: &'static str, all: &[String]) {
        let mut seen = HashSet::new();
        for (index, digits) in all.iter().enumerate() {
            self.digits(entry(list, index, "", ""), digits);
            self.once(entry(list, index, "", ""), &mut seen, digits);
        }
    }

    fn once<'a>(&mut self, place: Place, seen: &mut HashSet<&'a str>, value: &'a str) {
        if !seen.insert(value) {
            let wrong = Wrong::Twice {
                value: value.to_owned(),
                first: None,
            };
            self.add(place, wrong);
        }
    }

    fn address(&mut self, place: Place, address: Option<SocketAddr>) {
        if let Some(address) = address
            && !is_host(address)
        {
            self.add(place, Wrong::Address(address));
        }
    }

    fn neighbour(&mut self, index: usize, neighbour: &Neighbour) {
        let at = |key| entry("neighbours", index, &neighbour.id, key);
        self.text(at("id"), &neighbour.id, MAX_IDENTIFIER);
        self.address(at("address"), Some(neighbour.address));
        for prefix in &neighbour.prefixes {
            self.digits(at("prefixes"), prefix);
        }
    }

    fn endpoint(&mut self, index: usize, endpoint: &KnownEndpoint) {
        let at = |key| at_endpoint(index, endpoint, key);
        if endpoint.aliases.is_empty() {
            self.add(at("aliases"), Wrong::Empty);
        }
        for alias in &endpoint.aliases {
            if !is_alias(alias) {
                self.add(at("aliases"), Wrong::Alias(alias.clone()));
            }
        }
        for prefix in &endpoint.prefixes {
            self.digits(at("prefixes"), prefix);
        }
        if let Some(password) = &endpoint.password {
            self.text(at("password"), password, MAX_IDENTIFIER);
        }
        if let Some(identifier) = &endpoint.endpoint_identifier {
            self.text(at("endpoint_identifier"), identifier, MAX_IDENTIFIER);
        }
        self.address(at("call_signal_address"), endpoint.call_signal_address);
        self.address(at("ras_address"), endpoint.ras_address);
    }
}

fn is_alias(text: &str) -> bool {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return false;
    }
    match messages::alias(text) {
        Ok(AliasAddress::DialedDigits(_)) => text.len() <= MAX_DIGITS,
        Ok(AliasAddress::UrlId(_)) => text.len() <= MAX_URL,
        Ok(_) => text.len() <= MAX_H323_ID || text.encode_utf16().count() <= MAX_H323_ID,
        Err(_) => false,
    }
}

fn is_host(address: SocketAddr) -> bool {
    let ip = address.ip();
    address.port() != 0
        && !ip.is_unspecified()
        && !ip.is_multicast()
        && ip != IpAddr::V4(Ipv4Addr::BROADCAST)
}
