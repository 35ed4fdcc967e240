//! RAS messages of calls, RIP, IRQ and IRR (H.225.0 7.11, 7.15, 7.16, 7.18), and lists of
//! alternate gatekeepers.

use std::net::SocketAddr;

use rasline_h225::{
    RasMessage, decode_ras,
    types::{AltGkInfo, AlternateGk},
};
use rasn::types::OctetString;
use serde::{Deserialize, Serialize};

use crate::messages::{self, Identity, bmp, encode, signalling, template, transport};

const ARQ: &str = "2680d28803800033003500370035003000300031003400370036005f0065006e00640070010180833502400200650070003101808334800186a03475a410939ac3e3f111862ce6d78ce9115b0964205001801100e209939ac3e3f111862ce6d78ce9115b110e0050006100720065006e00740047004b01800510010000090100";
const ACF: &str =
    "2b00d288800186a0400a4d000106b800772200c08001000b8001f801000100010001000501400060a4";
const DRQ: &str = "3ed2891c0033003500370035003000300031003400370036005f0065006e00640070a410939ac3e3f111862ce6d78ce9115b347522b1181100e209939ac3e3f111862ce6d78ce9115b110e0050006100720065006e00740047004b01000c3000c06b010652c06b01065a03408090";
const IRQ: &str = "56000000000001110000000000000000000000000000000000";
const IRR: &str = "5a0000001800700031003500350030003400360039003500360038005f0065006e00640070000a4d000306b701000a4d000306b80c2401000100";
/// RCF with two alternates.
const ALTERNATES: &str = "1240000a060008914a00060100c000020206b8040067006b00310c0030003000300031005f00650070298a00002b0240c000020a06b7040067006b0032004c20010db800000000000000000000000106b7040067006b0033ff0340012b01000100";
/// RRJ resourceUnavailable with AltGKInfo.
const ALT_GK_INFO: &str =
    "1680000a060008914a0006810100040067006b00310d0012000140c000020a06b7040067006b00320000";

/// One entry of a list of alternate gatekeepers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Alternate {
    /// rasAddress.
    pub ras: SocketAddr,
    /// gatekeeperIdentifier.
    pub name: String,
    /// needToRegister.
    pub need_to_register: bool,
    /// priority, 0 to 127.
    pub priority: u8,
}

/// ARQ for a call to 5002.
#[must_use]
pub fn arq(seq: u16, eid: &str, call: [u8; 16], reference: u16) -> Vec<u8> {
    encode(&arq_message(seq, eid, call, reference))
}

fn arq_message(seq: u16, eid: &str, call: [u8; 16], reference: u16) -> RasMessage {
    let RasMessage::AdmissionRequest(mut arq) = template(ARQ) else {
        unreachable!("an ARQ")
    };
    arq.request_seq_num = seq;
    arq.endpoint_identifier = bmp(eid);
    arq.call_reference_value = reference;
    arq.conference_id = OctetString::from(call.to_vec());
    if let Some(identifier) = &mut arq.call_identifier {
        identifier.guid = OctetString::from(call.to_vec());
    }
    RasMessage::AdmissionRequest(arq)
}

/// ARQ for a call to these digits.
#[must_use]
pub fn arq_to(digits: &str, seq: u16, eid: &str, call: [u8; 16], reference: u16) -> Vec<u8> {
    let RasMessage::AdmissionRequest(mut arq) = arq_message(seq, eid, call, reference) else {
        unreachable!("an ARQ")
    };
    arq.destination_info = Some(vec![messages::alias(digits)].into());
    encode(&RasMessage::AdmissionRequest(arq))
}

/// ACF, gatekeeper-routed: the call is to be signalled to the gatekeeper itself.
#[must_use]
pub fn acf(seq: u16, call_signalling: SocketAddr) -> Vec<u8> {
    let RasMessage::AdmissionConfirm(mut acf) = template(ACF) else {
        unreachable!("an ACF")
    };
    acf.request_seq_num = seq;
    acf.dest_call_signal_address = transport(call_signalling);
    encode(&RasMessage::AdmissionConfirm(acf))
}

