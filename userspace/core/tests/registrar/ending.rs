//! Calls that nobody ends, and registrations in calls.

use rasline_core::registrar::{Event, Input, Output};
use rasline_h225::types::{DisengageReason, RasMessage};

use crate::registrar::calls::*;
use crate::registrar::world::*;

/// Two in a call.
fn in_call() -> (World, String, String) {
    let mut long = profile();
    long.time_to_live.default = 6000;
    long.time_to_live.max = 6000;
    let mut world = World::with(long);
    let (alice, bob) = (world.register(1, "alice"), world.register(2, "bob"));
    world.admitted(1, arq(1, &alice, 5, &["bob"]));
    world.admitted(2, answering(1, &bob, 5));
    (world, alice, bob)
}

/// An IRR that names call 5: a real one, with what counts replaced.
fn report(seq: u16, n: u8, eid: &str) -> RasMessage {
    let mut irr = irr(seq, n, eid);
    irr.per_call_info = Some(vec![call_info(5)].into());
    RasMessage::InfoRequestResponse(irr)
}

pub fn call_info(call: u8) -> rasline_h225::types::InfoRequestResponsePerCallInfoItem {
    let template = TEMPLATE.lock().unwrap().clone();
    let mut info = template.per_call_info.unwrap().remove(0);
    info.conference_id = vec![call; 16].into();
    info.call_reference_value = u16::from(call);
    info.call_identifier = Some(call_identifier(call));
    info
}

static TEMPLATE: std::sync::LazyLock<std::sync::Mutex<rasline_h225::types::InfoRequestResponse>> =
    std::sync::LazyLock::new(|| {
        let text = std::fs::read_to_string(format!(
            "{}/../../tests/vectors/synthetic.txt",
            env!("CARGO_MANIFEST_DIR")
        ))
        .unwrap();
        let octets = |line: &str| -> Vec<u8> {
            let octet = |i| u8::from_str_radix(&line[i..i + 2], 16).unwrap();
            (0..line.len()).step_by(2).map(octet).collect()
        };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut irrs = lines.filter_map(|line| match rasline_h225::decode_ras(&octets(line)) {
            Ok(RasMessage::InfoRequestResponse(irr)) if irr.per_call_info.is_some() => Some(irr),
            _ => None,
        });
        std::sync::Mutex::new(irrs.next().expect("an IRR with a call"))
    });

#[test]
fn a_call_that_is_reported_goes_on() {
    let (mut world, alice, bob) = in_call();
    for seq in 10..30 {
        world.pass(60 * SECOND);
        let who = if seq % 2 == 0 { (1, &alice) } else { (2, &bob) };
        world.message(ras(who.0), &report(seq, who.0, who.1));
    }
    assert_eq!(world.calls(), 1);
}

#[test]
fn a_call_that_is_not_is_asked_for_and_ended() {
    let (mut world, ..) = in_call();
    assert!(world.pass(129 * SECOND).is_empty());
    let out = world.pass(SECOND);
    assert_eq!(kinds(&out), ["IRQ", "IRQ"]);
    assert!(sent(&out).iter().all(|(_, one)| match one {
        RasMessage::InfoRequest(irq) =>
            irq.call_reference_value == 5 && irq.call_identifier == Some(call_identifier(5)),
        _ => false,
    }));
    assert_eq!(kinds(&world.pass(3 * SECOND)), ["IRQ", "IRQ"]);
    let out = world.pass(3 * SECOND);
    assert!(
        matches!(&events(&out)[..], [Event::CallEnded { seconds: 136, .. }]),
        "{out:?}"
    );
    assert_eq!((world.calls(), world.bandwidth()), (0, 0));
    assert_eq!(world.views().len(), 2);
}

