//! RAS messages as real endpoints and gatekeepers send them (H.225.0 7.6 to 7.10), made from real ones.
//!
//! Invariant: two keep-alives of one [`Identity`] differ in requestSeqNum only, as do the RCFs to them.

use std::net::{IpAddr, SocketAddr};

use rasline_h225::{
    RasMessage, decode_ras, encode_ras,
    security::{Key, Mechanism, sign},
    types::{
        AliasAddress, CryptoH323Token, GatekeeperReject, GatekeeperRejectReason,
        RegistrationRejectReason, RegistrationRequest, TransportAddress, TransportAddressIpAddress,
    },
};
use rasn::types::{BmpString, Ia5String, OctetString};

/// A terminal's keep-alive: vendor, product and version twice, features of version 7.
const KEEP_ALIVE: &str = "0e402061060008914a00070001000a4d000b06b801000a4d000bb58522c00900003d1048333233506c75732073696d706c6500001a312e32382e30202848333233706c75732076312e32382e3029000000e00050006100720065006e00740047004b600900003d1048333233506c75732073696d706c6500001a312e32382e30202848333233706c75732076312e32382e302900002e0f190201801f1c0031003300300034003200330034003000360034005f0065006e0064007001800100010002700001300100";
/// The RCF to it.
const CONFIRM: &str = "12c02061060008914a000701000a4d000106b8024002006500700031018083340e0050006100720065006e00740047004b1c0031003300300034003200330034003000360034005f0065006e00640070128a80020009010001000100";
/// A keep-alive with H.235 authentication (cryptoEPPwdHash).
const SECURED: &str = "0e400002060008914a00028001000a4d000306b801000a4d000306b700070050006100720065006e00740047004b008a0000022eaf100202001432010406004300680069006c00640047004bc06b010ac2082a864886f70d0205008080e9875b19882ccd2ee8e1a7233df54f7301801f1c0033003400300033003300370034003700380032005f0065006e006400700100010001000100";
/// A keep-alive over IPv6.
const OVER_IPV6: &str = "0e400002060008914a0002800130fd77000000000000000000000000000306b80130fd77000000000000000000000000000306b700070050006100720065006e00740047004b008a0000022e8f100202001401801d1a003900310036003100330033003400370035005f0065006e006400700100010001000100";
/// A keep-alive with a counter in nonStandardData.
const COUNTING: &str = "0f400064060008914a000440b500001204000000010001000a4e010206b801000a4e010206b72200b500001200400047004b004160b5000012046669656c640031348f000000034002570180110e0030003000300031005f0047004b004101000100";
const GRQ: &str = "0220205f060008914a0007000a4d000bb58522c00900003d1048333233506c75732073696d706c6500001a312e32382e30202848333233706c75732076312e32382e30290000000240020065007000310180833414034001000510010000170180";
const GCF: &str = "0480205f060008914a00070e0050006100720065006e00740047004b000a4d000106b7";
/// RRJ fullRegistrationRequired.
const REJECT: &str = "1480000a060008914a0006840100040067006b0031";
/// URQ of a terminal.
const UNREGISTER: &str = "1b40207701000a4d000b06b8024002006500700031018083341c0031003300300034003200330034003000360034005f0065006e006400700280110e0050006100720065006e00740047004b";
/// URQ ttlExpired of a gatekeeper, with an alternate.
const EXPIRE: &str = "1a4000060100c000020106b80c0030003000300031005f006500701409000120100140c000020a06b7040067006b003200";
/// Usual port of call signalling.
pub const CALL_SIGNALLING: u16 = 1720;

/// Who an endpoint is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Where it sends RAS from.
    pub ras: SocketAddr,
    /// h323-ID, then dialledDigits.
    pub aliases: Vec<String>,
    /// Whether its messages carry cryptoTokens.
    pub secured: bool,
    /// timeToLive that it asks for.
    pub time_to_live: Option<u32>,
}

/// The octets written in hexadecimal.
///
/// # Panics
/// If `text` is not hexadecimal.
#[must_use]
pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hexadecimal"))
        .collect()
}

