//! rasline as the gatekeeper of a zone: registration, keep-alives in the kernel, admission, location, expiry, restart.

use rasline_h225::{
    RasMessage, encode_ras,
    security::{self, Key, Mechanism},
    text,
    types::{LocationRequest, RegistrationRejectReason},
};
use rasline_testkit::{Capture, Endpoint, topology};
use serde_json::json;

use crate::{
    own::{Own, await_stored, destination, import, registrar},
    scene::{BRIEFLY, SOON, ras},
};

#[test]
fn registers_and_is_kept_alive_in_the_kernel() {
    let own = Own::new(&registrar("endpoint_ttl = \"60s\""));
    let capture = Capture::start(&own.net.endpoints, "ep0").unwrap();
    let mut endpoint = own.endpoint(1);
    let gcf = endpoint.discover(SOON).unwrap();
    assert!(matches!(
        gcf.message().unwrap(),
        RasMessage::GatekeeperConfirm(_)
    ));
    let rcf = endpoint.register(SOON).unwrap();
    assert_eq!(
        (rcf.from, rcf.time_to_live()),
        (ras(topology::SERVICE), Some(60))
    );
    let eid = endpoint.eid().to_owned();
    own.kept_by_kernel(&mut endpoint);
    // The same octets, whoever answers.
    let by_kernel = endpoint.keep_alive(SOON).unwrap().unwrap();
    assert_eq!(
        (by_kernel.from, by_kernel.time_to_live()),
        (ras(topology::SERVICE), Some(60))
    );
    let shown = own.shown(&endpoint, |r| r["answered_by"] == "kernel");
    assert_eq!(
        (&shown["zone"], &shown["gatekeeper"], &shown["aliases"]),
        (&json!("site"), &json!("rasline"), &json!(["ep1", "5001"]))
    );
    let zones = own.controller.json(&["zone", "list"]).unwrap();
    assert_eq!(
        (&zones[0]["known"], &zones[0]["answered"]),
        (&json!(1), &json!(1))
    );
    own.await_event("endpoint_registered", &eid);
    // It leaves: nobody answers for it any more.
    endpoint.unregister(SOON).unwrap();
    let zones = own.controller.json(&["zone", "list"]).unwrap();
    assert_eq!(
        (&zones[0]["known"], &zones[0]["answered"]),
        (&json!(0), &json!(0))
    );
    let refused = endpoint.keep_alive(SOON).unwrap().unwrap();
    assert!(refused.is_rrj(), "{refused:?}");
    own.await_event("endpoint_unregistered", &eid);
    capture.finish().all_is_well(false).unwrap();
}

/// What the keep-alives of an endpoint look like is known from another one of its make.
#[test]
fn the_very_first_keep_alive_is_answered_in_the_kernel() {
    let own = Own::new(&registrar("endpoint_ttl = \"60s\""));
    own.kept_by_kernel(&mut own.registered(1));
    for n in 2..5 {
        let mut endpoint = own.registered(n);
        own.shown(&endpoint, |r| r["answered_by"] == "kernel");
        let reply = endpoint.keep_alive(SOON).unwrap().unwrap();
        assert!(reply.is_rcf(), "{reply:?}");
        own.shown(&endpoint, |r| r["answered"] == 1);
    }
}

#[test]
fn calls_are_admitted_and_signalled_directly() {
    let own = Own::new(&registrar(""));
    let (mut caller, other) = (own.registered(1), own.registered(2));
    let acf = caller.admit(SOON).unwrap();
    assert!(acf.is_acf(), "{acf:?}");
    assert_eq!(destination(&acf).ip(), other.address().ip());
    own.await_event("call_started", "5002");
    caller.disengage(SOON).unwrap();
    own.await_event("call_ended", "");
    let mut stranger = own.registered(3);
    stranger.unregister(SOON).unwrap();
    let arj = stranger.admit(SOON).unwrap();
    assert!(arj.is_arj(), "{arj:?}");
}

/// An LRQ for these digits from an endpoint's address; the answer.
fn locate(own: &Own, from: &mut Endpoint, digits: &str) -> RasMessage {
    let mut lrq = LocationRequest::new(777, text::to_transport(from.address()));
    lrq.endpoint_identifier = Some(text::to_bmp(from.eid()).unwrap());
    lrq.destination_info = vec![rasline_h225::messages::alias(digits).unwrap()].into();
    from.send(&encode_ras(&RasMessage::LocationRequest(lrq)).unwrap())
        .unwrap();
    let reply = from.answer_within(777, SOON).unwrap();
    let reply = reply.unwrap_or_else(|| panic!("no answer:\n{}", own.controller.log()));
    reply.message().unwrap()
}

#[test]
fn registered_ones_are_located() {
    let own = Own::new(&registrar(""));
    let (mut one, two) = (own.registered(1), own.registered(2));
    let RasMessage::LocationConfirm(lcf) = locate(&own, &mut one, "5002") else {
        panic!("no LCF");
    };
    let at = text::from_transport(&lcf.call_signal_address).unwrap();
    assert_eq!(at.ip(), two.address().ip());
    assert!(matches!(
        locate(&own, &mut one, "5999"),
        RasMessage::LocationReject(_)
    ));
}

