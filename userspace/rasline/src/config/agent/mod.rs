//! `[[agent]]`: endpoints that rasline itself is, towards gatekeepers.
//!
//! Invariant: an [`Agent`] has one address family, a socket address of its own, and a way to find a gatekeeper.

use std::{collections::HashSet, net::SocketAddr, ops::Range, time::Duration};

use ipnet::IpNet;
use rasline_core::{
    agent::{
        AgentId, Answers, Candidate, Config as Wanted, Credentials, Device, Discovery, Kind,
        Signalling, Strategy,
    },
    alternates::Prefix,
    profile::Authentication,
};
use serde::Deserialize;
use toml::Spanned;

use super::{
    checker::{Checker, DAY},
    units::Span,
};

/// Maximum number of agents; each has a socket.
const MAX_AGENTS: usize = 1000;
/// Maximum number of gatekeepers of one agent.
const MAX_GATEKEEPERS: usize = 32;
/// Maximum number of devices of one agent; the aliases of all of them are in one RRQ.
const MAX_DEVICES: usize = 64;
const RAS_PORT: u16 = 1719;
const CALL_PORT: u16 = 1720;

/// An `[[agent]]` table: an endpoint that rasline itself is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Name in messages, commands and metrics.
    pub name: String,
    /// Local address of the RAS socket.
    pub ras_address: SocketAddr,
    /// callSignalAddress that it registers.
    pub call_signal_address: SocketAddr,
    /// Type of endpoint that it registers as.
    pub kind: Kind,
    /// RAS addresses of its gatekeepers, in order of preference.
    pub gatekeepers: Vec<SocketAddr>,
    /// How gatekeepers are discovered.
    pub discovery: Discovery,
    /// Which alternates it asks when its connection is lost.
    pub alternates: Strategy,
    /// timeToLive that it proposes in RRQs, whole seconds.
    pub time_to_live: Duration,
    /// Without an RCF to its lightweight RRQs for this long it registers in full.
    pub t1: Duration,
    /// When it keeps a call-signalling connection open.
    pub signalling: Signalling,
    /// Prefixes in which gatekeepers named by a gatekeeper must lie; `None` allows any address.
    pub allowed_alternates: Option<Vec<IpNet>>,
    /// Interval between Status Enquiries on that connection; `None` sends none.
    pub status_enquiry: Option<Duration>,
    /// The connection counts as lost after this long without an acknowledgement or answer.
    pub silence: Duration,
    /// Password and method of H.235.
    pub credentials: Option<Credentials>,
    /// Whether messages of gatekeepers must carry a token of H.235.1.
    pub answers: Answers,
    /// Devices whose aliases and prefixes it registers.
    pub devices: Vec<Device>,
}

impl Agent {
    /// The settings for the agent's state machine.
    #[must_use]
    pub fn wanted(&self, id: AgentId, seed: u64) -> Wanted {
        let candidate = |address: &SocketAddr| Candidate {
            address: *address,
            gatekeeper_identifier: None,
        };
        Wanted {
            id,
            name: self.name.clone(),
            ras_addresses: vec![self.ras_address],
            call_signal_addresses: vec![self.call_signal_address],
            kind: self.kind,
            devices: self.devices.clone(),
            gatekeepers: self.gatekeepers.iter().map(candidate).collect(),
            discovery: self.discovery,
            strategy: self.alternates,
            time_to_live: self.time_to_live,
            t1: self.t1,
            signalling: self.signalling,
            allowed_alternates: self.allowed_alternates.as_ref().map(|all| {
                let prefix = |net: &IpNet| Prefix {
                    address: net.network(),
                    length: net.prefix_len(),
                };
                all.iter().map(prefix).collect()
            }),
            credentials: self.credentials.clone(),
            answers: self.answers,
            seed,
        }
    }
}

/// An `[[agent]]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename = "Agent")]
pub(super) struct RawAgent {
    name: Spanned<String>,
    ras_address: Spanned<String>,
    call_signal_address: Option<Spanned<String>>,
    kind: Option<Kind>,
    #[serde(default)]
    gatekeepers: Vec<Spanned<String>>,
    discovery: Option<Discovery>,
    alternates: Option<Strategy>,
    time_to_live: Option<Spanned<Span>>,
    t1: Option<Spanned<Span>>,
    signalling: Option<AgentSignalling>,
    allowed_alternates: Option<Vec<Spanned<IpNet>>>,
    status_enquiry: Option<Spanned<Span>>,
    silence: Option<Spanned<Span>>,
    password: Option<Spanned<String>>,
    identifier: Option<Spanned<String>>,
    h235: Option<Spanned<H235>>,
    answers: Option<Spanned<Answers>>,
    #[serde(default)]
    device: Vec<Spanned<RawDevice>>,
}