/// The other way.
#[must_use]
pub fn hex(octets: &[u8]) -> String {
    use std::fmt::Write;
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// A full RRQ; with an endpointIdentifier from the second one on.
#[must_use]
pub fn full_rrq(who: &Identity, seq: u16, eid: Option<&str>) -> Vec<u8> {
    let mut rrq = request(who, seq);
    rrq.discovery_complete = true;
    rrq.keep_alive = Some(false);
    rrq.terminal_alias = Some(who.aliases.iter().map(|a| alias(a)).collect());
    rrq.endpoint_identifier = eid.map(bmp);
    encode(&RasMessage::RegistrationRequest(rrq))
}

/// A keep-alive.
#[must_use]
pub fn light_rrq(who: &Identity, seq: u16, eid: &str) -> Vec<u8> {
    let mut rrq = request(who, seq);
    rrq.endpoint_identifier = Some(bmp(eid));
    if who.ras.is_ipv6() {
        // One stack repeats its aliases.
        rrq.terminal_alias = Some(who.aliases.iter().map(|a| alias(a)).collect());
    }
    encode(&RasMessage::RegistrationRequest(rrq))
}

/// An RRQ with this number in its nonStandardData.
///
/// # Panics
/// If it is no RRQ.
#[must_use]
pub fn varied(rrq: &[u8], n: u32) -> Vec<u8> {
    let Ok(RasMessage::RegistrationRequest(mut rrq)) = decode_ras(rrq) else {
        panic!("not an RRQ: {}", hex(rrq))
    };
    let RasMessage::RegistrationRequest(counting) = template(COUNTING) else {
        unreachable!("an RRQ")
    };
    rrq.non_standard_data = counting.non_standard_data;
    if let Some(counter) = &mut rrq.non_standard_data {
        counter.data = OctetString::from_slice(&n.to_be_bytes());
    }
    encode(&RasMessage::RegistrationRequest(rrq))
}

/// GRQ.
#[must_use]
pub fn grq(who: &Identity, seq: u16) -> Vec<u8> {
    let RasMessage::GatekeeperRequest(mut grq) = template(GRQ) else {
        unreachable!("a GRQ")
    };
    grq.request_seq_num = seq;
    grq.ras_address = transport(who.ras);
    encode(&RasMessage::GatekeeperRequest(grq))
}

/// URQ of an endpoint.
#[must_use]
pub fn urq(who: &Identity, seq: u16, eid: &str) -> Vec<u8> {
    let RasMessage::UnregistrationRequest(mut urq) = template(UNREGISTER) else {
        unreachable!("a URQ")
    };
    urq.request_seq_num = seq;
    urq.call_signal_address = vec![signalling(who.ras)].into();
    urq.endpoint_alias = None;
    urq.endpoint_identifier = Some(bmp(eid));
    encode(&RasMessage::UnregistrationRequest(urq))
}

/// GCF.
#[must_use]
pub fn gcf(seq: u16, gatekeeper: &str, ras: SocketAddr) -> Vec<u8> {
    let RasMessage::GatekeeperConfirm(mut gcf) = template(GCF) else {
        unreachable!("a GCF")
    };
    gcf.request_seq_num = seq;
    gcf.gatekeeper_identifier = Some(bmp(gatekeeper));
    gcf.ras_address = transport(ras);
    encode(&RasMessage::GatekeeperConfirm(gcf))
}

/// GRJ terminalExcluded.
#[must_use]
pub fn grj(seq: u16, gatekeeper: &str) -> Vec<u8> {
    let mut grj = GatekeeperReject::new(seq, GatekeeperRejectReason::TerminalExcluded);
    grj.gatekeeper_identifier = Some(bmp(gatekeeper));
    encode(&RasMessage::GatekeeperReject(grj))
}

/// What an RCF says.
#[derive(Clone, Debug)]
pub struct Confirm<'a> {
    /// The gatekeeper's RAS address.
    pub ras: SocketAddr,
    /// gatekeeperIdentifier.
    pub gatekeeper: &'a str,
    /// endpointIdentifier.
    pub eid: &'a str,
    /// timeToLive.
    pub time_to_live: u32,
    /// Aliases to put in, if any.
    pub aliases: &'a [String],
    /// Tokens of the request to give back (a secured RCF).
    pub crypto_tokens: Option<rasline_h225::types::List<CryptoH323Token>>,
}

/// RCF to `rrq`.
#[must_use]
pub fn rcf(rrq: &RegistrationRequest, what: &Confirm<'_>) -> Vec<u8> {
    let RasMessage::RegistrationConfirm(mut rcf) = template(CONFIRM) else {
        unreachable!("an RCF")
    };
    rcf.request_seq_num = rrq.request_seq_num;
    rcf.protocol_identifier = rrq.protocol_identifier.clone();
    rcf.call_signal_address = vec![signalling(what.ras)].into();
    rcf.terminal_alias =
        (!what.aliases.is_empty()).then(|| what.aliases.iter().map(|a| alias(a)).collect());
    rcf.gatekeeper_identifier = Some(bmp(what.gatekeeper));
    rcf.endpoint_identifier = bmp(what.eid);
    rcf.time_to_live = Some(what.time_to_live);
    rcf.crypto_tokens.clone_from(&what.crypto_tokens);
    encode(&RasMessage::RegistrationConfirm(rcf))
}

