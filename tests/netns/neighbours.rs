//! Gatekeepers of other networks: what they ask rasline (LRQ), and what rasline asks them for its endpoints.

use std::net::{IpAddr, SocketAddr};

use rasline_h225::{
    RasMessage, encode_ras,
    messages::{alias, rip},
    text,
    types::{
        AdmissionRejectReason, LocationConfirm, LocationReject, LocationRejectReason,
        LocationRequest,
    },
};
use rasline_testkit::{Endpoint, Gateway, Reply, admission, topology, wait};

use crate::{
    backup::{Zones, gatekeeper, stays},
    own::{Own, destination, import, registrar},
    scene::{SOON, ras},
};

/// The neighbour that is asked for 44..., and answered.
const ABROAD: IpAddr = topology::GATEKEEPER_2;
/// The neighbour that is asked for 33..., and not answered.
const DEAF: IpAddr = topology::GATEKEEPER;

/// A profile of a zone that has both.
fn profile(zone: &str, gatekeeper: &str) -> String {
    let neighbour = |id: &str, address: IpAddr, prefix: &str, answered: bool| {
        format!(
            "[[profile.neighbours]]\nid = \"{id}\"\naddress = \"{address}:1719\"\nprefixes = [\"{prefix}\"]\n\
             answered = {answered}\n"
        )
    };
    format!(
        "[[profile]]\nzone = \"{zone}\"\ngatekeeper_identifier = \"{gatekeeper}\"\nadmit_unknown = true\n\
         [profile.subscription]\non = true\n{}{}",
        neighbour("abroad", ABROAD, "44", true),
        neighbour("deaf", DEAF, "33", false)
    )
}

/// A gatekeeper of another network: it does what the test says.
struct Neighbour {
    peer: Endpoint,
    /// Address of rasline that it speaks with.
    to: SocketAddr,
    seq: u16,
}

impl Neighbour {
    fn new(net: &Gateway, ip: IpAddr, to: SocketAddr) -> Self {
        let peer = Endpoint::new(&net.gatekeepers, ras(ip), to, &["abroad"]).unwrap();
        Self { peer, to, seq: 0 }
    }

    fn send(&self, message: &RasMessage) {
        self.peer.send(&encode_ras(message).unwrap()).unwrap();
    }

    fn next(&mut self) -> Reply {
        let came = self.peer.unasked(SOON).unwrap();
        assert_eq!(came.from, self.to);
        came
    }

    /// Asks for an alias; the answer.
    fn locate(&mut self, wanted: &str, hops: Option<u8>) -> RasMessage {
        self.seq += 1;
        let own = text::to_transport(self.peer.address());
        let mut lrq = LocationRequest::new(self.seq, own);
        lrq.destination_info = vec![alias(wanted).unwrap()].into();
        lrq.hop_count = hops;
        self.send(&RasMessage::LocationRequest(lrq));
        self.next().message().unwrap()
    }

    fn is_told(&mut self, wanted: &str, at: IpAddr) {
        let answer = self.locate(wanted, Some(3));
        let RasMessage::LocationConfirm(lcf) = answer else {
            panic!("{answer:?}")
        };
        let called = text::from_transport(&lcf.call_signal_address).unwrap();
        assert_eq!((lcf.request_seq_num, called.ip()), (self.seq, at));
    }

    fn refused(&mut self, wanted: &str, hops: Option<u8>) -> LocationRejectReason {
        match self.locate(wanted, hops) {
            RasMessage::LocationReject(lrj) => lrj.reject_reason,
            other => panic!("{other:?}"),
        }
    }

    /// The next LRQ, which asks for this number and is to be answered where it came from; its requestSeqNum.
    fn asked_for(&mut self, wanted: &str) -> u16 {
        let message = self.next().message().unwrap();
        let RasMessage::LocationRequest(lrq) = message else {
            panic!("{message:?}")
        };
        let numbers = lrq.destination_info.iter().filter_map(text::from_alias);
        assert_eq!(numbers.collect::<Vec<_>>(), [wanted]);
        assert_eq!(text::from_transport(&lrq.reply_address), Some(self.to));
        lrq.request_seq_num
    }

    fn confirm(&self, seq: u16, called: SocketAddr) {
        let own = text::to_transport(self.peer.address());
        let lcf = LocationConfirm::new(seq, text::to_transport(called), own);
        self.send(&RasMessage::LocationConfirm(lcf));
    }

    fn reject(&self, seq: u16) {
        let lrj = LocationReject::new(seq, LocationRejectReason::NotRegistered);
        self.send(&RasMessage::LocationReject(lrj));
    }

    /// Until rasline takes it for a neighbour: the profile is in force.
    fn await_known(&mut self) {
        wait::until_true("the profile to be in force", SOON, || {
            Ok(self.refused("5999", None) == LocationRejectReason::NotRegistered)
        })
        .unwrap();
    }
}

