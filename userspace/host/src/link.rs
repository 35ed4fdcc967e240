//! Network interfaces of the current network namespace, queried with rtnetlink (sysfs may show another namespace).

use std::io::{self, Read};

use socket2::{Domain, Socket, Type};

use super::netlink;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_LINKINFO: u16 = 18;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_XDP: u16 = 43;
const IFLA_XDP_ATTACHED: u16 = 2;
const IFLA_XDP_PROG_ID: u16 = 4;
const IFF_UP: u32 = 1;
const IFF_RUNNING: u32 = 0x40;
const ARPHRD_ETHER: u16 = 1;
const ARPHRD_PPP: u16 = 512;
const ARPHRD_LOOPBACK: u16 = 772;
const ARPHRD_NONE: u16 = 0xfffe;

/// How an XDP program is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attached {
    /// Not at all.
    #[default]
    None,
    /// In the driver.
    Native,
    /// In the network stack.
    Generic,
    /// In the hardware.
    Hardware,
    /// Several programs in different modes.
    Multiple,
}

/// Properties of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkInfo {
    /// ifindex.
    pub index: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether it has a carrier: the cable is plugged in, the peer is up.
    pub carrier: bool,
    /// Link-layer type, `ARPHRD_*`.
    pub hardware: u16,
    /// MAC address; all zero if it has none.
    pub mac: [u8; 6],
    /// MTU in octets.
    pub mtu: u32,
    /// "veth", "bond", ...; empty for hardware.
    pub kind: String,
    /// Kind of the device of which it is a port: "bridge", "bond", ...; empty if it is no port.
    pub port_of: String,
    /// ifindex of a veth's peer; 0 if the peer is in another network namespace or there is none.
    pub peer: u32,
    /// Mode of the attached XDP program.
    pub xdp: Attached,
    /// Id of the attached XDP program; 0 if there is none.
    pub program: u32,
}

impl LinkInfo {
    /// Whether frames can pass: it is up and has a carrier.
    #[must_use]
    pub const fn passes(&self) -> bool {
        self.up && self.carrier
    }

    /// Why no frames can pass; empty if they can.
    #[must_use]
    pub const fn why_down(&self) -> &'static str {
        match (self.up, self.carrier) {
            (false, _) => "it is down",
            (true, false) => "it has no carrier",
            (true, true) => "",
        }
    }

    /// Whether its packets begin with an Ethernet header, which the XDP program requires.
    #[must_use]
    pub const fn has_ethernet(&self) -> bool {
        matches!(self.hardware, ARPHRD_ETHER | ARPHRD_LOOPBACK)
    }

    /// Kind of the interface for people: "wireguard", "tun", "ppp", ...
    #[must_use]
    pub fn kind_name(&self) -> String {
        match (self.kind.as_str(), self.hardware) {
            ("", ARPHRD_PPP) => "ppp".to_owned(),
            ("", ARPHRD_NONE) => "no link layer".to_owned(),
            ("", other) => format!("link type {other}"),
            (kind, _) => kind.to_owned(),
        }
    }
}

/// Result of a query of an interface. A failed query says nothing about the interface.
#[derive(Debug)]
pub enum Sight {
    /// The interface exists.
    Here(LinkInfo),
    /// No interface has this name.
    Absent,
    /// The query failed: no file descriptor, no memory.
    Unseen(io::Error),
}

/// Queries an interface by name.
#[must_use]
pub fn look(name: &str) -> Sight {
    match by_name(name) {
        Ok(info) => Sight::Here(info),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Sight::Absent,
        Err(e) => Sight::Unseen(e),
    }
}

/// The name of an interface.
#[must_use]
pub fn name_of(ifindex: u32) -> Option<String> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.cloexec(), None).ok()?;
    rustix::net::netdevice::index_to_name(&socket, ifindex).ok()
}

/// Queries an interface by name.
///
/// # Errors
/// `NotFound` if no interface has this name.
pub fn by_name(name: &str) -> io::Result<LinkInfo> {
    if name.is_empty() || name.len() > 15 {
        return Err(io::ErrorKind::NotFound.into());
    }
    let socket = netlink::open(libc::NETLINK_ROUTE)?;
    socket.send(&request(name))?;
    let mut reply = vec![0; 65_536];
    let n = (&socket).read(&mut reply)?;
    parse(&reply[..n])
}

fn request(name: &str) -> Vec<u8> {
    let mut body = vec![0; 16]; // ifinfomsg
    let value_len = name.len() + 1;
    body.extend(((4 + value_len) as u16).to_ne_bytes());
    body.extend(IFLA_IFNAME.to_ne_bytes());
    body.extend(name.as_bytes());
    body.push(0);
    body.resize(body.len().next_multiple_of(4), 0);
    let mut message = Vec::new();
    message.extend((16 + body.len() as u32).to_ne_bytes());
    message.extend(RTM_GETLINK.to_ne_bytes());
    message.extend(NLM_F_REQUEST.to_ne_bytes());
    message.extend([1, 0, 0, 0, 0, 0, 0, 0]); // sequence, port
    message.extend(body);
    message
}

