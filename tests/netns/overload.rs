//! More RAS than rasline can handle: who is registered stays so, who registers is asked to come again.

use rasline_testkit::{Endpoint, admission, messages};
use serde_json::Value;

use crate::{
    own::{Own, registrar},
    scene::{BRIEFLY, SOON},
};

/// requestSeqNum of the first full RRQs; their own begin at 1.
const FIRST: u16 = 20_000;

/// Sends so many GRQs and waits for nothing.
fn crowd(endpoint: &Endpoint, seqs: std::ops::Range<u16>) {
    for seq in seqs {
        let grq = messages::grq(&endpoint.identity(), seq);
        endpoint.send(&grq).unwrap();
    }
}

fn serving(own: &Own) -> Value {
    own.controller.json(&["status"]).unwrap()["zones"][0]["serving"].clone()
}

#[test]
fn full_registrations_wait_while_more_comes_than_can_be_handled() {
    // Without the bound in the kernel, which would keep most of this away.
    let own = Own::new(&registrar("endpoint_ttl = \"60s\"\nunknown_rate = 0"));
    let mut published = own.registered(1);
    own.kept_by_kernel(&mut published);
    // The kernel has nothing of this one yet.
    let mut registered = own.registered(2);
    let mut new: Vec<Endpoint> = (10..20).map(|n| own.endpoint(n)).collect();
    let others = own.endpoint(3);
    // All that comes while it stands is there at once when it goes on.
    own.controller.freeze().unwrap();
    crowd(&others, 1..400);
    let light = messages::light_rrq(&registered.identity(), FIRST, registered.eid());
    for (endpoint, seq) in new.iter().zip(0..) {
        let rrq = messages::full_rrq(&endpoint.identity(), FIRST, None);
        endpoint.send(&rrq).unwrap();
        // The same again, should the network lose one.
        registered.send(&light).unwrap();
        crowd(&others, 400 + 40 * seq..440 + 40 * seq);
    }
    crowd(&others, 800..2000);
    assert!(published.keep_alive(SOON).unwrap().unwrap().is_rcf());
    own.controller.thaw().unwrap();
    own.await_event("overload", "put off");
    own.await_event("overload_over", "");
    let mut put_off = 0;
    for endpoint in &mut new {
        // Nothing else is answered, but some may be lost on the way.
        if let Some(reply) = endpoint.answer_within(FIRST, BRIEFLY).unwrap() {
            let delay = admission::rip_delay(&reply.bytes);
            assert_eq!(delay, Some(2000), "{reply:?}");
            put_off += 1;
        }
    }
    assert!(put_off > 0);
    let kept = registered.answer_within(FIRST, SOON).unwrap();
    assert!(kept.expect("an answer").is_rcf());
    let counted = serving(&own)["put_off"].as_u64();
    assert!(counted >= Some(put_off), "{counted:?}, {put_off}");
    // When they come again nothing is in their way.
    for endpoint in &mut new {
        endpoint.register(SOON).unwrap();
        assert_eq!(endpoint.delayed(), 0);
    }
    assert_eq!(serving(&own)["registrations"], new.len() + 2);
    assert_eq!(serving(&own)["put_off"].as_u64(), counted);
}