/// Sends an ARQ for these digits and does not wait; its number.
fn calls(endpoint: &Endpoint, seq: u16, digits: &str) -> u16 {
    let call = [seq as u8; 16];
    endpoint
        .send(&admission::arq_to(digits, seq, endpoint.eid(), call, seq))
        .unwrap();
    seq
}

fn answer(endpoint: &mut Endpoint, seq: u16) -> Reply {
    let reply = endpoint.answer_within(seq, SOON).unwrap();
    reply.expect("an answer")
}

fn reason(arj: &Reply) -> AdmissionRejectReason {
    match arj.message().unwrap() {
        RasMessage::AdmissionReject(arj) => arj.reject_reason,
        other => panic!("{other:?}"),
    }
}

/// A zone of rasline's own, and its neighbour, once the profile is in force.
fn with_neighbour() -> (Own, Neighbour) {
    let own = Own::new(&registrar(""));
    import(&own.controller, &profile("site", "own"));
    let mut abroad = Neighbour::new(&own.net, ABROAD, ras(topology::SERVICE));
    abroad.await_known();
    (own, abroad)
}

/// Where a neighbour says that somebody is.
fn elsewhere() -> SocketAddr {
    SocketAddr::new([10, 1, 0, 77].into(), 1720)
}

#[test]
fn neighbours_are_told_and_strangers_are_not() {
    let (own, mut abroad) = with_neighbour();
    let one = own.registered(1);
    for known in ["5001", "ep1"] {
        abroad.is_told(known, one.address().ip());
    }
    for (hops, why) in [
        (None, LocationRejectReason::NotRegistered),
        (Some(1), LocationRejectReason::HopCountExceeded),
    ] {
        assert_eq!(abroad.refused("5999", hops), why);
    }
    // One that is asked but not answered, and one that is nobody.
    let mut deaf = Neighbour::new(&own.net, DEAF, abroad.to);
    let stranger = "10.1.0.9";
    own.net
        .gatekeepers
        .ip(&format!("addr add {stranger}/24 dev gk0"))
        .unwrap();
    let mut stranger = Neighbour::new(&own.net, stranger.parse().unwrap(), abroad.to);
    for other in [&mut deaf, &mut stranger] {
        let why = other.refused("5001", Some(3));
        assert_eq!(why, LocationRejectReason::RequestDenied);
    }
    own.await_event("request_rejected", "10.1.0.9");
}

#[test]
fn who_is_elsewhere_is_asked_for() {
    let (own, mut abroad) = with_neighbour();
    let mut one = own.registered(1);
    // It knows, though it takes its time: the endpoint is told to wait.
    let seq = calls(&one, 101, "447700");
    let asked = abroad.asked_for("447700");
    let wait = answer(&mut one, seq);
    assert!(admission::rip_delay(&wait.bytes).is_some(), "{wait:?}");
    abroad.confirm(asked, elsewhere());
    assert_eq!(destination(&answer(&mut one, seq)), elsewhere());
    // It does not know.
    let seq = calls(&one, 102, "447701");
    let asked = abroad.asked_for("447701");
    abroad.reject(asked);
    let why = AdmissionRejectReason::CalledPartyNotRegistered;
    assert_eq!(reason(&answer(&mut one, seq)), why);
    // It wants a moment, again and again, and then says nothing.
    let seq = calls(&one, 103, "447702");
    for _ in 0..3 {
        let asked = abroad.asked_for("447702");
        abroad.send(&rip(asked, 50));
    }
    assert_eq!(reason(&answer(&mut one, seq)), why);
    // Another one is asked for other numbers, and nobody for those that are nobody's.
    let mut deaf = Neighbour::new(&own.net, DEAF, abroad.to);
    let seq = calls(&one, 104, "337700");
    let asked = deaf.asked_for("337700");
    deaf.confirm(asked, elsewhere());
    assert_eq!(destination(&answer(&mut one, seq)), elsewhere());
    let seq = calls(&one, 105, "557700");
    assert_eq!(reason(&answer(&mut one, seq)), why);
}

#[test]
fn a_backup_speaks_with_the_zones_neighbours() {
    let mut zones = Zones::new(1, "");
    zones.import(&profile("zone1", "gk1"));
    let mut endpoint = zones.learned(1, 1, &["5001"]);
    zones.kill(1);
    zones.await_active(1, "rasline");
    stays(&zones, 1, &mut endpoint);
    // At the address of rasline: that of the zone's own gatekeeper is nobody's now.
    let mut abroad = Neighbour::new(&zones.net, ABROAD, ras(topology::GATEWAY[0]));
    abroad.is_told("5001", endpoint.address().ip());
    let seq = calls(&endpoint, 101, "447700");
    let asked = abroad.asked_for("447700");
    abroad.confirm(asked, elsewhere());
    let acf = answer(&mut endpoint, seq);
    assert_eq!((acf.from, destination(&acf)), (gatekeeper(1), elsewhere()));
}
