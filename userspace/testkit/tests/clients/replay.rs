//! Captured answers in, captured requests out.

use std::time::Duration;

use rasline_h225::RasMessage;
use rasline_h225::security::Mechanism;
use rasline_testkit::clients::wire::{Frame, frame};
use rasline_testkit::clients::{Call, CallState, ChildGatekeeper, ChildSettings, Terminal};
use rasline_testkit::{Client, Credentials};

use crate::script::*;

fn no_prompt<C>(_: &mut C, _: Duration, _: &Frame) {}

#[test]
fn a_terminal_registers_keeps_alive_and_leaves() {
    let mut terminal = terminal(11, 46469, 8288);
    let frames = frames_of(terminal.address().ip(), &["ab-ep-ttl10", "c-unregister"]);
    let first = &frames[..frames.len() - 2];
    let sent = replay(&mut terminal, first, no_prompt);
    assert_eq!(seconds(&sent)[..5], [0, 0, 5, 10, 15]);
    assert_eq!(terminal.endpoint_identifier(), Some("1304234064_endp"));
    assert_eq!(terminal.time_to_live(), Some(10));

    let [urq, ucf] = &frames[frames.len() - 2..] else {
        panic!("two frames")
    };
    // Some keep-alives were not captured.
    let RasMessage::UnregistrationRequest(captured) =
        rasline_h225::decode_ras(&urq.octets).unwrap()
    else {
        panic!("a URQ")
    };
    let now = Duration::from_secs(1000);
    while next_seq(&terminal) != captured.request_seq_num {
        let due = terminal.next_due().unwrap();
        terminal.due(due);
        let request = terminal.take().pop().unwrap();
        let mut rcf = frame("ab-ep-ttl10", 6).octets.clone();
        rcf[2..4].copy_from_slice(&request.octets[2..4]);
        terminal.receive(due, request.to, &rcf);
    }
    terminal.leave(now);
    let datagrams = terminal.take();
    assert_eq!(datagrams[0].octets, urq.octets);
    terminal.receive(now, PARENT.parse().unwrap(), &ucf.octets);
    assert!(!terminal.registered());
    assert_eq!(terminal.next_due(), None);
}

/// One more than that of the last request.
fn next_seq(terminal: &Terminal) -> u16 {
    terminal.journal().last().unwrap().seq + 1
}

#[test]
fn a_rejected_terminal_registers_again_and_goes_to_the_alternate_of_a_dead_one() {
    let mut terminal = terminal(11, 36896, 53009);
    let frames = frames_of(terminal.address().ip(), &["d-rrj-fullreg", "f-failover"]);
    let sent = replay(&mut terminal, &frames, no_prompt);
    let rejected = sent.iter().position(|(_, _, message)| {
        matches!(message, RasMessage::RegistrationRequest(rrq)
            if rrq.keep_alive == Some(false) && !rrq.discovery_complete)
    });
    let again = rejected.unwrap();
    assert_eq!(sent[again].0, sent[again - 1].0 + Duration::from_millis(1));
    // The dead gatekeeper is asked twice, then its alternate, in every round.
    let to: Vec<_> = sent.iter().rev().map(|(_, to, _)| to.to_string()).collect();
    assert_eq!(to[..5], [PARENT, PARENT, ALTERNATE, PARENT, PARENT]);
    let times: Vec<_> = sent.iter().rev().map(|(at, ..)| at.as_secs()).collect();
    assert_eq!(times[0] - times[1], 3);
    assert_eq!(times[1] - times[2], 5);
    assert_eq!(times[2] - times[4], 6);
}