pub(crate) fn u16_at(b: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(b.get(at..at + 2)?.try_into().ok()?))
}

pub(crate) fn u32_at(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(b.get(at..at + 4)?.try_into().ok()?))
}

fn parse(reply: &[u8]) -> io::Result<LinkInfo> {
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    match u16_at(reply, 4).ok_or_else(bad)? {
        NLMSG_ERROR => {
            let code = u32_at(reply, 16).ok_or_else(bad)?.cast_signed();
            Err(match -code {
                libc::ENODEV => io::ErrorKind::NotFound.into(),
                code => io::Error::from_raw_os_error(code),
            })
        }
        RTM_NEWLINK => link(reply.get(16..).ok_or_else(bad)?).ok_or_else(bad),
        _ => Err(bad()),
    }
}

fn link(message: &[u8]) -> Option<LinkInfo> {
    let mut info = LinkInfo {
        index: u32_at(message, 4)?,
        hardware: u16_at(message, 2)?,
        up: u32_at(message, 8)? & IFF_UP != 0,
        carrier: u32_at(message, 8)? & IFF_RUNNING != 0,
        ..LinkInfo::default()
    };
    let mut elsewhere = false;
    for (kind, value) in attributes(message.get(16..)?) {
        match kind {
            IFLA_ADDRESS => info.mac = value.try_into().unwrap_or_default(),
            IFLA_MTU => info.mtu = u32_at(value, 0)?,
            IFLA_LINKINFO => {
                info.kind = text(value, IFLA_INFO_KIND);
                info.port_of = text(value, IFLA_INFO_SLAVE_KIND);
            }
            IFLA_LINK => info.peer = u32_at(value, 0)?,
            IFLA_LINK_NETNSID => elsewhere = true,
            IFLA_XDP => xdp(value, &mut info),
            _ => {}
        }
    }
    if elsewhere {
        info.peer = 0;
    }
    Some(info)
}

/// The text of one of the nested attributes.
fn text(nested: &[u8], wanted: u16) -> String {
    let found = attributes(nested).find(|(kind, _)| *kind == wanted);
    let text = found.map(|(_, v)| String::from_utf8_lossy(v).trim_end_matches('\0').to_owned());
    text.unwrap_or_default()
}

fn xdp(nested: &[u8], info: &mut LinkInfo) {
    for (kind, value) in attributes(nested) {
        match kind {
            IFLA_XDP_ATTACHED => {
                info.xdp = match value.first() {
                    Some(1) => Attached::Native,
                    Some(2) => Attached::Generic,
                    Some(3) => Attached::Hardware,
                    Some(4) => Attached::Multiple,
                    _ => Attached::None,
                }
            }
            IFLA_XDP_PROG_ID => info.program = u32_at(value, 0).unwrap_or(0),
            _ => {}
        }
    }
}

/// Netlink attributes: type (without flags) and value.
pub(crate) fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & 0x3fff;
        let value = rest.get(4..len)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn loopback_is_there() {
        let lo = by_name("lo").unwrap();
        assert_eq!((lo.index, lo.xdp), (1, Attached::None));
        assert!(lo.has_ethernet() && lo.kind.is_empty(), "{lo:?}");
    }

    #[test]
    fn absent_is_not_found() {
        assert_eq!(
            by_name("rasline-none").unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        assert_eq!(
            by_name("a-name-that-is-too-long").unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn only_ethernet_has_ethernet_headers() {
        let of = |hardware, kind: &str| LinkInfo {
            hardware,
            kind: kind.to_owned(),
            ..LinkInfo::default()
        };
        // veth and the like; loopback.
        assert!(of(1, "veth").has_ethernet() && of(772, "").has_ethernet());
        // tun, ppp, wireguard, ipip, sit, GRE, InfiniBand.
        for (hardware, kind, name) in [
            (0xfffe, "tun", "tun"),
            (0xfffe, "wireguard", "wireguard"),
            (0xfffe, "", "no link layer"),
            (512, "", "ppp"),
            (768, "ipip", "ipip"),
            (776, "sit", "sit"),
            (778, "gre", "gre"),
            (32, "", "link type 32"),
        ] {
            let link = of(hardware, kind);
            assert!(!link.has_ethernet(), "{link:?}");
            assert_eq!(link.kind_name(), name);
        }
    }

    #[test]
    fn a_link_passes_frames_when_it_is_up_and_has_a_carrier() {
        for (up, carrier, why) in [
            (true, true, ""),
            (true, false, "it has no carrier"),
            (false, false, "it is down"),
            (false, true, "it is down"),
        ] {
            let link = LinkInfo {
                up,
                carrier,
                ..LinkInfo::default()
            };
            assert_eq!((link.passes(), link.why_down()), (why.is_empty(), why));
        }
    }

    #[test]
    fn short_replies_are_errors() {
        for n in 0..40 {
            let _ = parse(&vec![0; n]).unwrap_err();
        }
    }
}
