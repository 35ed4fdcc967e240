//! Call-signalling connections that fall silent: a black hole that TCP itself finds, and a gatekeeper that stands still,
//! whose kernel goes on acknowledging, and which only Status Enquiries find.

use std::time::Duration;

use rasline_testkit::{Seen, What};

use crate::{
    agent::{ASKED, AgentSite, Kind, Mood, first, packets, sent, undisturbed},
    scene::SOON,
};

/// What stands between the last segment that came and the first lightweight RRQ.
fn silence(packets: &[crate::agent::Packet]) -> Duration {
    let asked = first(packets, |p| p.ours && p.kind == Kind::Lightweight);
    let last = packets
        .iter()
        .rfind(|p| !p.ours && p.gk == 1 && p.kind == Kind::Other && p.at < asked.at);
    let last = last.map_or(packets[0].at, |p| p.at);
    asked.at.saturating_sub(last)
}

fn black_hole(moods: &[Mood], lines: &str, winner: u8) {
    let site = AgentSite::new(moods, &format!("silence = \"2s\"\n{lines}"));
    let (capture, media) = (site.capture(), site.media());
    // RAS goes on: it is the connection that is lost.
    site.net.hosts[0].swallow("tcp dport 1720").unwrap();
    let after = site.await_at(winner);
    undisturbed(media);
    let packets = packets(capture);
    assert_eq!(after["losses"]["silent"], 1, "{after}");
    let reset = packets.iter().any(|p| p.kind == Kind::Rst && !p.ours);
    assert!(!reset, "{packets:#?}");
    let connections = sent(&packets, &[Kind::Syn]);
    assert_eq!(connections, [(Kind::Syn, winner)], "{packets:#?}");
    assert!(sent(&packets, &[Kind::Grq, Kind::FullRrq]).is_empty());
    // Not before its time; what came before the capture began counts, too.
    let silence = silence(&packets);
    assert!(
        silence >= Duration::from_millis(500),
        "{silence:?} {packets:#?}"
    );
}

#[test]
fn a_black_hole_with_one_alternate() {
    black_hole(&[Mood::Takes], "", 2);
}

#[test]
fn a_black_hole_with_three_alternates_in_order() {
    black_hole(
        &[Mood::Refuses, Mood::Dead, Mood::Takes],
        "alternates = \"in-order\"",
        4,
    );
}

#[test]
fn a_black_hole_with_three_alternates_at_once() {
    black_hole(
        &[Mood::Dead, Mood::Takes, Mood::WantsFull],
        "alternates = \"all\"",
        3,
    );
}

/// A process that stands still: its kernel acknowledges everything, and nothing else comes.
#[test]
fn status_enquiries_find_a_gatekeeper_that_stands_still() {
    let lines = "silence = \"1s\"\nstatus_enquiry = \"200ms\"\nt1 = \"5s\"";
    let site = AgentSite::new(&[Mood::Takes], lines);
    let capture = site.capture();
    let enquiry = |s: &Seen| s.what == What::StatusEnquiry;
    site.gk(1).await_seen(3, SOON, enquiry).unwrap();
    assert_eq!(site.shown()["losses"]["silent"], 0);
    site.gk(1).freeze().unwrap();
    let after = site.await_at(2);
    assert_eq!(after["losses"]["silent"], 1, "{after}");
    assert_eq!(after["signalling_ignored"], 0, "{after}");
    let taken = capture.finish();
    // STATUS ENQUIRY from the agent, STATUS from the gatekeeper.
    let messages = taken
        .fields("q931", &["q931.message_type", "ip.src"])
        .unwrap();
    for (kind, from) in [
        ("0x75", crate::agent::own_address()),
        ("0x7d", "10.1.0.1".into()),
    ] {
        let found = messages.iter().any(|m| m[0] == kind && m[1] == from);
        assert!(found, "{kind}: {messages:?}");
    }
}

/// A gatekeeper that closes its connection and lives on is asked last, and taken again if nobody else is there.
#[test]
fn the_only_gatekeeper_is_asked_again() {
    let site = AgentSite::new(&[], "");
    let capture = site.capture();
    site.gk(1).reset_calls().unwrap();
    site.await_shown("the agent to recover", |a| {
        a["recoveries"] == 1 && a["connected_to"] == "10.1.0.1:1720"
    });
    let expected = [(Kind::Lightweight, 1), (Kind::Syn, 1)];
    assert_eq!(sent(&packets(capture), &ASKED), expected);
}