#[test]
fn a_call_is_asked_for_and_ended() {
    let call = |answered| Call {
        conference: guid("a410939ac3e3f111862ce6d78ce9115b"),
        identifier: guid("e209939ac3e3f111862ce6d78ce9115b"),
        reference: 13429,
        other: if answered { "ep1" } else { "5002" }.into(),
        from: answered.then(|| "10.77.0.1:30000".parse().unwrap()),
        answered,
        state: CallState::Asked,
    };
    for (host, port, seq) in [(11, 35570, 53895), (12, 48353, 62204)] {
        let mut terminal = terminal(host, port, seq);
        let frames = frames_of(terminal.address().ip(), &["e-routed-call"]);
        replay(
            &mut terminal,
            &frames,
            |terminal, now, frame| match rasline_h225::header(&frame.octets).unwrap().kind.name() {
                "ARQ" => {
                    terminal.admit(now, call(host == 12)).unwrap();
                }
                "DRQ" => terminal.hang_up(now, 0),
                _ => {}
            },
        );
        assert_eq!(terminal.calls()[0].state, CallState::Over);
    }
}

fn guid(hex: &str) -> [u8; 16] {
    rasline_testkit::messages::unhex(hex).try_into().unwrap()
}

#[test]
fn a_child_registers_keeps_alive_and_answers_irq() {
    let mut child = child();
    let frames = frames_of(child.address().ip(), &["ab-child-ttl10"]);
    let irq = frames
        .iter()
        .position(|one| one.octets[0] == 0x56)
        .expect("an IRQ");
    let sent = replay(&mut child, &frames, no_prompt);
    assert!(irq > 0);
    assert_eq!(seconds(&sent), [0, 0, 21, 42, 42, 63, 84, 105]);
}

#[test]
fn a_child_asks_for_less_and_less() {
    let mut child = ChildGatekeeper::new(ChildSettings {
        time_to_live: 120,
        ..child_settings()
    });
    let frames = frames_of(child.address().ip(), &["b-child-ttl120-ratchet"]);
    let sent = replay(&mut child, &frames, no_prompt);
    assert_eq!(seconds(&sent), [0, 0, 87, 150, 195, 237, 279, 321]);
}

#[test]
fn a_rejected_child_unregisters_and_moves() {
    let mut child = child();
    let frames = frames_of(child.address().ip(), &["d-rrj-fullreg", "f-failover"]);
    let sent = replay(&mut child, &frames, no_prompt);
    let to: Vec<_> = sent.iter().map(|(_, to, _)| to.to_string()).collect();
    assert_eq!(
        to[..6],
        [PARENT, PARENT, PARENT, PARENT, ALTERNATE, ALTERNATE]
    );
    let times = seconds(&sent);
    assert_eq!(times[4], times[3] + 1);
    // It stays there although its parent is back, or not.
    assert!(to[4..].iter().all(|to| to == ALTERNATE));
}

#[test]
fn a_child_leaves() {
    let mut child = child();
    let frames = frames_of(child.address().ip(), &["ab-child-ttl10"]);
    replay(&mut child, &frames, no_prompt);
    child.leave(Duration::from_secs(200));
    let urq = &frame("c-unregister", 5).octets;
    assert_eq!(child.take()[0].octets, *urq);
    child.receive(
        Duration::from_secs(200),
        PARENT.parse().unwrap(),
        &frame("c-unregister", 6).octets,
    );
    assert!(!child.registered());
    assert_eq!(child.next_due(), None);
}

#[test]
fn a_child_over_ipv6() {
    let mut settings = child_settings();
    settings.ras = "[fd77::3]:1719".parse().unwrap();
    settings.call_signal = "[fd77::3]:1720".parse().unwrap();
    settings.parent = "[fd77::1]:1719".parse().unwrap();
    settings.numbers.clear();
    settings.prefixes.clear();
    let mut child = ChildGatekeeper::new(settings);
    let frames = frames_of(child.address().ip(), &["g-ipv6-child"]);
    let sent = replay(&mut child, &frames, no_prompt);
    assert_eq!(seconds(&sent), [0, 0, 21, 42]);
}

#[test]
fn a_child_with_a_password() {
    let mut child = ChildGatekeeper::new(ChildSettings {
        credentials: Some(Credentials {
            mechanism: Mechanism::Md5,
            name: "ChildGK".into(),
            password: "secret".into(),
        }),
        unix: 1_795_230_382,
        ..child_settings()
    });
    let frames = frames_of(child.address().ip(), &["b-child-h235"]);
    let sent = replay(&mut child, &frames, no_prompt);
    assert_eq!(seconds(&sent), [0, 0, 21, 42, 63]);
}
