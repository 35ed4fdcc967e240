//! Replays what gatekeepers said in a capture, and compares what the client sends with what was captured.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rasline_h225::{RasKind, RasMessage, decode_ras, header};
use rasline_testkit::clients::wire::{self, Frame};
use rasline_testkit::clients::{ChildGatekeeper, ChildSettings, Terminal, TerminalSettings};
use rasline_testkit::{Client, messages::hex};

/// The gatekeeper of all captures.
pub const PARENT: &str = "10.77.0.1:1719";
/// Its alternate.
pub const ALTERNATE: &str = "10.77.0.2:1719";

/// The terminal of the captures.
pub fn terminal(host: u8, port: u16, first_seq: u16) -> Terminal {
    let ip: IpAddr = [10, 77, 0, host].into();
    Terminal::new(TerminalSettings {
        ras: SocketAddr::new(ip, port),
        call_signal: SocketAddr::new(ip, 1720),
        aliases: vec![format!("ep{}", host - 10), format!("500{}", host - 10)],
        gatekeeper: PARENT.parse().unwrap(),
        first_seq,
        credentials: None,
        unix: 0,
    })
}

/// What the child gatekeeper of the captures was configured as.
pub fn child_settings() -> ChildSettings {
    let ip: IpAddr = [10, 77, 0, 3].into();
    ChildSettings {
        ras: SocketAddr::new(ip, 1719),
        call_signal: SocketAddr::new(ip, 1720),
        name: "ChildGK".into(),
        numbers: vec!["188600".into()],
        prefixes: vec!["1886".into()],
        parent: PARENT.parse().unwrap(),
        time_to_live: 10,
        credentials: None,
        unix: 0,
    }
}

/// That child.
pub fn child() -> ChildGatekeeper {
    ChildGatekeeper::new(child_settings())
}

/// The frames of these captures, one after the other, that `host` sent, or that answer it, or ask it (IRQ with a number
/// below 100: the gatekeeper's own; terminals in these captures got none).
pub fn frames_of(host: IpAddr, captures: &[&str]) -> Vec<Frame> {
    let mut asked = Vec::new();
    let all = captures.iter().flat_map(|name| wire::capture(name));
    all.filter(|frame| {
        let header = header(&frame.octets).unwrap();
        if frame.from == host {
            asked.push(header.seq);
            return true;
        }
        match header.kind {
            RasKind::InfoRequest => host.to_string().ends_with(".3"),
            RasKind::GatekeeperConfirm
            | RasKind::RegistrationConfirm
            | RasKind::RegistrationReject
            | RasKind::UnregistrationConfirm
            | RasKind::UnregistrationReject
            | RasKind::AdmissionConfirm
            | RasKind::DisengageConfirm => asked.contains(&header.seq),
            _ => false,
        }
    })
    .cloned()
    .collect()
}

/// Runs the client; `prompt` is asked before each captured message of the client that it does not send by itself or by
/// its timers. Gives back each message that it sent, when, and to whom.
pub fn replay<C: Client>(
    client: &mut C,
    frames: &[Frame],
    mut prompt: impl FnMut(&mut C, Duration, &Frame),
) -> Vec<(Duration, SocketAddr, RasMessage)> {
    let host = client.address().ip();
    let mut now = Duration::ZERO;
    let mut sent = Vec::new();
    let mut outgoing = std::collections::VecDeque::new();
    client.start(now);
    for frame in frames {
        outgoing.extend(client.take());
        if frame.from != host {
            now += Duration::from_millis(1);
            client.receive(now, SocketAddr::new(frame.from, 1719), &frame.octets);
            continue;
        }
        if outgoing.is_empty() {
            prompt(client, now, frame);
            outgoing.extend(client.take());
        }
        if outgoing.is_empty() {
            now = client.next_due().unwrap_or_else(|| {
                panic!("frame {}: nothing to come", frame.number);
            });
            client.due(now);
            outgoing.extend(client.take());
        }
        let datagram = outgoing
            .pop_front()
            .unwrap_or_else(|| panic!("frame {}: not sent", frame.number));
        same(frame, &datagram.octets);
        sent.push((now, datagram.to, decode_ras(&datagram.octets).unwrap()));
    }
    outgoing.extend(client.take());
    assert!(outgoing.is_empty(), "not captured: {outgoing:?}");
    sent
}

/// Octet for octet, and field by field for people.
fn same(frame: &Frame, octets: &[u8]) {
    let (captured, ours) = (
        decode_ras(&frame.octets).unwrap(),
        decode_ras(octets).unwrap(),
    );
    assert_eq!(ours, captured, "frame {}", frame.number);
    assert_eq!(hex(octets), hex(&frame.octets), "frame {}", frame.number);
}

/// Seconds, whole ones.
pub fn seconds<T, U>(sent: &[(Duration, T, U)]) -> Vec<u64> {
    sent.iter().map(|(at, ..)| at.as_secs()).collect()
}
