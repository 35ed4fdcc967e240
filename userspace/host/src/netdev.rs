//! XDP features of an interface, queried from the kernel's "netdev" family (generic netlink). They can change: a
//! veth accepts redirected frames only while its peer has GRO or an XDP program.

use std::io::{self, Read, Write};

use socket2::Socket;

use super::netlink;

const NETLINK_GENERIC: i32 = 16;
const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;
const NETDEV_XDP_ACT_NDO_XMIT: u64 = 4;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
/// Netlink header, then generic netlink header.
const HEADERS: usize = 16 + 4;

/// Whether frames can be redirected to an interface; false if the kernel gives no answer.
#[must_use]
pub fn takes_redirects(ifindex: u32) -> bool {
    redirects(ifindex).unwrap_or(false)
}

/// Whether frames can be redirected to an interface; `None` if the query failed (no file descriptor, no memory).
#[must_use]
pub fn redirects(ifindex: u32) -> Option<bool> {
    match features(ifindex) {
        Ok(features) => Some(features & NETDEV_XDP_ACT_NDO_XMIT != 0),
        Err(e) => match e.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS) => None,
            _ => Some(false),
        },
    }
}

/// The interface's features (`NETDEV_XDP_ACT_*`).
///
/// # Errors
/// When the kernel has no such family, or no such interface.
pub fn features(ifindex: u32) -> io::Result<u64> {
    let mut socket = netlink::open(NETLINK_GENERIC)?;
    let name = (CTRL_ATTR_FAMILY_NAME, &b"netdev\0"[..]);
    let reply = ask(&mut socket, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, name)?;
    let family = attribute(&reply, CTRL_ATTR_FAMILY_ID).ok_or(io::ErrorKind::InvalidData)?;
    let family = number(family) as u16;
    let index = (NETDEV_A_DEV_IFINDEX, &ifindex.to_ne_bytes()[..]);
    let reply = ask(&mut socket, family, NETDEV_CMD_DEV_GET, index)?;
    let features =
        attribute(&reply, NETDEV_A_DEV_XDP_FEATURES).ok_or(io::ErrorKind::InvalidData)?;
    Ok(number(features))
}

/// Sends a request with one attribute. Returns the attributes of the reply.
fn ask(
    socket: &mut Socket,
    family: u16,
    command: u8,
    (kind, value): (u16, &[u8]),
) -> io::Result<Vec<u8>> {
    let padded = value.len().div_ceil(4) * 4;
    let mut request = Vec::with_capacity(HEADERS + 4 + padded);
    request.extend(((HEADERS + 4 + padded) as u32).to_ne_bytes());
    request.extend(family.to_ne_bytes());
    request.extend(NLM_F_REQUEST.to_ne_bytes());
    request.extend([0; 8]);
    request.extend([command, 1, 0, 0]);
    request.extend((4 + value.len() as u16).to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend(value);
    request.resize(HEADERS + 4 + padded, 0);
    socket.write_all(&request)?;
    let mut reply = vec![0; 8192];
    let len = socket.read(&mut reply)?;
    reply.truncate(len);
    if len < HEADERS {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if u16::from_ne_bytes([reply[4], reply[5]]) == NLMSG_ERROR {
        let code = i32::from_ne_bytes([reply[16], reply[17], reply[18], reply[19]]);
        return Err(io::Error::from_raw_os_error(-code));
    }
    Ok(reply.split_off(HEADERS))
}

/// The value of an attribute.
fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    while attributes.len() >= 4 {
        let len = usize::from(u16::from_ne_bytes([attributes[0], attributes[1]]));
        let kind = u16::from_ne_bytes([attributes[2], attributes[3]]) & 0x3fff;
        let value = attributes.get(4..len)?;
        if kind == wanted {
            return Some(value);
        }
        attributes = attributes.get(len.div_ceil(4) * 4..)?;
    }
    None
}

/// Reads a number of up to eight octets.
fn number(value: &[u8]) -> u64 {
    let mut octets = [0; 8];
    let len = value.len().min(8);
    octets[..len].copy_from_slice(&value[..len]);
    u64::from_ne_bytes(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_no_xdp_transmit_and_a_missing_interface_is_an_error() {
        // A kernel without the family says so; then nothing is redirected.
        if let Ok(features) = features(1) {
            assert_eq!(features & NETDEV_XDP_ACT_NDO_XMIT, 0);
        }
        assert!(!takes_redirects(u32::MAX - 1));
    }

    #[test]
    fn attributes_are_found_and_bounded() {
        let octets = [8, 0, 1, 0, 7, 0, 0, 0, 6, 0, 3, 0, 9, 1, 0, 0];
        assert_eq!(attribute(&octets, 3), Some(&[9, 1][..]));
        assert_eq!(attribute(&octets, 5), None);
        assert_eq!(attribute(&octets[..11], 3), None);
        assert_eq!(number(&[9, 1]), 265);
    }
}
