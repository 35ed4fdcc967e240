//! The messages of `samples.txt`, field by field, and the builders that make them.

mod common;

use std::net::SocketAddr;

use rasline_h225::types::{RegistrationRejectReason, UnregRequestReason};
use rasline_h225::view::{Alternate, Summary, alternates, summarise};
use rasline_h225::{RasKind, RasMessage, decode_ras, encode_ras, header, messages};

const RAS: &str = "192.0.2.1:1719";
const CALLS: &str = "192.0.2.1:1720";

fn sample(name: &str) -> Vec<u8> {
    let all = common::file("samples.txt");
    all.into_iter()
        .find(|vector| vector.origin == name)
        .unwrap_or_else(|| panic!("no sample {name}"))
        .bytes
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn view(name: &str) -> Summary {
    summarise(&decode_ras(&sample(name)).expect("decodes"))
}

fn gk(address: &str, identifier: &str, need_to_register: bool, priority: u8) -> Alternate {
    let address = address.parse().expect("an address");
    Alternate {
        address,
        gatekeeper_identifier: Some(identifier.into()),
        need_to_register,
        priority,
    }
}

#[test]
fn lightweight_rrq() {
    let expected = Summary::Rrq {
        seq: 11,
        keep_alive: true,
        endpoint_identifier: Some("0001_ep".into()),
        gatekeeper_identifier: Some("gk1".into()),
        aliases: vec![],
        call_signal_addresses: vec![],
        ras_addresses: vec![address(RAS)],
        time_to_live: Some(300),
        secured: false,
    };
    assert_eq!(view("lightweight RRQ"), expected);
    let mut rrq = messages::Rrq::lightweight(11, address(RAS), "0001_ep");
    rrq.gatekeeper_identifier = Some("gk1".into());
    rrq.time_to_live = Some(300);
    assert_eq!(rrq.encode().expect("encodes"), sample("lightweight RRQ"));
}

#[test]
fn full_rrq() {
    let expected = Summary::Rrq {
        seq: 10,
        keep_alive: false,
        endpoint_identifier: None,
        gatekeeper_identifier: Some("gk1".into()),
        aliases: vec!["alice".into(), "1001".into()],
        call_signal_addresses: vec![address(CALLS)],
        ras_addresses: vec![address(RAS)],
        time_to_live: Some(300),
        secured: false,
    };
    assert_eq!(view("full RRQ"), expected);
    let mut rrq = messages::Rrq::full(10, address(CALLS), address(RAS));
    rrq.gatekeeper_identifier = Some("gk1".into());
    rrq.time_to_live = Some(300);
    rrq.aliases = vec!["alice".into(), "1001".into()];
    assert_eq!(summarise(&rrq.message().expect("builds")), expected);
    assert_eq!(
        common::to_hex(&rrq.encode().expect("encodes")),
        common::to_hex(&sample("full RRQ"))
    );
}

#[test]
fn rcf() {
    let mut rcf = messages::Rcf {
        seq: 11,
        gatekeeper_identifier: Some("gk1".into()),
        endpoint_identifier: "0001_ep".into(),
        time_to_live: Some(300),
        ..messages::Rcf::default()
    };
    let mut expected = Summary::Rcf {
        seq: 11,
        endpoint_identifier: "0001_ep".into(),
        gatekeeper_identifier: Some("gk1".into()),
        aliases: vec![],
        time_to_live: Some(300),
        alternates: vec![],
        secured: false,
    };
    assert_eq!(view("its RCF"), expected);
    assert_eq!(rcf.encode().expect("encodes"), sample("its RCF"));
    assert_eq!(
        Ok(rcf.message().expect("builds")),
        decode_ras(&sample("its RCF"))
    );
    let list = vec![
        gk("192.0.2.10:1719", "gk2", false, 0),
        gk("[2001:db8::1]:1719", "gk3", true, 127),
    ];
    if let Summary::Rcf { alternates, .. } = &mut expected {
        *alternates = list.clone();
    }
    assert_eq!(view("RCF with two alternates, IPv4 and IPv6"), expected);
    rcf.alternates = list;
    rcf.call_signal_addresses = vec![address("192.0.2.2:1720")];
    let decoded = decode_ras(&sample("RCF with two alternates, IPv4 and IPv6"));
    assert_eq!(Ok(rcf.message().expect("builds")), decoded);
}

#[test]
fn rrj() {
    for (name, reason) in [
        (
            "RRJ fullRegistrationRequired",
            RegistrationRejectReason::FullRegistrationRequired,
        ),
        (
            "RRJ discoveryRequired",
            RegistrationRejectReason::DiscoveryRequired,
        ),
    ] {
        assert!(name.ends_with(rasline_h225::view::registration_reject(&reason)));
        assert_eq!(
            view(name),
            Summary::Rrj {
                seq: 11,
                reason: name.trim_start_matches("RRJ ")
            }
        );
        let mut rrj = messages::Rrj::new(11, reason);
        rrj.gatekeeper_identifier = Some("gk1".into());
        assert_eq!(rrj.encode().expect("encodes"), sample(name));
    }
    let message = decode_ras(&sample("RRJ resourceUnavailable with altGKInfo")).expect("decodes");
    assert_eq!(
        summarise(&message),
        Summary::Rrj {
            seq: 11,
            reason: "resourceUnavailable"
        }
    );
    let found = alternates(&message).expect("a list");
    assert_eq!(
        (found.permanent, found.list),
        (false, vec![gk("192.0.2.10:1719", "gk2", false, 0)])
    );
    let mut rrj = messages::Rrj::new(11, RegistrationRejectReason::ResourceUnavailable);
    rrj.gatekeeper_identifier = Some("gk1".into());
    rrj.alternates = vec![gk("192.0.2.10:1719", "gk2", false, 0)];
    assert_eq!(rrj.message(), Ok(message));
}

#[test]
fn urq_and_rip() {
    let name = "URQ ttlExpired with an alternate";
    let expected = Summary::Urq {
        seq: 7,
        endpoint_identifier: Some("0001_ep".into()),
        gatekeeper_identifier: None,
        aliases: vec![],
        reason: Some("ttlExpired"),
    };
    assert_eq!(view(name), expected);
    let urq = messages::Urq {
        seq: 7,
        call_signal_addresses: vec![address(CALLS)],
        endpoint_identifier: Some("0001_ep".into()),
        reason: Some(UnregRequestReason::TtlExpired),
        alternates: vec![gk("192.0.2.10:1719", "gk2", false, 0)],
        ..messages::Urq::default()
    };
    assert_eq!(
        urq.message(),
        decode_ras(&sample(name)).map_err(|error| panic!("{error}"))
    );
    assert_eq!(
        encode_ras(&messages::rip(11, 1000)),
        Ok(sample("RIP, 1000 ms"))
    );
    assert_eq!(
        view("RIP, 1000 ms"),
        Summary::Other {
            kind: RasKind::RequestInProgress,
            seq: 11
        }
    );
}

#[test]
fn builders_survive_a_round_trip_over_both_families() {
    let v6 = address("[2001:db8::5]:1719");
    let mut rrq = messages::Rrq::full(65_535, address("[2001:db8::5]:1720"), v6);
    rrq.token = true;
    let mut grq = messages::Grq::new(1, v6);
    grq.aliases = vec!["bob".into(), "*55#".into(), "h323:bob@example.org".into()];
    grq.gatekeeper_identifier = Some("gk1".into());
    let gcf = messages::Gcf {
        seq: 1,
        gatekeeper_identifier: Some("gk1".into()),
        ras_address: v6,
        alternates: vec![gk("[2001:db8::2]:1719", "gk2", true, 3)],
    };
    let messages = [
        rrq.message(),
        grq.message(),
        gcf.message(),
        messages::Rrj::duplicate_alias(9, &["bob".into()])
            .expect("an alias")
            .message(),
        Ok(messages::ucf(2)),
        Ok(messages::urj(
            3,
            rasline_h225::types::UnregRejectReason::CallInProgress,
        )),
        Ok(messages::xrs(4, &[0x7f; 300])),
    ];
    for message in messages {
        let message = message.expect("builds");
        let bytes = encode_ras(&message).expect("encodes");
        assert_eq!(decode_ras(&bytes).as_ref(), Ok(&message));
        let header = header(&bytes).expect("a header");
        assert_eq!(
            (header.kind, header.seq),
            (message.kind(), message.request_seq_num())
        );
    }
    assert!(matches!(
        summarise(&rrq.message().expect("builds")),
        Summary::Rrq { secured: true, .. }
    ));
    let Summary::Gcf {
        seq: 1,
        gatekeeper_identifier,
        alternates,
    } = summarise(&gcf.message().expect("builds"))
    else {
        panic!("not a GCF")
    };
    assert_eq!(
        (gatekeeper_identifier.as_deref(), alternates),
        (Some("gk1"), gcf.alternates)
    );
}

#[test]
fn values_out_of_range_are_refused() {
    let good = messages::Rrq::lightweight(1, address(RAS), "e");
    assert!(good.encode().is_ok());
    let refused = |change: fn(&mut messages::Rrq)| {
        let mut rrq = good.clone();
        change(&mut rrq);
        assert!(rrq.encode().is_err(), "{rrq:?} encodes");
    };
    refused(|rrq| rrq.seq = 0);
    refused(|rrq| rrq.time_to_live = Some(0));
    refused(|rrq| rrq.endpoint_identifier = Some(String::new()));
    refused(|rrq| rrq.endpoint_identifier = Some("x".repeat(129)));
    refused(|rrq| rrq.gatekeeper_identifier = Some("x".repeat(129)));
    refused(|rrq| rrq.aliases = vec!["1".repeat(129)]);
}

#[test]
fn header_of_what_does_not_decode() {
    // An RRQ that is cut behind requestSeqNum, and one with an unknown RasMessage.
    let cut = header(&sample("lightweight RRQ")[..4]).expect("a header");
    assert_eq!(
        (cut.kind, cut.seq, cut.seq_wire),
        (RasKind::RegistrationRequest, 11, [0, 10])
    );
    assert_eq!(header(&sample("lightweight RRQ")[..3]), None);
    for unknown in [
        &[][..],
        &[0x64, 0, 0, 0, 0],
        &[0x88, 1, 0, 0, 0],
        &[0xc0, 0, 0, 0, 0],
        &[0x80, 0xc1, 0, 0, 0],
    ] {
        assert_eq!(header(unknown), None, "{unknown:02x?}");
    }
    // 65536 is no requestSeqNum.
    assert_eq!(header(&[0x0e, 0x40, 0xff, 0xff]), None);
    // A length of two octets moves the number on.
    assert_eq!(
        header(&[0x80, 0x80, 0x05, 0x00, 0x00, 0x0a]).map(|header| header.seq),
        Some(11)
    );
    for kind in RasKind::ALL {
        assert!(!kind.name().is_empty());
    }
}

#[test]
fn sequence_number_can_be_set() {
    let mut message = decode_ras(&sample("full RRQ")).expect("decodes");
    message.set_request_seq_num(4_711);
    let bytes = encode_ras(&message).expect("encodes");
    assert_eq!(header(&bytes).map(|header| header.seq), Some(4_711));
    assert!(matches!(message, RasMessage::RegistrationRequest(_)));
}