#[test]
fn who_falls_silent_is_asked_and_then_unregistered() {
    let own = Own::new(&registrar("endpoint_ttl = \"2s\""));
    let mut endpoint = own.registered(1);
    own.kept_by_kernel(&mut endpoint);
    let asked = endpoint.unasked(SOON).unwrap();
    assert!(
        matches!(asked.message().unwrap(), RasMessage::InfoRequest(_)),
        "{asked:?}"
    );
    // Who answers stays.
    endpoint.inform(&asked).unwrap();
    let again = endpoint.unasked(SOON).unwrap();
    assert!(
        matches!(again.message().unwrap(), RasMessage::InfoRequest(_)),
        "{again:?}"
    );
    let urq = loop {
        let next = endpoint.unasked(SOON).unwrap();
        match next.message().unwrap() {
            RasMessage::InfoRequest(_) => {}
            RasMessage::UnregistrationRequest(urq) => break urq,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        urq.endpoint_identifier
            .map(|e| text::from_bmp(&e))
            .as_deref(),
        Some(endpoint.eid())
    );
    assert!(urq.gatekeeper_identifier.is_some());
    own.await_event("endpoint_unregistered", "expired");
    let refused = endpoint.keep_alive(SOON).unwrap().unwrap();
    assert!(refused.is_rrj(), "{refused:?}");
}

#[test]
fn a_restart_loses_nobody() {
    let mut own = Own::new(&registrar("endpoint_ttl = \"60s\""));
    let mut one = own.registered(1);
    own.kept_by_kernel(&mut one);
    let mut two = own.registered(2);
    let eid = two.eid().to_owned();
    // What is registered is written within a second or so.
    await_stored(&own.controller);
    own.controller.kill().unwrap();
    // The kernel goes on without it.
    for _ in 0..5 {
        assert!(one.keep_alive(SOON).unwrap().unwrap().is_rcf());
    }
    own.controller.start_again(&own.net).unwrap();
    let reply = two.keep_alive(SOON).unwrap().unwrap();
    assert!(reply.is_rcf(), "{reply:?}");
    own.kept_by_kernel(&mut one);
    own.kept_by_kernel(&mut two);
    assert_eq!(own.shown(&two, |_| true)["endpoint_identifier"], json!(eid));
}

/// Nobody from outside of `endpoints`, the gatekeepers' network included.
#[test]
fn nobody_registers_from_elsewhere() {
    let own = Own::new(&registrar(""));
    let service = ras(topology::SERVICE);
    let from = ras(topology::GATEKEEPER);
    let mut outside =
        Endpoint::new(&own.net.gatekeepers, from, service, &["evil", "6666"]).unwrap();
    let refused = outside.register(BRIEFLY).unwrap_err().to_string();
    assert!(refused.contains("no answer"), "{refused}");
    assert!(outside.discover(BRIEFLY).is_err());
    own.registered(1);
    let all = own.controller.json(&["registration", "list"]).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
}

#[test]
fn aliases_have_one_owner() {
    let own = Own::new(&registrar(""));
    let _first = own.registered(1);
    let mut second = own.endpoint(2).with(|who| who.aliases = vec!["ep1".into()]);
    let refused = second.register(SOON).unwrap_err().to_string();
    assert!(refused.contains("not an RCF"), "{refused}");
    own.await_event("request_rejected", "duplicateAlias");
}

/// A full RRQ with a token made from this password; the reason of its RRJ, or none: it is registered.
fn register_secured(
    endpoint: &mut Endpoint,
    seq: u16,
    mechanism: Mechanism,
    password: &str,
) -> Option<RegistrationRejectReason> {
    let full = rasline_testkit::messages::full_rrq(&endpoint.identity(), seq, None);
    let mut rrq = rasline_h225::decode_ras(&full).unwrap();
    let key = Key {
        identifier: "ep1",
        peer: "own",
        password,
    };
    let unix = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let octets = security::sign(&mut rrq, mechanism, &key, unix as u32, i32::from(seq)).unwrap();
    endpoint.send(&octets).unwrap();
    let reply = endpoint
        .answer_within(seq, SOON)
        .unwrap()
        .expect("an answer");
    match reply.message().unwrap() {
        RasMessage::RegistrationConfirm(_) => None,
        RasMessage::RegistrationReject(rrj) => Some(rrj.reject_reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn tokens_are_checked() {
    let own = Own::new(&registrar(""));
    import(
        &own.controller,
        "[[profile]]\nzone = \"site\"\ngatekeeper_identifier = \"own\"\nauthentication = \"md5\"\n\
         [profile.subscription]\non = true\n[[profile.endpoints]]\naliases = [\"ep1\", \"5001\"]\npassword = \"secret\"\n",
    );
    // In force once who has no token is refused.
    let mut plain = own.endpoint(2);
    rasline_testkit::wait::until_true("the profile to be in force", SOON, || {
        Ok(plain.register(BRIEFLY).is_err())
    })
    .unwrap();
    let mut endpoint = own.endpoint(1);
    let wrong = register_secured(&mut endpoint, 11, Mechanism::Md5, "guessed");
    assert_eq!(wrong, Some(RegistrationRejectReason::SecurityDenial));
    assert_eq!(
        register_secured(&mut endpoint, 12, Mechanism::Md5, "secret"),
        None
    );
    assert_eq!(
        register_secured(&mut endpoint, 13, Mechanism::HmacSha1, "secret"),
        None
    );
    own.await_event("request_rejected", "securityDenial");
}