/// When an agent has a call-signalling connection; earlier versions used `true` and `false`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum AgentSignalling {
    Flag(bool),
    Mode(Signalling),
}

/// How an agent authenticates itself.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum H235 {
    Md5,
    HmacSha1,
}

/// An `[[agent.device]]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename = "Device")]
struct RawDevice {
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
    #[serde(default)]
    prefixes: Vec<Spanned<String>>,
}

/// Checks all agents: names and sockets, each of them once.
pub(super) fn check_all(c: &mut Checker<'_>, raw: Vec<Spanned<RawAgent>>) -> Vec<Agent> {
    if raw.len() > MAX_AGENTS {
        let what = format!(
            "{} agents configured; the maximum is {MAX_AGENTS}",
            raw.len()
        );
        c.fail(None, "agent", what);
    }
    let mut names = HashSet::new();
    let mut sockets = HashSet::new();
    let mut all = Vec::new();
    for agent in raw {
        let (span, agent) = (agent.span(), agent.into_inner());
        let name = agent.name.get_ref().clone();
        if name.is_empty() || name.len() > 64 || !names.insert(name.clone()) {
            let what = if names.contains(&name) {
                format!("duplicate agent name \"{name}\"; rename one")
            } else {
                "give the agent a name of 1 to 64 octets".to_owned()
            };
            c.fail(Some(agent.name.span()), "name", what);
        }
        let socket = agent.ras_address.span();
        let Some(agent) = agent.check(c, &span) else {
            continue;
        };
        if !sockets.insert(agent.ras_address) {
            let what = format!(
                "{} is already used by another agent; give each its own address or port",
                agent.ras_address
            );
            c.fail(Some(socket), "ras_address", what);
        }
        all.push(agent);
    }
    all
}

impl RawAgent {
    /// Checks all keys of an agent. Returns `None` if an address is wrong.
    fn check(self, c: &mut Checker<'_>, span: &Range<usize>) -> Option<Agent> {
        let (second, ms) = (Duration::from_secs(1), Duration::from_millis);
        let kind = self.kind.unwrap_or_default();
        let ras_address = check_address(c, "ras_address", &self.ras_address, RAS_PORT);
        let call_signal_address = match &self.call_signal_address {
            Some(text) => check_address(c, "call_signal_address", text, CALL_PORT),
            None => ras_address.map(|own| SocketAddr::new(own.ip(), CALL_PORT)),
        };
        let discovery = self.discovery.unwrap_or_default();
        let gatekeepers = check_gatekeepers(c, ras_address, &self.gatekeepers);
        if self.gatekeepers.is_empty() && discovery != Discovery::Multicast {
            let what = "no gatekeepers configured; list them or set discovery = \"multicast\"";
            c.fail(Some(span.clone()), "gatekeepers", what);
        }
        if discovery == Discovery::Multicast && ras_address.is_some_and(|own| own.is_ipv6()) {
            let what = "multicast discovery works over IPv4 only; list the gatekeepers";
            c.fail(Some(self.ras_address.span()), "discovery", what);
        }
        let devices = check_devices(c, span, kind, self.device);
        let credentials = check_credentials(c, self.password, self.identifier, self.h235, &devices);
        let answers = check_answers(c, self.answers, credentials.as_ref());
        let time_to_live = check_time_to_live(c, self.time_to_live, Duration::from_mins(5));
        let t1 = c.duration("t1", self.t1, (ms(50), Duration::from_mins(1)));
        let status_enquiry = c.duration("status_enquiry", self.status_enquiry, (ms(100), DAY));
        let silence = c.duration("silence", self.silence, (second, Duration::from_mins(10)));
        let allowed_alternates = check_alternates(c, ras_address, self.allowed_alternates);
        let signalling = match self.signalling {
            None | Some(AgentSignalling::Flag(true)) => Signalling::Auto,
            Some(AgentSignalling::Flag(false)) => Signalling::Off,
            Some(AgentSignalling::Mode(mode)) => mode,
        };
        Some(Agent {
            name: self.name.into_inner(),
            ras_address: ras_address?,
            call_signal_address: call_signal_address?,
            kind,
            gatekeepers,
            discovery,
            alternates: self.alternates.unwrap_or_default(),
            time_to_live,
            t1: t1.unwrap_or(second),
            signalling,
            allowed_alternates,
            status_enquiry,
            silence: silence.unwrap_or(3 * second),
            credentials,
            answers,
            devices,
        })
    }
}