/// RRJ fullRegistrationRequired to `rrq`.
#[must_use]
pub fn rrj(rrq: &RegistrationRequest, gatekeeper: &str) -> Vec<u8> {
    let RasMessage::RegistrationReject(mut rrj) = template(REJECT) else {
        unreachable!("an RRJ")
    };
    rrj.request_seq_num = rrq.request_seq_num;
    rrj.protocol_identifier = rrq.protocol_identifier.clone();
    rrj.gatekeeper_identifier = Some(bmp(gatekeeper));
    encode(&RasMessage::RegistrationReject(rrj))
}

/// The same RRJ with another reason.
///
/// # Panics
/// When it is no RRJ.
#[must_use]
pub fn rejected(rrj: &[u8], reason: RegistrationRejectReason) -> Vec<u8> {
    let Ok(RasMessage::RegistrationReject(mut rrj)) = decode_ras(rrj) else {
        panic!("no RRJ: {}", hex(rrj))
    };
    rrj.reject_reason = reason;
    encode(&RasMessage::RegistrationReject(rrj))
}

/// An RRJ to some keep-alive, for tests of decoders.
///
/// # Panics
/// Never: the template is an RRQ.
#[must_use]
pub fn rrj_example(gatekeeper: &str) -> Vec<u8> {
    let RasMessage::RegistrationRequest(rrq) = template(KEEP_ALIVE) else {
        unreachable!("an RRQ")
    };
    rrj(&rrq, gatekeeper)
}

/// The same message with a token of H.235.1 from a sender to a peer at this UNIX time; `random` tells apart those of one
/// second.
///
/// # Panics
/// When it is no message, or a name is too long for a token.
#[must_use]
pub fn signed(
    message: &[u8],
    (sender, peer): (&str, &str),
    password: &str,
    unix: u32,
    random: i32,
) -> Vec<u8> {
    let key = Key {
        identifier: sender,
        peer,
        password,
    };
    let message = &mut decode_ras(message).expect("a message");
    sign(message, Mechanism::HmacSha1, &key, unix, random).expect("it can be signed")
}

/// UCF.
#[must_use]
pub fn ucf(seq: u16) -> Vec<u8> {
    let wire = seq.wrapping_sub(1).to_be_bytes();
    vec![0x1c, wire[0], wire[1]]
}

/// URQ ttlExpired of a gatekeeper.
#[must_use]
pub fn expire(seq: u16, gatekeeper: &str, endpoint: SocketAddr, eid: &str) -> Vec<u8> {
    let RasMessage::UnregistrationRequest(mut urq) = template(EXPIRE) else {
        unreachable!("a URQ")
    };
    urq.request_seq_num = seq;
    urq.call_signal_address = vec![signalling(endpoint)].into();
    urq.endpoint_identifier = Some(bmp(eid));
    urq.gatekeeper_identifier = Some(bmp(gatekeeper));
    urq.alternate_gatekeeper = None;
    encode(&RasMessage::UnregistrationRequest(urq))
}

/// Where requestSeqNum stands in a root message, or in RIP.
fn seq_at(message: &[u8]) -> usize {
    if message.first() == Some(&0x80) {
        return 3;
    }
    match message.first().map(|first| first >> 2 & 31) {
        Some(7 | 8 | 11 | 13..=17 | 19 | 20 | 23 | 24) => 1,
        _ => 2,
    }
}

/// requestSeqNum of a root message, or of RIP.
#[must_use]
pub fn seq(message: &[u8]) -> Option<u16> {
    let at = seq_at(message);
    let wire = message.get(at..at + 2)?;
    Some(u16::from_be_bytes([wire[0], wire[1]]).wrapping_add(1))
}

/// Puts another requestSeqNum into a root message, or into RIP.
pub fn set_seq(message: &mut [u8], seq: u16) {
    let at = seq_at(message);
    message[at..at + 2].copy_from_slice(&seq.wrapping_sub(1).to_be_bytes());
}

/// Text of a BMPString.
#[must_use]
pub fn text(bmp: &BmpString) -> String {
    String::from_utf16_lossy(&bmp.clone().into_vec())
}

/// Text of an alias of the usual kinds.
#[must_use]
pub fn alias_text(alias: &AliasAddress) -> Option<String> {
    match alias {
        AliasAddress::H323Id(name) => Some(text(name)),
        AliasAddress::DialedDigits(digits) => {
            Some(String::from_utf8_lossy(digits.as_iso646_bytes()).into_owned())
        }
        _ => None,
    }
}

