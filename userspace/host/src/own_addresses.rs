//! The machine's own IP addresses, queried with rtnetlink.

use std::{
    io::{self, Read},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::link::{attributes, u16_at, u32_at};
use super::netlink;

const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const NLMSG_DONE: u16 = 3;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// Offset of the attributes: after netlink header and ifaddrmsg.
const HEADERS: usize = 16 + 8;

/// All addresses of all interfaces.
///
/// # Errors
/// When the query fails.
pub fn list() -> io::Result<Vec<IpAddr>> {
    let socket = netlink::open(libc::NETLINK_ROUTE)?;
    socket.send(&request())?;
    let (mut all, mut buffer) = (Vec::new(), vec![0; 65_536]);
    loop {
        let n = (&socket).read(&mut buffer)?;
        if !collect(&buffer[..n], &mut all)? {
            return Ok(all);
        }
    }
}

fn request() -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADERS);
    message.extend((HEADERS as u32).to_ne_bytes());
    message.extend(RTM_GETADDR.to_ne_bytes());
    message.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    // Sequence and port, then any family.
    message.resize(HEADERS, 0);
    message
}

/// Collects the addresses in a part of the answer. Returns whether more parts follow.
fn collect(mut part: &[u8], all: &mut Vec<IpAddr>) -> io::Result<bool> {
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    while !part.is_empty() {
        let length = u32_at(part, 0).ok_or_else(bad)? as usize;
        let message = part
            .get(..length)
            .filter(|_| length >= 16)
            .ok_or_else(bad)?;
        match u16_at(message, 4).ok_or_else(bad)? {
            NLMSG_DONE => return Ok(false),
            NLMSG_ERROR => {
                let code = u32_at(message, 16).ok_or_else(bad)?.cast_signed();
                return Err(io::Error::from_raw_os_error(-code));
            }
            RTM_NEWADDR => all.extend(address(message.get(HEADERS..).ok_or_else(bad)?)),
            _ => {}
        }
        part = part.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(true)
}

/// The local address, which is in `IFA_ADDRESS` on a link without a peer.
fn address(list: &[u8]) -> Option<IpAddr> {
    let of = |wanted| {
        let mut all = attributes(list);
        all.find_map(|(kind, value)| (kind == wanted).then_some(value))
    };
    let value = of(IFA_LOCAL).or_else(|| of(IFA_ADDRESS))?;
    match value.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_can_be_bound() {
        for address in list().unwrap() {
            let IpAddr::V4(v4) = address else { continue };
            std::net::UdpSocket::bind((v4, 0)).unwrap();
        }
    }

    #[test]
    fn short_answers_are_errors() {
        for n in 1..16 {
            collect(&vec![0; n], &mut Vec::new()).unwrap_err();
        }
        collect(&[0; 16], &mut Vec::new()).unwrap_err();
    }
}
