//! Routes from this machine and the state of their next hops (rtnetlink).

use std::{
    io::{self, Read},
    net::IpAddr,
};

use super::link::{self, Sight, attributes, name_of, u16_at, u32_at};
use super::netlink;

const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const NDA_DST: u16 = 1;
const RTN_UNICAST: u8 = 1;
const RTN_LOCAL: u8 = 2;
const NUD_INCOMPLETE: u16 = 0x01;
const NUD_FAILED: u16 = 0x20;
/// Length of the netlink header.
const HEADER: usize = 16;

/// The route to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// ifindex of the outgoing interface.
    pub interface: u32,
    /// Name of the outgoing interface.
    pub name: String,
    /// Next hop; `None` if the address itself is on the link.
    pub gateway: Option<IpAddr>,
    /// Whether the address belongs to this machine.
    pub local: bool,
}

/// State of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbour {
    /// It was not looked up yet.
    Unknown,
    /// It did not answer ARP or neighbour discovery.
    Silent,
    /// Its link-layer address is known.
    Resolved,
}

/// Looks up the route to an address.
///
/// # Errors
/// When there is no route.
pub fn to(address: IpAddr) -> io::Result<Route> {
    let mut body = vec![0; 12]; // rtmsg
    body[0] = family(address);
    body[1] = if address.is_ipv4() { 32 } else { 128 };
    attribute(&mut body, RTA_DST, &octets(address));
    let reply = ask(RTM_GETROUTE, &body)?;
    let route = route(&reply).ok_or(io::ErrorKind::InvalidData)?;
    match route.kind {
        RTN_UNICAST | RTN_LOCAL => Ok(Route {
            name: name_of(route.interface).ok_or(io::ErrorKind::NotFound)?,
            interface: route.interface,
            gateway: route.gateway,
            local: route.kind == RTN_LOCAL,
        }),
        _ => Err(io::ErrorKind::NetworkUnreachable.into()),
    }
}

/// Whether an address is cut off because of this machine, which says nothing about the other side: there is no route,
/// or an own link is down. `last` is the interface through which it was last reached: if that one is down, another
/// route in its place leads elsewhere. Returns the reason, or `None`.
#[must_use]
pub fn cut(address: IpAddr, last: Option<&str>) -> Option<String> {
    let down = |name: &str| match link::look(name) {
        Sight::Here(link) if link.passes() => None,
        Sight::Here(link) => Some(format!("{name}: {}", link.why_down())),
        Sight::Absent => Some(format!("{name} does not exist")),
        Sight::Unseen(_) => None,
    };
    if let Some(why) = last.and_then(down) {
        return Some(why);
    }
    match to(address) {
        Ok(route) if route.local => None,
        Ok(route) => down(&route.name),
        Err(e) if e.kind() == io::ErrorKind::NetworkUnreachable => Some("no route".to_owned()),
        Err(_) => None,
    }
}

/// Looks up the state of a neighbour on an interface.
///
/// # Errors
/// When the query fails.
pub fn neighbour(interface: u32, address: IpAddr) -> io::Result<Neighbour> {
    let mut body = vec![0; 12]; // ndmsg
    body[0] = family(address);
    body[4..8].copy_from_slice(&interface.to_ne_bytes());
    attribute(&mut body, NDA_DST, &octets(address));
    let reply = match ask(RTM_GETNEIGH, &body) {
        Ok(reply) => reply,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Neighbour::Unknown),
        Err(e) => return Err(e),
    };
    let kind = u16_at(&reply, 4).ok_or(io::ErrorKind::InvalidData)?;
    let state = u16_at(&reply, HEADER + 8).ok_or(io::ErrorKind::InvalidData)?;
    Ok(match (kind, state) {
        (RTM_NEWNEIGH, s) if s & (NUD_INCOMPLETE | NUD_FAILED) != 0 => Neighbour::Silent,
        (RTM_NEWNEIGH, 0) => Neighbour::Unknown,
        (RTM_NEWNEIGH, _) => Neighbour::Resolved,
        _ => return Err(io::ErrorKind::InvalidData.into()),
    })
}

struct Found {
    kind: u8,
    interface: u32,
    gateway: Option<IpAddr>,
}

fn route(reply: &[u8]) -> Option<Found> {
    if u16_at(reply, 4)? != RTM_NEWROUTE {
        return None;
    }
    let mut found = Found {
        kind: *reply.get(HEADER + 7)?,
        interface: 0,
        gateway: None,
    };
    for (kind, value) in attributes(reply.get(HEADER + 12..)?) {
        match kind {
            RTA_OIF => found.interface = u32_at(value, 0)?,
            RTA_GATEWAY => found.gateway = address_of(value),
            _ => {}
        }
    }
    Some(found)
}

fn ask(kind: u16, body: &[u8]) -> io::Result<Vec<u8>> {
    let socket = netlink::open(libc::NETLINK_ROUTE)?;
    let mut message = Vec::new();
    message.extend(((HEADER + body.len()) as u32).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(NLM_F_REQUEST.to_ne_bytes());
    message.extend([1, 0, 0, 0, 0, 0, 0, 0]); // sequence, port
    message.extend(body);
    socket.send(&message)?;
    let mut reply = vec![0; 16_384];
    let n = (&socket).read(&mut reply)?;
    reply.truncate(n);
    if u16_at(&reply, 4) == Some(NLMSG_ERROR) {
        let code = u32_at(&reply, HEADER).map_or(0, u32::cast_signed);
        return Err(io::Error::from_raw_os_error(-code));
    }
    Ok(reply)
}

/// Appends an attribute of a netlink message, padded.
pub(crate) fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend(((4 + value.len()) as u16).to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

fn family(address: IpAddr) -> u8 {
    let family = if address.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    family.cast_unsigned() as u8
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn address_of(value: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(value) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(value).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_this_machine() {
        let route = to("127.0.0.1".parse().unwrap()).unwrap();
        assert_eq!((route.name.as_str(), route.local), ("lo", true));
    }

    #[test]
    fn a_way_is_cut_where_its_interface_is_not() {
        let here = "127.0.0.1".parse().unwrap();
        assert_eq!(cut(here, None), None);
        assert_eq!(cut(here, Some("lo")), None);
        assert_eq!(
            cut(here, Some("rasline-none")).as_deref(),
            Some("rasline-none does not exist")
        );
    }

    #[test]
    fn nobody_is_behind_an_address_never_asked_for() {
        let asked = neighbour(1, "192.0.2.99".parse().unwrap());
        assert_eq!(asked.unwrap(), Neighbour::Unknown);
    }

    #[test]
    fn short_replies_are_none() {
        for n in 0..HEADER + 12 {
            assert!(route(&vec![0; n]).is_none());
        }
    }
}