#[test]
fn who_knows_nothing_of_it_is_out_of_it() {
    let (mut world, alice, bob) = in_call();
    let out = world.pass(130 * SECOND);
    let seqs: Vec<_> = sent(&out)
        .iter()
        .map(|(_, one)| one.request_seq_num())
        .collect();
    let nothing = RasMessage::InfoRequestResponse(irr(seqs[0], 1, &alice));
    world.message(ras(1), &nothing);
    assert_eq!((world.calls(), world.views()[0].calls), (1, 0));
    // The other one answers late, that it goes on.
    world.message(ras(2), &report(seqs[1], 2, &bob));
    assert!(world.pass(100 * SECOND).is_empty());
    assert_eq!(world.calls(), 1);
}

#[test]
fn no_expiry_in_a_call_that_somebody_reports() {
    let mut world = World::new();
    let (alice, bob) = (world.register(1, "alice"), world.register(2, "bob"));
    world.admitted(1, arq(1, &alice, 5, &["bob"]));
    world.admitted(2, answering(1, &bob, 5));
    // Alice is silent, Bob reports.
    for seq in 10..30 {
        world.pass(50 * SECOND);
        world.message(ras(2), &report(seq, 2, &bob));
    }
    assert_eq!((world.views().len(), world.calls()), (2, 1));
    // Then nobody does: both go, and the call.
    world.pass(400 * SECOND);
    assert_eq!((world.views().len(), world.calls()), (0, 0));
}

#[test]
fn who_leaves_leaves_its_calls() {
    let (mut world, alice, bob) = in_call();
    world.urq(1, &alice);
    assert_eq!(world.calls(), 1);
    world.urq(2, &bob);
    assert_eq!((world.calls(), world.bandwidth()), (0, 0));
}

#[test]
fn the_calls_of_one_who_is_dropped_are_ended() {
    let (mut world, ..) = in_call();
    let id = world.views()[0].id;
    let out = world.input(Input::Drop { id });
    assert_eq!(kinds(&out), ["DRQ", "DRQ", "URQ"]);
    let RasMessage::DisengageRequest(drq) = &sent(&out)[1].1 else {
        panic!()
    };
    assert_eq!(drq.disengage_reason, DisengageReason::ForcedDrop);
    assert_eq!(drq.answered_call, Some(true));
    assert_eq!(world.calls(), 0);
    // Bob does not confirm: twice more. Nor does Alice.
    let out = world.pass(20 * SECOND);
    assert_eq!(kinds(&out).iter().filter(|kind| **kind == "DRQ").count(), 4);
    assert_eq!(kinds(&out).iter().filter(|kind| **kind == "URQ").count(), 1);
}

#[test]
fn reports_are_acknowledged_if_that_is_wanted() {
    let mut world = World::new();
    let alice = world.register(1, "alice");
    let mut asks = |n, eid: &str, seq| {
        let mut irr = irr(seq, n, eid);
        irr.need_response = Some(true);
        world
            .asked(ras(n), &RasMessage::InfoRequestResponse(irr))
            .kind()
            .name()
    };
    assert_eq!(asks(1, &alice, 1), "IACK");
    assert_eq!(asks(1, "nobody", 2), "INAK");
    assert_eq!(asks(2, &alice, 3), "INAK");
    let quiet = RasMessage::InfoRequestResponse(irr(4, 1, &alice));
    assert!(world.message(ras(1), &quiet).is_empty());
}

/// Once the endpoint has its UCF, a keep-alive of its own that is still under way must find nobody who confirms it.
#[test]
fn the_kernel_confirms_nothing_after_a_ucf() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    world.keep_alive(1, &eid);
    assert!(world.only().published);
    let urq = world.own_urq(1, &eid);
    let out = world.message(ras(1), &urq);
    let withdrawn = out
        .iter()
        .position(|output| matches!(output, Output::Withdraw { .. }));
    let answered = out
        .iter()
        .position(|output| matches!(output, Output::Send { .. }));
    assert!(withdrawn.expect("withdrawn") < answered.expect("answered"));
}
