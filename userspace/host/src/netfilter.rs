//! Parts of netfilter in use in the current network namespace, queried with nfnetlink; no tools are needed.

use std::io::{self, Read};

use socket2::Socket;

use super::link::{attributes, u16_at, u32_at};
use super::netlink;

const NETLINK_NETFILTER: i32 = 12;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
/// Octets before the attributes: nlmsghdr, nfgenmsg.
const HEADERS: usize = 20;
/// Octets of nlmsghdr.
const NLMSG_HEADER: usize = 16;

const NFTABLES: u16 = 10;
const GET_CHAIN: u16 = 4;
const GET_RULE: u16 = 7;
const GET_OBJECT: u16 = 19;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_TYPE: u16 = 7;
const CHAIN_HOOK_NUMBER: u16 = 1;
const RULE_TABLE: u16 = 1;
const RULE_EXPRESSIONS: u16 = 4;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const MATCH_NAME: u16 = 1;
const OBJECT_TYPE: u16 = 3;
const OBJECT_DATA: u16 = 4;
const OBJECT_CT_HELPER: u32 = 3;
const HELPER_NAME: u16 = 1;
const FORWARD: u32 = 2;
const DROP: u32 = 0;
const ANY: u8 = 0;

/// Files that list the tables of iptables-legacy in use here.
const LEGACY: [&str; 2] = ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"];

/// A chain of nftables, or of iptables-nft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Name of its table.
    pub table: String,
    /// Name of the chain.
    pub name: String,
    /// Whether it is at the forward hook.
    pub forwards: bool,
    /// Whether its policy is drop.
    pub drops: bool,
    /// Whether it is a NAT chain.
    pub nat: bool,
}

/// Netfilter as found in this network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Chains at a hook.
    pub chains: Vec<Chain>,
    /// Tables with rules that match on connection state.
    pub stateful: Vec<String>,
    /// Connection-tracking helpers assigned by nftables: "RAS", "Q.931", "sip", ...
    pub helpers: Vec<String>,
    /// Whether iptables-legacy has tables; their content cannot be read.
    pub legacy: bool,
}

impl Survey {
    /// Queries the kernel. What it lacks, or what this process may not query, counts as not in use.
    #[must_use]
    pub fn take() -> Self {
        let used = |file: &&str| std::fs::read(file).is_ok_and(|names| !names.is_empty());
        Self {
            chains: chains().unwrap_or_default(),
            stateful: stateful_tables().unwrap_or_default(),
            helpers: helpers().unwrap_or_default(),
            legacy: LEGACY.iter().any(used),
        }
    }

    /// Whether connections are tracked here, as far as can be determined.
    #[must_use]
    pub fn tracks(&self) -> bool {
        self.legacy || !self.stateful.is_empty() || self.chains.iter().any(|chain| chain.nat)
    }

    /// Whether nftables has a table of this name with a chain at a hook.
    #[must_use]
    pub fn has_table(&self, name: &str) -> bool {
        self.chains.iter().any(|chain| chain.table == name)
    }
}

/// Opens a socket to nfnetlink.
pub(crate) fn open() -> io::Result<Socket> {
    netlink::open(NETLINK_NETFILTER)
}

/// A message of nfnetlink: both headers and the attributes.
pub(crate) fn message(
    (subsystem, kind): (u16, u16),
    flags: u16,
    family: u8,
    attributes: &[u8],
) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADERS + attributes.len());
    message.extend(((HEADERS + attributes.len()) as u32).to_ne_bytes());
    message.extend((subsystem << 8 | kind).to_ne_bytes());
    message.extend((NLM_F_REQUEST | flags).to_ne_bytes());
    // Sequence number, port; family, version, resource.
    message.extend([0, 0, 0, 0, 0, 0, 0, 0, family, 0, 0, 0]);
    message.extend(attributes);
    message
}

/// Splits an answer of the kernel into messages: type, and the data after nlmsghdr.
pub(crate) fn messages(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = u32_at(rest, 0)? as usize;
        let kind = u16_at(rest, 4)?;
        let body = rest.get(NLMSG_HEADER..len)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, body))
    })
}

/// The error of an NLMSG_ERROR; `None` if it is an acknowledgement.
pub(crate) fn error(body: &[u8]) -> Option<io::Error> {
    match u32_at(body, 0).map_or(0, u32::cast_signed) {
        0 => None,
        code => Some(io::Error::from_raw_os_error(-code)),
    }
}

/// Requests a list. Returns the attributes of each entry.
fn dump(what: (u16, u16), family: u8, asked: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let socket = open()?;
    socket.send(&message(what, NLM_F_DUMP, family, asked))?;
    let mut all = Vec::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let n = (&socket).read(&mut buffer)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (kind, body) in messages(&buffer[..n]) {
            match kind {
                NLMSG_DONE => return Ok(all),
                NLMSG_ERROR => return error(body).map_or(Ok(all), Err),
                // nfgenmsg comes before the attributes.
                _ => all.push(body.get(4..).unwrap_or_default().to_vec()),
            }
        }
    }
}

