//! The clients on sockets, against a gatekeeper in the same namespace.

use std::time::Duration;

use rasline_testkit::clients::{CallState, ChildGatekeeper, ChildSettings, Way};
use rasline_testkit::clients::{Terminal, TerminalSettings};
use rasline_testkit::{Client, FakeGatekeeper, Netns, Policy, Running, What, wait};

use crate::script::child_settings;

const SOON: Duration = wait::PATIENCE;

#[test]
fn both_register_with_a_gatekeeper_call_and_leave() {
    let netns = Netns::new("clients").unwrap();
    netns.ip("link set lo up").unwrap();
    let gatekeeper = "127.0.0.1:1719".parse().unwrap();
    let policy = Policy {
        time_to_live: 6,
        ..Policy::default()
    };
    let fake = FakeGatekeeper::start(&netns, gatekeeper, policy).unwrap();
    let terminal = Terminal::new(TerminalSettings {
        ras: "127.0.0.2:1719".parse().unwrap(),
        call_signal: "127.0.0.2:1720".parse().unwrap(),
        aliases: vec!["ep1".into(), "5001".into()],
        gatekeeper,
        first_seq: 65_535,
        credentials: None,
        unix: 0,
    });
    let child = ChildGatekeeper::new(ChildSettings {
        ras: "127.0.0.3:1719".parse().unwrap(),
        call_signal: "127.0.0.3:1720".parse().unwrap(),
        parent: gatekeeper,
        ..child_settings()
    });
    let terminal = Running::start(&netns, terminal).unwrap();
    let child = Running::start(&netns, child).unwrap();
    assert_eq!(terminal.registered(SOON).unwrap(), gatekeeper);
    assert_eq!(child.registered(SOON).unwrap(), gatekeeper);

    let call = terminal
        .tell(|terminal, now| terminal.call(now, "5002"))
        .unwrap();
    let admitted = |terminal: &Terminal| match &terminal.calls()[call].state {
        CallState::Admitted { to } => *to,
        _ => None,
    };
    let to = terminal.wait("an ACF", SOON, admitted).unwrap();
    assert_eq!(to.port(), 1720);
    terminal.tell(|terminal, now| terminal.hang_up(now, call));
    terminal
        .wait("a DCF", SOON, |terminal| {
            (terminal.calls()[call].state == CallState::Over).then_some(())
        })
        .unwrap();

    let eid = child.see(|child| child.endpoint_identifier().map(str::to_owned));
    fake.inquire(&eid.unwrap()).unwrap();
    fake.await_seen(1, SOON, |seen| seen.what == What::Irr)
        .unwrap();
    // timeToLive 6: a keep-alive a second later, by itself.
    fake.await_seen(1, SOON, |seen| seen.what == What::KeepAlive)
        .unwrap();
    // Before it leaves: then it may forget a keep-alive whose answer is still to come.
    let ignored = |entry: &rasline_testkit::clients::Entry| matches!(entry.way, Way::Ignored(_));
    assert!(!terminal.see(|one| one.journal().iter().any(ignored)));
    terminal.tell(Terminal::leave);
    child.tell(ChildGatekeeper::leave);
    terminal
        .wait("a UCF", SOON, |one| (!one.registered()).then_some(()))
        .unwrap();
    child
        .wait("a UCF", SOON, |one| (!one.registered()).then_some(()))
        .unwrap();
}