/// The keep-alive that all requests start from.
fn request(who: &Identity, seq: u16) -> RegistrationRequest {
    let from = match (who.secured, who.ras.is_ipv6()) {
        (true, _) => SECURED,
        (false, true) => OVER_IPV6,
        (false, false) => KEEP_ALIVE,
    };
    let RasMessage::RegistrationRequest(mut rrq) = template(from) else {
        unreachable!("an RRQ")
    };
    rrq.request_seq_num = seq;
    rrq.call_signal_address = vec![signalling(who.ras)].into();
    rrq.ras_address = vec![transport(who.ras)].into();
    rrq.gatekeeper_identifier = Some(bmp("gk"));
    rrq.time_to_live = who.time_to_live;
    for token in rrq.crypto_tokens.iter_mut().flatten() {
        if let CryptoH323Token::CryptoEpPwdHash(hash) = token {
            hash.time_stamp = u32::from(seq) + 1;
        }
    }
    rrq
}

pub(crate) fn template(hex: &str) -> RasMessage {
    decode_ras(&unhex(hex)).expect("a real message decodes")
}

/// The octets of a message.
///
/// # Panics
/// When a value breaks a constraint of the standard.
#[must_use]
pub fn encode(message: &RasMessage) -> Vec<u8> {
    encode_ras(message).expect("a real message with other values encodes")
}

pub(crate) fn bmp(text: &str) -> BmpString {
    let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    BmpString::try_from(octets.as_slice()).expect("whole UTF-16 characters")
}

/// All digits: dialledDigits, else h323-ID.
pub(crate) fn alias(name: &str) -> AliasAddress {
    if name.bytes().all(|b| b.is_ascii_digit()) {
        AliasAddress::DialedDigits(Ia5String::try_from(name).expect("digits"))
    } else {
        AliasAddress::H323Id(bmp(name))
    }
}

pub(crate) fn signalling(ras: SocketAddr) -> TransportAddress {
    transport(SocketAddr::new(ras.ip(), CALL_SIGNALLING))
}

pub(crate) fn transport(address: SocketAddr) -> TransportAddress {
    match address.ip() {
        IpAddr::V4(ip) => TransportAddress::IpAddress(TransportAddressIpAddress {
            ip: OctetString::from(ip.octets().to_vec()),
            port: address.port(),
        }),
        IpAddr::V6(ip) => {
            // The type is open for fields of later versions, so one is taken from a real message.
            let RasMessage::RegistrationRequest(rrq) = template(OVER_IPV6) else {
                unreachable!("an RRQ")
            };
            let Some(TransportAddress::Ip6Address(mut v6)) = rrq.ras_address.into_iter().next()
            else {
                unreachable!("an IPv6 address")
            };
            v6.ip = OctetString::from(ip.octets().to_vec());
            v6.port = address.port();
            TransportAddress::Ip6Address(v6)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(ras: &str) -> Identity {
        Identity {
            ras: ras.parse().expect("an address"),
            aliases: vec!["ep1".into(), "5001".into()],
            secured: false,
            time_to_live: None,
        }
    }

    #[test]
    fn keep_alives_differ_in_two_octets() {
        for ras in ["10.0.64.1:1719", "[fd00:0:0:1::1]:1719"] {
            let mut first = light_rrq(&who(ras), 7, "0001_endp");
            let second = light_rrq(&who(ras), 900, "0001_endp");
            assert_ne!(first, second);
            set_seq(&mut first, 900);
            assert_eq!(first, second);
            assert!((100..300).contains(&second.len()), "{}", second.len());
        }
    }

    #[test]
    fn secured_ones_differ_in_more() {
        let who = Identity {
            secured: true,
            ..who("10.0.64.1:1719")
        };
        let mut first = light_rrq(&who, 7, "0001_endp");
        set_seq(&mut first, 900);
        assert_ne!(first, light_rrq(&who, 900, "0001_endp"));
    }

    #[test]
    fn sequence_numbers_stand_where_they_should() {
        let who = who("10.0.64.1:1719");
        for message in [
            full_rrq(&who, 11, None),
            grq(&who, 11),
            urq(&who, 11, "0001_endp"),
            ucf(11),
            gcf(11, "gk", who.ras),
            expire(11, "gk", who.ras, "0001_endp"),
        ] {
            assert_eq!(seq(&message), Some(11), "{}", hex(&message));
            decode_ras(&message).expect("decodes");
        }
    }
}
