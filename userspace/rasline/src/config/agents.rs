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
use toml::Spanned;

use super::{
    check::{Checker, DAY},
    raw,
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

/// `[[agent]]`.
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

impl Checker<'_> {
    pub(super) fn agents(&mut self, raw: Vec<Spanned<raw::Agent>>) -> Vec<Agent> {
        if raw.len() > MAX_AGENTS {
            let what = format!(
                "{} agents configured; the maximum is {MAX_AGENTS}",
                raw.len()
            );
            self.fail(None, "agent", what);
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
                self.fail(Some(agent.name.span()), "name", what);
            }
            let socket = agent.ras_address.span();
            let Some(agent) = self.agent(&span, agent) else {
                continue;
            };
            if !sockets.insert(agent.ras_address) {
                let what = format!(
                    "{} is already used by another agent; give each its own address or port",
                    agent.ras_address
                );
                self.fail(Some(socket), "ras_address", what);
            }
            all.push(agent);
        }
        all
    }

    /// Checks all keys of an agent. Returns `None` if an address is wrong.
    fn agent(&mut self, span: &Range<usize>, raw: raw::Agent) -> Option<Agent> {
        let (second, ms) = (Duration::from_secs(1), Duration::from_millis);
        let kind = raw.kind.unwrap_or_default();
        let ras_address = self.address("ras_address", &raw.ras_address, RAS_PORT);
        let call_signal_address = match &raw.call_signal_address {
            Some(text) => self.address("call_signal_address", text, CALL_PORT),
            None => ras_address.map(|own| SocketAddr::new(own.ip(), CALL_PORT)),
        };
        let discovery = raw.discovery.unwrap_or_default();
        let gatekeepers = self.agents_gatekeepers(ras_address, &raw.gatekeepers);
        if raw.gatekeepers.is_empty() && discovery != Discovery::Multicast {
            let what = "no gatekeepers configured; list them or set discovery = \"multicast\"";
            self.fail(Some(span.clone()), "gatekeepers", what);
        }
        if discovery == Discovery::Multicast && ras_address.is_some_and(|own| own.is_ipv6()) {
            let what = "multicast discovery works over IPv4 only; list the gatekeepers";
            self.fail(Some(raw.ras_address.span()), "discovery", what);
        }
        let devices = self.devices(span, kind, raw.device);
        let credentials = self.credentials(raw.password, raw.identifier, raw.h235, &devices);
        let answers = self.answers(raw.answers, credentials.as_ref());
        let time_to_live = self.whole_seconds(raw.time_to_live, Duration::from_mins(5));
        let t1 = self.duration("t1", raw.t1, (ms(50), Duration::from_mins(1)));
        let status_enquiry = self.duration("status_enquiry", raw.status_enquiry, (ms(100), DAY));
        let silence = self.duration("silence", raw.silence, (second, Duration::from_mins(10)));
        let allowed_alternates = self.agents_alternates(ras_address, raw.allowed_alternates);
        let signalling = match raw.signalling {
            None | Some(raw::AgentSignalling::Flag(true)) => Signalling::Auto,
            Some(raw::AgentSignalling::Flag(false)) => Signalling::Off,
            Some(raw::AgentSignalling::Mode(mode)) => mode,
        };
        Some(Agent {
            name: raw.name.into_inner(),
            ras_address: ras_address?,
            call_signal_address: call_signal_address?,
            kind,
            gatekeepers,
            discovery,
            alternates: raw.alternates.unwrap_or_default(),
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

    fn whole_seconds(&mut self, value: Option<Spanned<Span>>, default: Duration) -> Duration {
        let span = value.as_ref().map(Spanned::span);
        let range = (Duration::from_secs(10), DAY);
        let Some(d) = self.duration("time_to_live", value, range) else {
            return default;
        };
        if d.subsec_nanos() != 0 {
            let what = "timeToLive is in whole seconds; remove the fraction";
            self.fail(span, "time_to_live", what);
        }
        d
    }

    /// Parses `IP` or `IP:port`, and checks that a socket can be bound to it.
    fn address(&mut self, key: &str, text: &Spanned<String>, port: u16) -> Option<SocketAddr> {
        let wrong = match parse(text.get_ref(), port) {
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
        self.fail(Some(text.span()), key, what);
        None
    }

    fn agents_alternates(
        &mut self,
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
                format!(
                    "{net} and {own} are of different address families; use IPv4 or IPv6 for both"
                )
            } else {
                continue;
            };
            self.fail(Some(prefix.span()), "allowed_alternates", what);
        }
        Some(raw.into_iter().map(Spanned::into_inner).collect())
    }

    fn agents_gatekeepers(
        &mut self,
        own: Option<SocketAddr>,
        raw: &[Spanned<String>],
    ) -> Vec<SocketAddr> {
        let mut all = Vec::new();
        if let Some(one_more) = raw.get(MAX_GATEKEEPERS) {
            let what = format!(
                "{} gatekeepers listed; the maximum is {MAX_GATEKEEPERS}",
                raw.len()
            );
            self.fail(Some(one_more.span()), "gatekeepers", what);
        }
        for text in raw {
            let Some(address) = self.address("gatekeepers", text, RAS_PORT) else {
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
            self.fail(Some(text.span()), "gatekeepers", what);
        }
        all
    }

    fn devices(
        &mut self,
        span: &Range<usize>,
        kind: Kind,
        raw: Vec<Spanned<raw::Device>>,
    ) -> Vec<Device> {
        if raw.is_empty() || raw.len() > MAX_DEVICES {
            let what = format!("give 1 to {MAX_DEVICES} [[agent.device]], each with aliases");
            self.fail(Some(span.clone()), "device", what);
        }
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        for device in raw {
            let (span, device) = (device.span(), device.into_inner());
            if device.aliases.is_empty() {
                let what = "no aliases configured; a device is registered under its aliases";
                self.fail(Some(span), "aliases", what);
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
                self.fail(Some(alias.span()), "aliases", what);
            }
            for prefix in &device.prefixes {
                self.prefix(kind, prefix);
            }
            let plain = |all: Vec<Spanned<String>>| all.into_iter().map(Spanned::into_inner);
            all.push(Device {
                aliases: plain(device.aliases).collect(),
                prefixes: plain(device.prefixes).collect(),
            });
        }
        all
    }

    fn prefix(&mut self, kind: Kind, prefix: &Spanned<String>) {
        let text = prefix.get_ref();
        let digit = |b: u8| b.is_ascii_digit() || matches!(b, b'#' | b'*' | b',');
        let what = if kind == Kind::Terminal {
            "terminals have no prefixes; set kind = \"gateway\", or remove them".to_owned()
        } else if (1..=128).contains(&text.len()) && text.bytes().all(digit) {
            return;
        } else {
            format!("\"{text}\" is not a dialled prefix; use digits, # and *")
        };
        self.fail(Some(prefix.span()), "prefixes", what);
    }

    fn credentials(
        &mut self,
        password: Option<Spanned<String>>,
        identifier: Option<Spanned<String>>,
        h235: Option<Spanned<raw::H235>>,
        devices: &[Device],
    ) -> Option<Credentials> {
        let Some(password) = password else {
            let of_no_use = [
                (identifier.map(|i| i.span()), "identifier"),
                (h235.map(|h| h.span()), "h235"),
            ];
            for (span, key) in of_no_use {
                if span.is_some() {
                    self.fail(span, key, "has no effect without password; set both");
                }
            }
            return None;
        };
        let first = || Some(devices.first()?.aliases.first()?.clone());
        let identifier =
            identifier.map_or_else(|| first().unwrap_or_default(), Spanned::into_inner);
        for (text, key) in [
            (password.get_ref(), "password"),
            (&identifier, "identifier"),
        ] {
            if text.is_empty() || text.encode_utf16().count() > 128 {
                let what = "must have 1 to 128 characters";
                self.fail(Some(password.span()), key, what);
            }
        }
        Some(Credentials {
            identifier,
            password: password.into_inner(),
            mechanism: match h235.map(Spanned::into_inner) {
                Some(raw::H235::HmacSha1) => Authentication::HmacSha1,
                Some(raw::H235::Md5) | None => Authentication::Md5,
            },
        })
    }

    /// Signatures can be required of gatekeepers only with HMAC-SHA1: MD5 (cryptoEPPwdHash) does not cover the message.
    fn answers(
        &mut self,
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
            self.fail(Some(answers.span()), "answers", what);
        }
        answers.into_inner()
    }
}

/// Parses a socket address; `port` is used if the text has none.
fn parse(text: &str, port: u16) -> Option<SocketAddr> {
    let bare = || text.parse().ok().map(|ip| SocketAddr::new(ip, port));
    text.parse().ok().or_else(bare)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    const AGENT: &str = r#"
[[agent]]
name = "gw"
ras_address = "192.0.2.10"
gatekeepers = ["192.0.2.1", "192.0.2.2:1819"]

[[agent.device]]
aliases = ["gw", "4400"]
prefixes = ["44"]
"#;

    fn parsed(text: &str) -> Result<Config, Vec<String>> {
        Config::parse(Path::new("r.toml"), text)
            .map_err(|all| all.iter().map(ToString::to_string).collect())
    }

    fn with(from: &str, to: &str) -> Vec<String> {
        assert!(AGENT.contains(from), "{from}");
        parsed(&AGENT.replacen(from, to, 1)).unwrap_err()
    }

    #[test]
    fn an_agent_alone_is_enough() {
        let config = parsed(AGENT).unwrap();
        assert!(config.zones.is_empty() && config.interfaces.is_empty());
        let agent = &config.agents[0];
        assert_eq!(agent.ras_address, "192.0.2.10:1719".parse().unwrap());
        assert_eq!(
            agent.call_signal_address,
            "192.0.2.10:1720".parse().unwrap()
        );
        assert_eq!(agent.gatekeepers[1], "192.0.2.2:1819".parse().unwrap());
        assert_eq!(
            (agent.time_to_live, agent.t1, agent.silence),
            (
                Duration::from_mins(5),
                Duration::from_secs(1),
                Duration::from_secs(3)
            )
        );
        assert_eq!(agent.signalling, Signalling::Auto);
        assert_eq!(agent.allowed_alternates, None);
        assert!(agent.status_enquiry.is_none());
        assert_eq!(agent.credentials, None);
        let wanted = agent.wanted(AgentId(7), 1);
        assert_eq!(wanted.devices[0].prefixes, ["44"]);
        assert_eq!(wanted.gatekeepers.len(), 2);
    }

    #[test]
    fn a_connection_is_kept_as_the_mode_says() {
        for (text, mode) in [
            ("\"auto\"", Signalling::Auto),
            ("\"hold\"", Signalling::Hold),
            ("\"per-call\"", Signalling::PerCall),
            ("\"off\"", Signalling::Off),
            ("true", Signalling::Auto),
            ("false", Signalling::Off),
        ] {
            let line = format!("signalling = {text}\n[[agent.device]]");
            let config = parsed(&AGENT.replace("[[agent.device]]", &line)).unwrap();
            assert_eq!(config.agents[0].signalling, mode, "{text}");
        }
    }

    #[test]
    fn alternates_may_be_where_it_is_allowed() {
        let line = "allowed_alternates = [\"192.0.2.0/28\"]\n[[agent.device]]";
        let config = parsed(&AGENT.replace("[[agent.device]]", line)).unwrap();
        let wanted = config.agents[0].wanted(AgentId(7), 1);
        let allowed = wanted.allowed_alternates.unwrap();
        assert!(allowed[0].contains("192.0.2.15".parse().unwrap()));
        assert!(!allowed[0].contains("192.0.2.16".parse().unwrap()));
        for (wrong, error) in [
            ("192.0.2.1/28", "bits set"),
            ("2001:db8::/64", "different address families"),
        ] {
            let line = line.replace("192.0.2.0/28", wrong);
            let said = with("[[agent.device]]", &line).join("\n");
            assert!(said.contains(error), "{said}");
        }
    }

    #[test]
    fn the_first_alias_signs() {
        let text = AGENT.replace("[[agent.device]]", "password = \"x\"\n[[agent.device]]");
        let credentials = parsed(&text).unwrap().agents[0]
            .credentials
            .clone()
            .unwrap();
        assert_eq!(credentials.identifier, "gw");
        assert_eq!(credentials.mechanism, Authentication::Md5);
        let text = text.replace(
            "password",
            "h235 = \"hmac-sha1\"\nidentifier = \"i\"\npassword",
        );
        let credentials = parsed(&text).unwrap().agents[0]
            .credentials
            .clone()
            .unwrap();
        assert_eq!(credentials.identifier, "i");
        assert_eq!(credentials.mechanism, Authentication::HmacSha1);
    }

    #[test]
    fn answers_are_verified_by_hmac_only() {
        let with =
            |lines: &str| AGENT.replace("[[agent.device]]", &format!("{lines}\n[[agent.device]]"));
        let hmac = "password = \"x\"\nh235 = \"hmac-sha1\"\n";
        let agent = |text: &str| parsed(text).map(|config| config.agents[0].answers);
        assert_eq!(agent(&with(hmac)).unwrap(), Answers::Learned);
        for (word, answers) in [
            ("learned", Answers::Learned),
            ("verified", Answers::Verified),
            ("any", Answers::Any),
        ] {
            let line = format!("answers = \"{word}\"");
            assert_eq!(agent(&with(&format!("{hmac}{line}"))).unwrap(), answers);
            for (other, error) in [("", "without password"), ("password = \"x\"\n", "MD5")] {
                let result = agent(&with(&format!("{other}{line}")));
                if answers == Answers::Any {
                    assert_eq!(result.unwrap(), answers);
                } else {
                    let said = result.unwrap_err().join("\n");
                    assert!(said.contains(error), "{said}");
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (from, to, error) in [
            (
                "\"192.0.2.10\"",
                "\"0.0.0.0\"",
                "r.toml:4: ras_address: \"0.0.0.0\" is a wildcard address, but it is announced to peers; use a concrete address",
            ),
            (
                "\"192.0.2.10\"",
                "\"192.0.2.10:0\"",
                "r.toml:4: ras_address: \"192.0.2.10:0\" has port 0; leave the port out, or use another one",
            ),
            (
                "\"192.0.2.1\"",
                "\"2001:db8::1\"",
                "r.toml:5: gatekeepers: [2001:db8::1]:1719 and 192.0.2.10 are of different address families; use IPv4 or IPv6 for both",
            ),
            (
                "\"192.0.2.2:1819\"",
                "\"192.0.2.1:1719\"",
                "r.toml:5: gatekeepers: duplicate address 192.0.2.1:1719; remove one",
            ),
            (
                "[\"192.0.2.1\", \"192.0.2.2:1819\"]",
                "[]",
                "r.toml:2: gatekeepers: no gatekeepers configured; list them or set discovery = \"multicast\"",
            ),
            (
                "[\"44\"]",
                "[\"x\"]",
                "r.toml:9: prefixes: \"x\" is not a dialled prefix; use digits, # and *",
            ),
            (
                "\"gw\"\nras",
                "\"gw\"\nkind = \"terminal\"\nras",
                "r.toml:10: prefixes: terminals have no prefixes; set kind = \"gateway\", or remove them",
            ),
            (
                "\"gw\", \"4400\"",
                "\"gw\", \"gw\"",
                "r.toml:8: aliases: duplicate alias \"gw\"; remove one",
            ),
            (
                "\n[[agent.device]]",
                "h235 = \"md5\"\n[[agent.device]]",
                "r.toml:6: h235: has no effect without password; set both",
            ),
            (
                "\n[[agent.device]]",
                "time_to_live = \"1m1ms\"\n[[agent.device]]",
                "r.toml:6: time_to_live: timeToLive is in whole seconds; remove the fraction",
            ),
            (
                "\n[[agent.device]]",
                "silence = \"1ms\"\n[[agent.device]]",
                "r.toml:6: silence: 1ms is out of range; use 1s to 10m",
            ),
        ] {
            assert_eq!(with(from, to), [error]);
        }
        assert!(
            with("ras_address", "ras_adress")[0].starts_with("r.toml:4: ras_adress: unknown key")
        );
        let twice = parsed(&format!("{AGENT}{AGENT}")).unwrap_err();
        assert!(
            twice[0].contains("duplicate agent name \"gw\""),
            "{twice:?}"
        );
        assert!(
            twice[1].contains("already used by another agent"),
            "{twice:?}"
        );
    }

    #[test]
    fn without_any_agent_zones_and_interfaces_are_needed() {
        assert!(parsed("").unwrap_err().len() >= 2);
        let interface = "[[interface]]\nname = \"x\"\nside = \"both\"\n";
        assert!(parsed(&format!("{AGENT}{interface}")).is_err());
    }
}
