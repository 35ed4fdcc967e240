//! The controller is killed during a call that rasline admitted, or passed on, and starts again: nobody in the call
//! notices, and neither does the gatekeeper.

use std::time::{Duration, Instant};

use rasline_h225::{
    RasMessage, encode_ras, text,
    types::{
        AdmissionRequest, BandwidthRequest, CallIdentifier, DisengageConfirm, DisengageReason,
        DisengageRequest, InfoRequest,
    },
};
use rasline_testkit::{Controller, Endpoint, FakeGatekeeper, Reply, What, wait};
use serde_json::{Value, json};

use crate::{
    own::{Own, await_stored, registrar},
    proxy::Proxied,
    scene::SOON,
};

const CALL: [u8; 16] = [0x5a; 16];
const REFERENCE: u16 = 77;

/// Sends it, gives what is answered.
fn ask(endpoint: &mut Endpoint, message: &RasMessage) -> RasMessage {
    endpoint.send(&encode_ras(message).unwrap()).unwrap();
    let seq = message.request_seq_num();
    let reply: Option<Reply> = endpoint.answer_within(seq, SOON).unwrap();
    reply.expect("an answer").message().unwrap()
}

/// Asks for admission: of a call to these digits, or of one that came in.
fn admit(endpoint: &mut Endpoint, seq: u16, to: Option<&str>) -> RasMessage {
    let eid = text::to_bmp(endpoint.eid()).unwrap();
    let mut arq = AdmissionRequest::new(seq, eid, 1280, REFERENCE, CALL.to_vec().into());
    arq.call_identifier = Some(CallIdentifier::new(CALL));
    arq.destination_info = to.map(|to| vec![rasline_h225::messages::alias(to).unwrap()].into());
    arq.answer_call = to.is_none();
    ask(endpoint, &RasMessage::AdmissionRequest(arq))
}

fn change(endpoint: &mut Endpoint, seq: u16, bandwidth: u32) -> RasMessage {
    let eid = text::to_bmp(endpoint.eid()).unwrap();
    let mut brq = BandwidthRequest::new(seq, eid, CALL.to_vec().into(), REFERENCE, bandwidth);
    brq.call_identifier = Some(CallIdentifier::new(CALL));
    ask(endpoint, &RasMessage::BandwidthRequest(brq))
}

fn hang_up(endpoint: &mut Endpoint, seq: u16) -> RasMessage {
    let eid = text::to_bmp(endpoint.eid()).unwrap();
    let why = DisengageReason::NormalDrop;
    let mut drq = DisengageRequest::new(seq, eid, CALL.to_vec().into(), REFERENCE, why);
    drq.call_identifier = Some(CallIdentifier::new(CALL));
    ask(endpoint, &RasMessage::DisengageRequest(drq))
}

/// What the only zone serves, once `like` holds.
fn serving(controller: &Controller, like: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = wait::until("the calls to be shown", SOON, || {
        last = controller.json(&["status"])?["zones"][0]["serving"].clone();
        Ok(like(&last).then(|| last.clone()))
    });
    found.unwrap_or_else(|e| panic!("{e}: {last}"))
}

#[test]
fn a_call_outlives_the_controller() {
    let mut own = Own::new(&registrar("endpoint_ttl = \"60s\""));
    let (mut caller, mut other) = (own.registered(1), own.registered(2));
    let started = Instant::now();
    let acf = admit(&mut caller, 9001, Some("5002"));
    assert!(matches!(acf, RasMessage::AdmissionConfirm(_)), "{acf:?}");
    let acf = admit(&mut other, 9001, None);
    assert!(matches!(acf, RasMessage::AdmissionConfirm(_)), "{acf:?}");
    let call = own.await_event("call_started", "5002")["call"].clone();
    assert_eq!(call, json!("5a".repeat(16)));
    await_stored(&own.controller);
    own.controller.kill().unwrap();
    own.controller.start_again(&own.net).unwrap();
    let shown = serving(&own.controller, |s| {
        s["calls"] == 1 && s["registrations"] == 2
    });
    assert_eq!(
        (&shown["restored_calls"], &shown["lost_calls"]),
        (&json!(1), &json!(0))
    );
    let of_caller = own.shown(&caller, |_| true)["endpoint_identifier"].clone();
    assert_eq!(of_caller, json!(caller.eid()));
    own.shown(&other, |_| true);
    // What is asked of it is answered as before: a call that is not known has no bandwidth to change.
    let bcf = change(&mut caller, 9002, 640);
    assert!(matches!(bcf, RasMessage::BandwidthConfirm(_)), "{bcf:?}");
    let dcf = hang_up(&mut caller, 9003);
    assert!(matches!(dcf, RasMessage::DisengageConfirm(_)), "{dcf:?}");
    // The other one is in it still; killed again, that is known.
    await_stored(&own.controller);
    own.controller.kill().unwrap();
    own.controller.start_again(&own.net).unwrap();
    serving(&own.controller, |s| s["calls"] == 1);
    wait::until_true("the call to last a while", SOON, || {
        Ok(started.elapsed() >= Duration::from_secs(2))
    })
    .unwrap();
    let dcf = hang_up(&mut other, 9004);
    assert!(matches!(dcf, RasMessage::DisengageConfirm(_)), "{dcf:?}");
    let ended = own.await_event("call_ended", "5a5a");
    assert_eq!(ended["call"], call);
    let seconds = ended["seconds"].as_u64().unwrap();
    // It was admitted after `started`, by clocks that are read in whole seconds.
    let most = started.elapsed().as_secs() + 1;
    assert!((1..=most).contains(&seconds), "{seconds}, {most} at most");
    serving(&own.controller, |s| {
        s["calls"] == 0 && s["registrations"] == 2
    });
    // Nothing of it is left at the next start.
    await_stored(&own.controller);
    own.controller.kill().unwrap();
    own.controller.start_again(&own.net).unwrap();
    let shown = serving(&own.controller, |s| s["registrations"] == 2);
    assert_eq!(
        (
            &shown["calls"],
            &shown["restored_calls"],
            &shown["lost_calls"]
        ),
        (&json!(0), &json!(0), &json!(0))
    );
}

