//! A patched RCF differs in timeToLive and in nothing else.

mod common;

use proptest::prelude::*;
use rasline_h225::patch::{PatchError, rcf_time_to_live};
use rasline_h225::view::{Alternate, Summary, summarise};
use rasline_h225::{RasMessage, decode_ras, encode_ras, messages};

/// Every RCF of the vectors that has a timeToLive and is not secured.
fn patchable() -> Vec<(String, Vec<u8>)> {
    let open = |bytes: &[u8]| match summarise(&decode_ras(bytes).expect("decodes")) {
        Summary::Rcf {
            time_to_live,
            secured,
            ..
        } => time_to_live.is_some() && !secured,
        _ => false,
    };
    common::good()
        .into_iter()
        .filter(|vector| open(&vector.bytes))
        .map(|vector| (vector.at, vector.bytes))
        .collect()
}

#[test]
fn every_recorded_rcf_can_be_patched() {
    let all = patchable();
    assert!(all.len() > 90, "{}", all.len());
    for (at, raw) in all {
        for seconds in [1, 5, 256, 257, 65_536, 65_537, 16_777_217, u32::MAX] {
            let patched =
                rcf_time_to_live(&raw, seconds).unwrap_or_else(|error| panic!("{at}: {error}"));
            let mut expected = decode_ras(&raw).expect("decodes");
            let RasMessage::RegistrationConfirm(rcf) = &mut expected else {
                panic!("{at}: not an RCF")
            };
            let before = rcf.time_to_live.replace(seconds).expect("a timeToLive");
            assert_eq!(decode_ras(&patched), Ok(expected), "{at}");
            // There and back again gives the octets that came.
            assert_eq!(rcf_time_to_live(&patched, before), Ok(raw.clone()), "{at}");
            // What stands before and behind the field stays where it is.
            let same_head = raw.iter().zip(&patched).take_while(|(a, b)| a == b).count();
            let same_tail = raw
                .iter()
                .rev()
                .zip(patched.iter().rev())
                .take_while(|(a, b)| a == b)
                .count();
            assert!(raw.len().saturating_sub(same_head + same_tail) <= 6, "{at}");
        }
    }
}

#[test]
fn five_seconds_stand_where_they_should() {
    let hex = "1240000a060008914a000600040067006b00310c0030003000300031005f00650070288a00000340012b01000100";
    let raw = common::hex(hex, "sample");
    let patched = rcf_time_to_live(&raw, 5).expect("patched");
    assert_eq!(common::to_hex(&patched), hex.replace("0340012b", "020004"));
}

#[test]
fn unknown_additions_stay() {
    // 27 additions, of which this crate knows 21: the last is an open type of three octets, and two octets follow.
    let root = "1240000a060008914a000600040067006b00310c0030003000300031005f00650070";
    // count - 1 = 26 in seven bits, then bits 1 and 26.
    let bits = 26_u64 << 57 | 1 << (63 - 7 - 1) | 1 << (63 - 7 - 26);
    let bitmap = common::to_hex(&bits.to_be_bytes()[..5]);
    let raw = common::hex(&format!("{root}{bitmap}0340012b03abcdefdead"), "crafted");
    let patched = rcf_time_to_live(&raw, 5).expect("patched");
    assert_eq!(
        common::to_hex(&patched),
        format!("{root}{bitmap}02000403abcdefdead")
    );
}

#[test]
fn what_cannot_be_patched_is_refused() {
    let mut rcf = messages::Rcf {
        seq: 1,
        endpoint_identifier: "e".into(),
        ..messages::Rcf::default()
    };
    let raw = |rcf: &messages::Rcf| rcf.encode().expect("encodes");
    assert_eq!(
        rcf_time_to_live(&raw(&rcf), 5),
        Err(PatchError::NoTimeToLive)
    );
    rcf.time_to_live = Some(60);
    assert!(rcf_time_to_live(&raw(&rcf), 5).is_ok());
    assert_eq!(rcf_time_to_live(&raw(&rcf), 0), Err(PatchError::Zero));
    rcf.token = true;
    assert_eq!(rcf_time_to_live(&raw(&rcf), 5), Err(PatchError::Secured));
    let urq = encode_ras(&messages::ucf(1)).expect("encodes");
    assert_eq!(rcf_time_to_live(&urq, 5), Err(PatchError::NotRcf));
    assert_eq!(rcf_time_to_live(&[], 5), Err(PatchError::NotRcf));
    // A pad bit of the root that is set: legal to read, not canonical: octet 1 ends with them.
    rcf.token = false;
    let mut odd = raw(&rcf);
    odd[1] |= 0x01;
    assert_eq!(
        rcf_time_to_live(&odd, 5),
        Err(PatchError::NotCanonical("root"))
    );
}

proptest! {
    #[test]
    fn any_rcf_takes_any_time(
        seq in 1_u16..,
        before in 1_u32..,
        after in 1_u32..,
        identifier in "\\PC{1,40}",
        aliases in proptest::collection::vec("[a-z0-9]{1,12}", 0..4),
        alternates in proptest::collection::vec((any::<[u8; 16]>(), any::<u16>(), any::<bool>(), 0_u8..128), 0..40),
    ) {
        let alternates = alternates
            .into_iter()
            .map(|(ip, port, need_to_register, priority)| Alternate {
                address: (ip, port).into(),
                gatekeeper_identifier: Some("gatekeeper".into()),
                need_to_register,
                priority,
            })
            .collect();
        let rcf = messages::Rcf {
            seq,
            aliases,
            endpoint_identifier: identifier,
            time_to_live: Some(before),
            alternates,
            ..messages::Rcf::default()
        };
        let patched = rcf_time_to_live(&rcf.encode().expect("encodes"), after).expect("patched");
        let expected = messages::Rcf { time_to_live: Some(after), ..rcf };
        prop_assert_eq!(patched, expected.encode().expect("encodes"));
    }
}
