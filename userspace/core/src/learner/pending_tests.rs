//! The table of waiting requests: each arrow of its diagram, and its bounds.

use super::*;

const NOW: Time = Time(1_000_000_000);

fn source(port: u16) -> Source {
    (0, SocketAddr::from(([192, 0, 2, 1], port)))
}

fn keep_alive(port: u16, seq: u16, eid: Option<&str>) -> Request {
    Request {
        zone: 0,
        source: source(port),
        seq,
        endpoint_identifier: eid.map(str::to_owned),
        secured: false,
        asked: Asked::KeepAlive(eid.unwrap_or_default().as_bytes().into()),
    }
}

fn full(port: u16, seq: u16, eid: Option<&str>) -> Request {
    let asked = Asked::Register {
        rrq: None,
        aliases: Vec::new(),
        call_signal_addresses: Vec::new(),
    };
    Request {
        asked,
        ..keep_alive(port, seq, eid)
    }
}

fn urq(port: u16, seq: u16) -> Request {
    Request {
        asked: Asked::Unregister,
        ..keep_alive(port, seq, Some("e"))
    }
}

fn filled(requests: impl IntoIterator<Item = Request>) -> Pendings {
    let mut table = Pendings::default();
    for request in requests {
        table.insert(NOW, 1000, request);
    }
    table
}

#[test]
fn insert_and_confirm() {
    let mut table = filled([keep_alive(1, 7, Some("e"))]);
    assert!(table.confirmed(source(2), 7, "e").is_none());
    assert!(table.confirmed(source(1), 8, "e").is_none());
    assert!(table.confirmed(source(1), 7, "f").is_none());
    let (at, request) = table.confirmed(source(1), 7, "e").unwrap();
    assert_eq!((at, request.seq), (NOW, 7));
    assert!(table.confirmed(source(1), 7, "e").is_none());
    assert_eq!((table.len(), table.sources.len()), (0, 0));
}

#[test]
fn a_retransmission_waits_once() {
    let mut table = filled([keep_alive(1, 7, Some("e"))]);
    assert_eq!(
        table.insert(NOW, 1000, keep_alive(1, 7, Some("e"))),
        Inserted::Repeated
    );
    assert_eq!(table.len(), 1);
}

#[test]
fn one_number_two_registrations() {
    let mut table = filled([keep_alive(1, 7, Some("a")), keep_alive(1, 7, Some("b"))]);
    let (_, b) = table.confirmed(source(1), 7, "b").unwrap();
    let (_, a) = table.confirmed(source(1), 7, "a").unwrap();
    assert_eq!(
        (
            a.endpoint_identifier.as_deref(),
            b.endpoint_identifier.as_deref()
        ),
        (Some("a"), Some("b"))
    );
}

#[test]
fn unnamed_only_if_it_is_the_only_one() {
    let mut table = filled([keep_alive(1, 7, None), keep_alive(1, 7, Some("b"))]);
    assert!(table.confirmed(source(1), 7, "a").is_some());
    let mut table = filled([keep_alive(1, 7, None), full(1, 7, None)]);
    assert!(table.confirmed(source(1), 7, "a").is_none());
}

#[test]
fn a_full_rrq_may_be_granted_another_identifier_a_keep_alive_not() {
    let mut table = filled([full(1, 7, Some("old"))]);
    assert!(table.confirmed(source(1), 7, "new").is_some());
    let mut table = filled([keep_alive(1, 7, Some("old"))]);
    assert!(table.confirmed(source(1), 7, "new").is_none());
}

#[test]
fn rejections_take_rrqs_and_unregistrations_stay() {
    let mut table = filled([keep_alive(1, 7, Some("e")), urq(1, 7)]);
    assert_eq!(table.unregistered(source(1), 7), [urq(1, 7)]);
    assert_eq!(table.rejected(source(1), 7), [keep_alive(1, 7, Some("e"))]);
    assert!(table.rejected(source(1), 7).is_empty());
    assert_eq!(table.unregistered(source(1), 7), [urq(1, 7)]);
    assert!(table.confirmed(source(1), 7, "e").is_none());
}

#[test]
fn expires_oldest_first() {
    let mut table = filled([keep_alive(1, 7, None)]);
    table.insert(
        NOW.after(Duration::from_secs(1)),
        1000,
        keep_alive(2, 8, None),
    );
    assert!(table.expired(Time(NOW.after(WAIT).0 - 1)).is_none());
    assert_eq!(table.expired(NOW.after(WAIT)).unwrap().seq, 7);
    assert!(table.expired(NOW.after(WAIT)).is_none());
    assert_eq!(table.len(), 1);
}

#[test]
fn bounds() {
    let mut table = Pendings::default();
    for port in 0..5000 {
        for seq in 0..3 {
            table.insert(NOW, 100, keep_alive(port, seq, None));
            assert!(table.len() <= 100 && table.sources.len() <= 100);
        }
    }
    let mut table = filled((0..16).map(|seq| keep_alive(1, seq, None)));
    assert_eq!(
        table.insert(NOW, 1000, keep_alive(1, 99, None)),
        Inserted::EvictedSource
    );
    assert_eq!(table.len(), PER_SOURCE);
    assert!(table.confirmed(source(1), 0, "e").is_none());
    assert!(table.confirmed(source(1), 99, "e").is_some());
    assert_eq!(
        table.insert(NOW, 10, keep_alive(2, 1, None)),
        Inserted::Evicted
    );
    assert_eq!(table.len(), 10);
}