/// The gatekeeper asks, as often as need be, until the endpoint hears it; its numbers for that, and what came.
fn asked(
    gatekeeper: &FakeGatekeeper,
    eid: &str,
    request: &RasMessage,
    endpoint: &mut Endpoint,
) -> (Vec<u16>, Reply) {
    let mut numbers = Vec::new();
    let heard = wait::until("the gatekeeper's request", SOON, || {
        numbers.push(gatekeeper.ask(eid, request.clone())?);
        let came = endpoint.unasked(Duration::from_millis(200)).ok();
        Ok(came.filter(|reply| reply.message().is_ok_and(|m| m.kind() == request.kind())))
    });
    (numbers, heard.unwrap())
}

/// Waits for the answer to one of these.
fn answered(gatekeeper: &FakeGatekeeper, what: What, numbers: &[u16], eid: Option<&str>) {
    let like = |seen: &rasline_testkit::Seen| {
        seen.what == what && numbers.contains(&seen.seq) && seen.eid.as_deref() == eid
    };
    gatekeeper.await_seen(1, SOON, like).unwrap();
}

/// Of endpoints 1 and 2, the second one is in a call.
fn a_call_that_is_passed_on_outlives_the_controller(lines: &str) {
    let mut proxied = Proxied::new(lines);
    let (mut other, mut caller) = (proxied.registered(1), proxied.registered(2));
    let acf = admit(&mut caller, 9001, Some("5009"));
    assert!(matches!(acf, RasMessage::AdmissionConfirm(_)), "{acf:?}");
    await_stored(&proxied.controller);
    proxied.controller.kill().unwrap();
    proxied.controller.start_again(&proxied.net).unwrap();
    let shown = serving(&proxied.controller, |s| s["calls"] == 1);
    assert_eq!(
        (&shown["restored_calls"], &shown["lost_calls"]),
        (&json!(1), &json!(0))
    );
    let gatekeeper = &proxied.gatekeepers[0];
    let log = gatekeeper.log();
    let arq = log.iter().find(|seen| seen.what == What::Arq);
    let upstream = arq.and_then(|seen| seen.eid.clone()).unwrap();
    let mut irq = InfoRequest::new(1, REFERENCE);
    irq.call_identifier = Some(CallIdentifier::new(CALL));
    let irq = RasMessage::InfoRequest(irq);
    let (numbers, irq) = asked(gatekeeper, &upstream, &irq, &mut caller);
    // Nobody answers in its place.
    assert_eq!(gatekeeper.count(|seen| seen.what == What::Irr), 0);
    caller.inform(&irq).unwrap();
    answered(gatekeeper, What::Irr, &numbers, Some(&upstream));
    let (eid, why) = (
        text::to_bmp(&upstream).unwrap(),
        DisengageReason::ForcedDrop,
    );
    let mut drq = DisengageRequest::new(1, eid, CALL.to_vec().into(), REFERENCE, why);
    drq.call_identifier = Some(CallIdentifier::new(CALL));
    let drq = RasMessage::DisengageRequest(drq);
    let (numbers, drq) = asked(gatekeeper, &upstream, &drq, &mut caller);
    let RasMessage::DisengageRequest(drq) = drq.message().unwrap() else {
        panic!("{drq:?}")
    };
    assert_eq!(text::from_bmp(&drq.endpoint_identifier), caller.eid());
    let dcf = DisengageConfirm::new(drq.request_seq_num);
    let dcf = RasMessage::DisengageConfirm(dcf);
    caller.send(&encode_ras(&dcf).unwrap()).unwrap();
    answered(gatekeeper, What::Dcf, &numbers, None);
    serving(&proxied.controller, |s| s["calls"] == 0);
    assert!(other.unasked(Duration::from_millis(10)).is_err());
}

#[test]
fn a_call_through_a_proxy_outlives_the_controller() {
    a_call_that_is_passed_on_outlives_the_controller("");
}

#[test]
fn a_call_through_an_aggregate_outlives_the_controller() {
    a_call_that_is_passed_on_outlives_the_controller("upstream = \"aggregate\"");
}