/// The value of an attribute.
fn value(entry: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(entry)
        .find(|(k, _)| *k == kind)
        .map(|(_, value)| value)
}

fn text(value: &[u8]) -> String {
    let end = value.iter().position(|o| *o == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.get(..4)?.try_into().ok()?))
}

/// The chains of nftables at a hook.
fn chains() -> io::Result<Vec<Chain>> {
    let all = dump((NFTABLES, GET_CHAIN), ANY, &[])?;
    Ok(all.iter().filter_map(|entry| chain(entry)).collect())
}

fn chain(entry: &[u8]) -> Option<Chain> {
    let hook = value(value(entry, CHAIN_HOOK)?, CHAIN_HOOK_NUMBER)?;
    Some(Chain {
        table: text(value(entry, CHAIN_TABLE)?),
        name: text(value(entry, CHAIN_NAME)?),
        forwards: number(hook)? == FORWARD,
        drops: number(value(entry, CHAIN_POLICY)?)? == DROP,
        nat: value(entry, CHAIN_TYPE).map(text).as_deref() == Some("nat"),
    })
}

/// Tables of nftables with rules that match on connection state.
fn stateful_tables() -> io::Result<Vec<String>> {
    let mut tables = Vec::new();
    for rule in dump((NFTABLES, GET_RULE), ANY, &[])? {
        let looks = value(&rule, RULE_EXPRESSIONS)
            .is_some_and(|all| attributes(all).any(|(_, expression)| is_stateful(expression)));
        if let Some(table) = value(&rule, RULE_TABLE).filter(|_| looks).map(text)
            && !tables.contains(&table)
        {
            tables.push(table);
        }
    }
    Ok(tables)
}

/// Whether an expression of a rule is `ct`, or an equivalent match of iptables.
fn is_stateful(expression: &[u8]) -> bool {
    match value(expression, EXPRESSION_NAME).map(text).as_deref() {
        Some("ct") => true,
        Some("match") => value(expression, EXPRESSION_DATA)
            .and_then(|data| value(data, MATCH_NAME))
            .is_some_and(|name| matches!(text(name).as_str(), "conntrack" | "state")),
        _ => false,
    }
}

/// Connection-tracking helpers assigned by nftables.
fn helpers() -> io::Result<Vec<String>> {
    let helper = |entry: &Vec<u8>| {
        (number(value(entry, OBJECT_TYPE)?)? == OBJECT_CT_HELPER).then_some(())?;
        Some(text(value(value(entry, OBJECT_DATA)?, HELPER_NAME)?))
    };
    let all = dump((NFTABLES, GET_OBJECT), ANY, &[])?;
    Ok(all.iter().filter_map(helper).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::attribute;

    #[test]
    fn messages_and_attributes_are_padded() {
        let mut inner = Vec::new();
        attribute(&mut inner, 1, b"abc");
        attribute(&mut inner, 2, &[7; 4]);
        assert_eq!(inner.len(), 16);
        let message = message((NFTABLES, GET_CHAIN), NLM_F_DUMP, ANY, &inner);
        let two = [&message[..], &message].concat();
        let bodies: Vec<_> = messages(&two).collect();
        assert_eq!(bodies.len(), 2);
        let (kind, body) = bodies[1];
        assert_eq!(kind, NFTABLES << 8 | GET_CHAIN);
        assert_eq!(value(&body[4..], 1).map(text).as_deref(), Some("abc"));
        assert_eq!(value(&body[4..], 3), None);
    }

    #[test]
    fn what_looks_at_connections_is_told_from_what_does_not() {
        let expression = |name: &[u8], of: &[u8]| {
            let (mut all, mut data) = (Vec::new(), Vec::new());
            attribute(&mut all, EXPRESSION_NAME, name);
            attribute(&mut data, MATCH_NAME, of);
            attribute(&mut all, EXPRESSION_DATA, &data);
            all
        };
        for (name, of, stateful) in [
            (&b"ct\0"[..], &b"\0"[..], true),
            (b"match\0", b"conntrack\0", true),
            (b"match\0", b"state\0", true),
            (b"match\0", b"comment\0", false),
            (b"payload\0", b"\0", false),
        ] {
            assert_eq!(is_stateful(&expression(name, of)), stateful, "{name:?}");
        }
    }

    #[test]
    fn broken_answers_are_nothing() {
        for n in 0..HEADERS {
            assert_eq!(messages(&vec![0; n]).count(), 0);
        }
        assert!(error(&[]).is_none());
    }
}
