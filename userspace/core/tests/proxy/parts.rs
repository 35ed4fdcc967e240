//! Addresses, endpoints and gatekeepers of the tests, and messages to feed them with.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::Time;
use rasline_core::proxy::{Settings, Source, Upstream};
use rasline_core::registrar::{self, Registrar};
use rasline_h225::decode_ras;
use rasline_h225::messages::{self, Rrq};
use rasline_h225::text::to_bmp;
use rasline_h225::types::RasMessage;
pub use rasline_testkit_model::messages::unhex;
use rasline_testkit_model::party::{Party, admission_request, kind_name};
use rasline_testkit_model::zone::{open_profile, registrar_settings};

/// rasline towards endpoints, and towards gatekeepers.
pub const SERVICE: SocketAddr = v4([203, 0, 113, 1], 1719);
pub const RAS: SocketAddr = v4([203, 0, 113, 2], 1719);
pub const ONE: SocketAddr = v4([198, 51, 100, 1], 1719);
pub const TWO: SocketAddr = v4([198, 51, 100, 2], 1719);
pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

const fn v4(ip: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::new(
        std::net::IpAddr::V4(std::net::Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3])),
        port,
    )
}

/// RAS and call-signalling address of an endpoint.
pub fn ras(n: u32) -> SocketAddr {
    let [_, b, c, d] = n.to_be_bytes();
    v4([10, b, c, d], 1719)
}

pub fn signalling(n: u32) -> SocketAddr {
    SocketAddr::new(ras(n).ip(), 1720)
}

pub fn alias(n: u32) -> String {
    format!("{}", 100_000 + n)
}

pub fn party(n: u32) -> Party {
    Party::new(ras(n).ip(), alias(n))
}

pub fn full(seq: u16, n: u32) -> Rrq {
    party(n).full(seq)
}

pub fn gatekeeper(at: SocketAddr, name: &str) -> Registrar {
    let settings = registrar::Settings {
        alternates: vec![rasline_h225::view::Alternate {
            address: TWO,
            gatekeeper_identifier: Some("two".into()),
            need_to_register: true,
            priority: 1,
        }],
        seed: u64::from(at.port())
            + u64::from(at.ip().to_string().len() as u32)
            + name.len() as u64,
        ..registrar_settings(open_profile(name), at)
    };
    Registrar::new(settings, START)
}

pub const START: Time = Time(1_000_000_000_000);

pub fn kind(octets: &[u8]) -> &'static str {
    kind_name(&decode_ras(octets).unwrap())
}

pub fn arq(seq: u16, eid: &str, from: u32, to: u32) -> RasMessage {
    let mut arq = admission_request(seq, eid, (7, from as u16), &[&alias(to)]);
    arq.src_info = vec![messages::alias(&alias(from)).unwrap()].into();
    arq.gatekeeper_identifier = Some(to_bmp("zone").unwrap());
    RasMessage::AdmissionRequest(arq)
}

/// As [`settings`], but messages to gatekeepers come from the endpoints' own addresses; rasline has none.
pub fn as_endpoints(rate: u32) -> Settings {
    Settings {
        ras_address: None,
        source: Source::Endpoint,
        ..settings(rate)
    }
}

pub fn settings(rate: u32) -> Settings {
    Settings {
        gatekeeper_identifier: "zone".into(),
        ras_address: Some(RAS),
        source: Source::Own,
        upstream: Upstream::Each,
        endpoint_ttl: Some(Duration::from_mins(2)),
        migrate_rate: rate,
        reserved: rasline_core::Reserved::default(),
        max_endpoints: 20_000,
        call_signalling: None,
        seed: 0xabcd,
    }
}