/// Reason of an ARJ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// calledPartyNotRegistered.
    CalledPartyNotRegistered,
    /// callerNotRegistered.
    CallerNotRegistered,
    /// invalidEndpointIdentifier.
    InvalidEndpointIdentifier,
}

/// ARJ.
#[must_use]
pub fn arj(seq: u16, why: Refusal) -> Vec<u8> {
    // The reason is three bits after the extension bit.
    let reason = match why {
        Refusal::CalledPartyNotRegistered => 0,
        Refusal::CallerNotRegistered => 4 << 4,
        Refusal::InvalidEndpointIdentifier => 6 << 4,
    };
    let wire = seq.wrapping_sub(1).to_be_bytes();
    vec![0x2c, wire[0], wire[1], reason]
}

/// DRQ, the end of a call.
#[must_use]
pub fn drq(seq: u16, eid: &str, call: [u8; 16], reference: u16) -> Vec<u8> {
    let RasMessage::DisengageRequest(mut drq) = template(DRQ) else {
        unreachable!("a DRQ")
    };
    drq.request_seq_num = seq;
    drq.endpoint_identifier = bmp(eid);
    drq.call_reference_value = reference;
    drq.conference_id = OctetString::from(call.to_vec());
    if let Some(identifier) = &mut drq.call_identifier {
        identifier.guid = OctetString::from(call.to_vec());
    }
    encode(&RasMessage::DisengageRequest(drq))
}

/// DCF.
#[must_use]
pub fn dcf(seq: u16) -> Vec<u8> {
    let wire = seq.wrapping_sub(1).to_be_bytes();
    vec![0x40, wire[0], wire[1]]
}

/// RIP: the answer takes `delay` milliseconds longer, at least one.
#[must_use]
pub fn rip(seq: u16, delay: u16) -> Vec<u8> {
    let (seq, delay) = (
        seq.wrapping_sub(1).to_be_bytes(),
        delay.saturating_sub(1).to_be_bytes(),
    );
    vec![0x80, 5, 0, seq[0], seq[1], delay[0], delay[1]]
}

/// delay of a RIP, in milliseconds.
#[must_use]
pub fn rip_delay(message: &[u8]) -> Option<u16> {
    match decode_ras(message) {
        Ok(RasMessage::RequestInProgress(rip)) => Some(rip.delay),
        _ => None,
    }
}

/// IRQ about no call in particular.
#[must_use]
pub fn irq(seq: u16) -> Vec<u8> {
    let mut irq = messages::unhex(IRQ);
    messages::set_seq(&mut irq, seq);
    irq
}

/// IRR, the answer to it.
#[must_use]
pub fn irr(who: &Identity, seq: u16, eid: &str) -> Vec<u8> {
    let RasMessage::InfoRequestResponse(mut irr) = template(IRR) else {
        unreachable!("an IRR")
    };
    irr.request_seq_num = seq;
    irr.endpoint_identifier = bmp(eid);
    irr.ras_address = transport(who.ras);
    irr.call_signal_address = vec![signalling(who.ras)].into();
    encode(&RasMessage::InfoRequestResponse(irr))
}

/// Adds a list of alternates to a GCF, RCF, URQ, RRJ or ARJ; returns other messages unchanged.
#[must_use]
pub fn with_alternates(message: Vec<u8>, alternates: &[Alternate]) -> Vec<u8> {
    if alternates.is_empty() {
        return message;
    }
    let list = list(alternates);
    let changed = match decode_ras(&message) {
        Ok(RasMessage::GatekeeperConfirm(mut m)) => {
            m.alternate_gatekeeper = Some(list.into());
            RasMessage::GatekeeperConfirm(m)
        }
        Ok(RasMessage::RegistrationConfirm(mut m)) => {
            m.alternate_gatekeeper = Some(list.into());
            RasMessage::RegistrationConfirm(m)
        }
        Ok(RasMessage::UnregistrationRequest(mut m)) => {
            m.alternate_gatekeeper = Some(list.into());
            RasMessage::UnregistrationRequest(m)
        }
        Ok(RasMessage::RegistrationReject(mut m)) => {
            m.alt_gk_info = Some(information(list));
            RasMessage::RegistrationReject(m)
        }
        Ok(RasMessage::AdmissionReject(mut m)) => {
            m.alt_gk_info = Some(information(list));
            RasMessage::AdmissionReject(m)
        }
        _ => return message,
    };
    encode(&changed)
}

