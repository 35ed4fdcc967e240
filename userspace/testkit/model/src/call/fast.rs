//! Fast connect: what Setup proposes and Connect takes, as captured (`signalling/routed-fast-start`).
//!
//! Invariant: items of the two stacks and of the two messages differ in length, so the length of an item tells where its
//! mediaChannel is.

use std::net::{IpAddr, SocketAddr};

use rasline_h225::q931::Message;
use rasline_h225::types::{List, OctetString};
use rasline_h225::uuie::decode_uuie;

use super::Stack;
use crate::clients::wire::frame;

const CAPTURE: &str = "signalling/routed-fast-start";
/// Frames of the Setup of each stack, and of its Connect.
const SETUPS: [u32; 2] = [12, 124];
const CONNECTS: [u32; 2] = [25, 87];
/// Connect of h323plus to ooh323c.
const CONNECT_TO_OOH323C: u32 = 137;
/// Items of a Setup or Connect that are about one audio codec: one each way.
const AUDIO: usize = 2;

/// Proposes an audio channel each way, with this RTP address.
pub fn proposals(stack: Stack, media: SocketAddr) -> List<OctetString> {
    items(SETUPS[stack as usize], media)
}

/// Takes the first channels proposed, with this RTP address; `None` if there are none.
pub fn answer(
    stack: Stack,
    proposed: &[OctetString],
    media: SocketAddr,
) -> Option<List<OctetString>> {
    let by_ooh323c = proposed.first()?.len() == captured(SETUPS[1])[0].len();
    let number = match stack {
        Stack::H323plus if by_ooh323c => CONNECT_TO_OOH323C,
        _ => CONNECTS[stack as usize],
    };
    Some(items(number, media))
}

/// The RTP address in items that [`proposals`] or [`answer`] made.
pub fn media_address(items: &[OctetString]) -> Option<SocketAddr> {
    let templates: Vec<_> = [SETUPS, CONNECTS]
        .concat()
        .into_iter()
        .flat_map(captured)
        .collect();
    items.iter().find_map(|item| {
        let template = templates.iter().find(|one| one.len() == item.len())?;
        // RTP has the even port.
        let at = addresses(template).find(|at| template[at + 5] & 1 == 0)?;
        let ip: [u8; 4] = item[at..at + 4].try_into().ok()?;
        let port = u16::from_be_bytes([item[at + 4], item[at + 5]]);
        Some(SocketAddr::from((ip, port)))
    })
}

fn captured(number: u32) -> Vec<OctetString> {
    let octets = &frame(CAPTURE, number).octets;
    let message = Message::parse(&octets[4..]).expect("a captured message");
    let per = message.user_user().expect("a message with User-User");
    let information = decode_uuie(per).expect("a captured UUIE");
    information.fast_start()[..AUDIO].to_vec()
}

fn items(number: u32, media: SocketAddr) -> List<OctetString> {
    let IpAddr::V4(ip) = media.ip() else {
        return List::default();
    };
    let own = |item: OctetString| {
        let mut octets = item.to_vec();
        for at in addresses(&item) {
            let port = media.port() + u16::from(item[at + 5] & 1);
            octets[at..at + 4].copy_from_slice(&ip.octets());
            octets[at + 4..at + 6].copy_from_slice(&port.to_be_bytes());
        }
        OctetString::from(octets)
    };
    captured(number).into_iter().map(own).collect()
}

/// Where addresses of the captured endpoints are.
fn addresses(item: &[u8]) -> impl Iterator<Item = usize> {
    let places = item.windows(5).enumerate();
    places
        .filter(|(_, five)| matches!(five, [10, 78, 1, 2..=4, 0x13]))
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_through() {
        let (one, other) = (
            "192.0.2.1:5000".parse().expect("an address"),
            "192.0.2.2:6000".parse().expect("an address"),
        );
        for stack in [Stack::H323plus, Stack::Ooh323c] {
            let proposed = proposals(stack, one);
            assert_eq!(media_address(&proposed), Some(one));
            for called in [Stack::H323plus, Stack::Ooh323c] {
                let taken = answer(called, &proposed, other).expect("an answer");
                assert_eq!(media_address(&taken), Some(other));
            }
        }
        assert_eq!(answer(Stack::H323plus, &[], one), None);
    }
}