fn check_time_to_live(
    c: &mut Checker<'_>,
    value: Option<Spanned<Span>>,
    default: Duration,
) -> Duration {
    let span = value.as_ref().map(Spanned::span);
    let range = (Duration::from_secs(10), DAY);
    let Some(d) = c.duration("time_to_live", value, range) else {
        return default;
    };
    if d.subsec_nanos() != 0 {
        let what = "timeToLive is in whole seconds; remove the fraction";
        c.fail(span, "time_to_live", what);
    }
    d
}

/// Parses `IP` or `IP:port`, and checks that a socket can be bound to it.
fn check_address(
    c: &mut Checker<'_>,
    key: &str,
    text: &Spanned<String>,
    port: u16,
) -> Option<SocketAddr> {
    let wrong = match parse_address(text.get_ref(), port) {
        None => {
            "is not an address; write \"192.0.2.1\", \"192.0.2.1:1719\" or \"[2001:db8::1]:1719\""
        }
        Some(a) if a.ip().is_unspecified() => {
            "is a wildcard address, but it is announced to peers; use a concrete address"
        }
        Some(a) if a.ip().is_multicast() => "is a multicast address; use a unicast address",
        Some(a) if a.port() == 0 => "has port 0; leave the port out, or use another one",
        Some(a) => return Some(a),
    };
    let what = format!("\"{}\" {wrong}", text.get_ref());
    c.fail(Some(text.span()), key, what);
    None
}

fn check_alternates(
    c: &mut Checker<'_>,
    own: Option<SocketAddr>,
    raw: Option<Vec<Spanned<IpNet>>>,
) -> Option<Vec<IpNet>> {
    let raw = raw?;
    for prefix in &raw {
        let net = prefix.get_ref();
        let what = if net.trunc() != *net {
            let whole = net.trunc();
            format!("{net} has bits set after its prefix; write \"{whole}\"")
        } else if let Some(own) = own.filter(|own| own.is_ipv4() != net.addr().is_ipv4()) {
            let own = own.ip();
            format!("{net} and {own} are of different address families; use IPv4 or IPv6 for both")
        } else {
            continue;
        };
        c.fail(Some(prefix.span()), "allowed_alternates", what);
    }
    Some(raw.into_iter().map(Spanned::into_inner).collect())
}

fn check_gatekeepers(
    c: &mut Checker<'_>,
    own: Option<SocketAddr>,
    raw: &[Spanned<String>],
) -> Vec<SocketAddr> {
    let mut all = Vec::new();
    if let Some(one_more) = raw.get(MAX_GATEKEEPERS) {
        let what = format!(
            "{} gatekeepers listed; the maximum is {MAX_GATEKEEPERS}",
            raw.len()
        );
        c.fail(Some(one_more.span()), "gatekeepers", what);
    }
    for text in raw {
        let Some(address) = check_address(c, "gatekeepers", text, RAS_PORT) else {
            continue;
        };
        let other_family = own.filter(|own| own.is_ipv4() != address.is_ipv4());
        let what = if let Some(own) = other_family {
            let own = own.ip();
            format!(
                "{address} and {own} are of different address families; use IPv4 or IPv6 for both"
            )
        } else if all.contains(&address) {
            format!("duplicate address {address}; remove one")
        } else {
            all.push(address);
            continue;
        };
        c.fail(Some(text.span()), "gatekeepers", what);
    }
    all
}