fn list(alternates: &[Alternate]) -> Vec<AlternateGk> {
    // The type is open for fields of later versions, so one is taken from a real message.
    let RasMessage::RegistrationConfirm(rcf) = template(ALTERNATES) else {
        unreachable!("an RCF")
    };
    let example = rcf.alternate_gatekeeper.into_iter().flatten().next();
    let example = example.expect("an alternate");
    let one = |alternate: &Alternate| {
        let mut entry = example.clone();
        entry.ras_address = transport(alternate.ras);
        entry.gatekeeper_identifier = Some(bmp(&alternate.name));
        entry.need_to_register = alternate.need_to_register;
        entry.priority = alternate.priority;
        entry
    };
    alternates.iter().map(one).collect()
}

fn information(list: Vec<AlternateGk>) -> AltGkInfo {
    let RasMessage::RegistrationReject(rrj) = template(ALT_GK_INFO) else {
        unreachable!("an RRJ")
    };
    let mut information = rrj.alt_gk_info.expect("AltGKInfo");
    information.alternate_gatekeeper = list.into();
    information.alt_gk_is_permanent = true;
    information
}

#[cfg(test)]
mod tests {
    use rasline_h225::types::AdmissionRejectReason;

    use super::*;

    #[test]
    fn what_is_made_decodes() {
        let who = Identity {
            ras: "10.0.64.1:1719".parse().expect("an address"),
            aliases: vec!["ep1".into()],
            secured: false,
            time_to_live: None,
        };
        for message in [
            arq(11, "0001_gk1", [7; 16], 3),
            acf(11, "10.1.0.1:1720".parse().expect("an address")),
            arj(11, Refusal::CallerNotRegistered),
            drq(11, "0001_gk1", [7; 16], 3),
            dcf(11),
            rip(11, 1000),
            irq(11),
            irr(&who, 11, "0001_gk1"),
        ] {
            assert_eq!(
                messages::seq(&message),
                Some(11),
                "{}",
                messages::hex(&message)
            );
            decode_ras(&message).expect("decodes");
        }
        assert_eq!(rip_delay(&rip(11, 1000)), Some(1000));
    }

    #[test]
    fn refusals_are_the_right_ones() {
        for (why, reason) in [
            (
                Refusal::CalledPartyNotRegistered,
                AdmissionRejectReason::CalledPartyNotRegistered,
            ),
            (
                Refusal::CallerNotRegistered,
                AdmissionRejectReason::CallerNotRegistered,
            ),
            (
                Refusal::InvalidEndpointIdentifier,
                AdmissionRejectReason::InvalidEndpointIdentifier,
            ),
        ] {
            let Ok(RasMessage::AdmissionReject(arj)) = decode_ras(&arj(9, why)) else {
                panic!("not an ARJ")
            };
            assert_eq!((arj.request_seq_num, arj.reject_reason), (9, reason));
        }
    }

    #[test]
    fn alternates_come_through() {
        let alternate = Alternate {
            ras: "[fd00:1::2]:1719".parse().expect("an address"),
            name: "gk2".into(),
            need_to_register: true,
            priority: 3,
        };
        let messages = [
            messages::gcf(5, "gk1", alternate.ras),
            messages::rrj_example("gk1"),
            messages::expire(5, "gk1", alternate.ras, "0001_gk1"),
            arj(5, Refusal::CallerNotRegistered),
        ];
        for message in messages {
            let with = with_alternates(message.clone(), std::slice::from_ref(&alternate));
            assert_ne!(with, message);
            decode_ras(&with).expect("decodes");
            let name: Vec<u8> = "gk2".encode_utf16().flat_map(u16::to_be_bytes).collect();
            assert!(
                with.windows(6).any(|w| w == name),
                "{}",
                messages::hex(&with)
            );
        }
    }
}