fn check_devices(
    c: &mut Checker<'_>,
    span: &Range<usize>,
    kind: Kind,
    raw: Vec<Spanned<RawDevice>>,
) -> Vec<Device> {
    if raw.is_empty() || raw.len() > MAX_DEVICES {
        let what = format!("give 1 to {MAX_DEVICES} [[agent.device]], each with aliases");
        c.fail(Some(span.clone()), "device", what);
    }
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for device in raw {
        let (span, device) = (device.span(), device.into_inner());
        if device.aliases.is_empty() {
            let what = "no aliases configured; a device is registered under its aliases";
            c.fail(Some(span), "aliases", what);
        }
        for alias in &device.aliases {
            let text = alias.get_ref();
            let what = if text.is_empty() || text.encode_utf16().count() > 128 {
                format!("\"{text}\" must have 1 to 128 characters")
            } else if seen.insert(text.clone()) {
                continue;
            } else {
                format!("duplicate alias \"{text}\"; remove one")
            };
            c.fail(Some(alias.span()), "aliases", what);
        }
        for prefix in &device.prefixes {
            check_prefix(c, kind, prefix);
        }
        let plain = |all: Vec<Spanned<String>>| all.into_iter().map(Spanned::into_inner);
        all.push(Device {
            aliases: plain(device.aliases).collect(),
            prefixes: plain(device.prefixes).collect(),
        });
    }
    all
}

fn check_prefix(c: &mut Checker<'_>, kind: Kind, prefix: &Spanned<String>) {
    let text = prefix.get_ref();
    let digit = |b: u8| b.is_ascii_digit() || matches!(b, b'#' | b'*' | b',');
    let what = if kind == Kind::Terminal {
        "terminals have no prefixes; set kind = \"gateway\", or remove them".to_owned()
    } else if (1..=128).contains(&text.len()) && text.bytes().all(digit) {
        return;
    } else {
        format!("\"{text}\" is not a dialled prefix; use digits, # and *")
    };
    c.fail(Some(prefix.span()), "prefixes", what);
}

fn check_credentials(
    c: &mut Checker<'_>,
    password: Option<Spanned<String>>,
    identifier: Option<Spanned<String>>,
    h235: Option<Spanned<H235>>,
    devices: &[Device],
) -> Option<Credentials> {
    let Some(password) = password else {
        let of_no_use = [
            (identifier.map(|i| i.span()), "identifier"),
            (h235.map(|h| h.span()), "h235"),
        ];
        for (span, key) in of_no_use {
            if span.is_some() {
                c.fail(span, key, "has no effect without password; set both");
            }
        }
        return None;
    };
    let first = || Some(devices.first()?.aliases.first()?.clone());
    let identifier = identifier.map_or_else(|| first().unwrap_or_default(), Spanned::into_inner);
    for (text, key) in [
        (password.get_ref(), "password"),
        (&identifier, "identifier"),
    ] {
        if text.is_empty() || text.encode_utf16().count() > 128 {
            let what = "must have 1 to 128 characters";
            c.fail(Some(password.span()), key, what);
        }
    }
    Some(Credentials {
        identifier,
        password: password.into_inner(),
        mechanism: match h235.map(Spanned::into_inner) {
            Some(H235::HmacSha1) => Authentication::HmacSha1,
            Some(H235::Md5) | None => Authentication::Md5,
        },
    })
}

/// Signatures can be required of gatekeepers only with HMAC-SHA1: MD5 (cryptoEPPwdHash) does not cover the message.
fn check_answers(
    c: &mut Checker<'_>,
    answers: Option<Spanned<Answers>>,
    credentials: Option<&Credentials>,
) -> Answers {
    let Some(answers) = answers else {
        return Answers::default();
    };
    let mechanism = credentials.map(|own| own.mechanism);
    let hmac = mechanism == Some(Authentication::HmacSha1);
    if !hmac && *answers.get_ref() != Answers::Any {
        let what = if mechanism.is_some() {
            "needs h235 = \"hmac-sha1\", as MD5 does not authenticate messages; change h235, or remove this key"
        } else {
            "has no effect without password; set password and h235 = \"hmac-sha1\""
        };
        c.fail(Some(answers.span()), "answers", what);
    }
    answers.into_inner()
}

/// Parses a socket address; `port` is used if the text has none.
fn parse_address(text: &str, port: u16) -> Option<SocketAddr> {
    let bare = || text.parse().ok().map(|ip| SocketAddr::new(ip, port));
    text.parse().ok().or_else(bare)
}

#[cfg(test)]
mod tests;
