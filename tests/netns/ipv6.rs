//! rasline's own gatekeepers over IPv6: of a zone of its own, and as the last resort of a zone whose gatekeepers die.

use std::net::{IpAddr, SocketAddr};

use rasline_h225::RasMessage;
use rasline_testkit::{
    Capture, Controller, Endpoint, FakeGatekeeper, Gateway, Policy, Seen, Settings, What, capture,
    topology, wait,
};
use serde_json::json;

use crate::{
    own::{Own, await_event, destination, endpoint, kept_by_kernel, registrar_at, shown},
    scene::{SOON, ras},
};

#[test]
fn a_registrar_over_ipv6() {
    let service = ras(topology::SERVICE_V6);
    let own = Own::new(&registrar_at(service.ip(), "endpoint_ttl = \"60s\""));
    let capture = Capture::start(&own.net.endpoints, "ep0").unwrap();
    let mut caller = endpoint(&own.net, 1, service);
    let gcf = caller.discover(SOON).unwrap();
    assert!(
        matches!(gcf.message().unwrap(), RasMessage::GatekeeperConfirm(_)),
        "{gcf:?}"
    );
    let rcf = caller.register(SOON).unwrap();
    assert_eq!((rcf.from, rcf.time_to_live()), (service, Some(60)));
    own.kept_by_kernel(&mut caller);
    // The same octets, whoever answers.
    let by_kernel = caller.keep_alive(SOON).unwrap().unwrap();
    assert_eq!(
        (by_kernel.from, by_kernel.time_to_live()),
        (service, Some(60))
    );
    let shown = own.shown(&caller, |r| r["answered_by"] == "kernel");
    assert_eq!(
        (&shown["gatekeeper"], &shown["aliases"]),
        (&json!("rasline-v6"), &json!(["ep1", "5001"]))
    );
    let mut other = endpoint(&own.net, 2, service);
    other.register(SOON).unwrap();
    let acf = caller.admit(SOON).unwrap();
    assert!(acf.is_acf(), "{acf:?}");
    assert_eq!(destination(&acf).ip(), other.address().ip());
    own.await_event("call_started", "5002");
    caller.disengage(SOON).unwrap();
    own.await_event("call_ended", "");
    // It leaves: nobody answers for it any more.
    caller.unregister(SOON).unwrap();
    let refused = caller.keep_alive(SOON).unwrap().unwrap();
    assert!(refused.is_rrj(), "{refused:?}");
    own.await_event("endpoint_unregistered", caller.eid());
    from_nobody_else(&capture.finish(), service.ip());
}

/// Endpoints saw well-formed RAS of this address only.
fn from_nobody_else(taken: &capture::Taken, gatekeeper: IpAddr) {
    taken.all_is_well(false).unwrap();
    let answers = "udp.srcport == 1719 && h225.RasMessage && !(ipv6.src == fd00:0:0:1::/64)";
    let rows = taken.fields(answers, &["ipv6.src"]).unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        assert_eq!(row, [gatekeeper.to_string()]);
    }
}

/// A zone with two gatekeepers, and rasline behind them, which has an address of each family. Fields are dropped in this
/// order.
struct Site {
    controller: Controller,
    gatekeepers: Vec<FakeGatekeeper>,
    net: Gateway,
}

/// Gatekeeper `n`, from 1 on.
fn gatekeeper(n: u16) -> SocketAddr {
    ras([0xfd00, 1, 0, 0, 0, 0, 0, n].into())
}

impl Site {
    fn new() -> Self {
        let net = Gateway::new().unwrap();
        let second = gatekeeper(2).ip();
        net.gatekeepers
            .ip(&format!("addr add {second}/64 dev gk0 nodad"))
            .unwrap();
        let start = |n| {
            let policy = Policy {
                name: format!("gk{n}"),
                ..Policy::default()
            };
            FakeGatekeeper::start(&net.gatekeepers, gatekeeper(n), policy).unwrap()
        };
        let gatekeepers = vec![start(1), start(2)];
        let text = format!(
            "\n[backup]\naddress = [\"10.1.0.254\", \"fd00:1::fe\"]\n\n\
             [[zone]]\nname = \"site\"\nbackup = true\nendpoints = [\"fd00:0:0:1::/64\"]\n\
             refresh_every = \"1s\"\nfailback = \"after 500ms\"\n\
             [zone.probe]\ndead_time = \"400ms\"\nstable = \"200ms\"\n\
             [[zone.gatekeeper]]\nid = \"gk1\"\naddress = \"{}\"\n\
             [[zone.gatekeeper]]\nid = \"gk2\"\naddress = \"{second}\"\npriority = 1\n",
            gatekeeper(1).ip()
        );
        let settings = Settings {
            instead: Some(text),
            ..Settings::default()
        };
        let controller = Controller::start(&net, &settings).unwrap();
        Self {
            controller,
            gatekeepers,
            net,
        }
    }

    /// Endpoint `n`, registered with gatekeeper 1, and answered by the kernel.
    fn learned(&self, n: u16) -> Endpoint {
        let mut endpoint = endpoint(&self.net, n, gatekeeper(1));
        endpoint.register(SOON).unwrap();
        kept_by_kernel(&self.controller, &mut endpoint);
        endpoint
    }

    fn await_active(&self, id: &str) {
        wait::until_true(&format!("{id} to serve the zone"), SOON * 2, || {
            let zones = self.controller.json(&["zone", "list"])?;
            Ok(zones[0]["steering"]["active"] == id)
        })
        .unwrap();
    }
}

#[test]
fn a_backup_over_ipv6() {
    let mut site = Site::new();
    let mut caller = site.learned(1);
    let other = site.learned(2);
    let eid = caller.eid().to_owned();
    let capture = Capture::start(&site.net.endpoints, "ep0").unwrap();
    for one in [2, 1] {
        site.gatekeepers[one - 1].kill();
    }
    site.await_active("rasline-v6");
    // Never anything but an RCF, until rasline has it.
    wait::until_true("rasline to have it", SOON, || {
        let reply = caller.keep_alive(SOON)?.expect("an answer");
        assert!(reply.is_rcf(), "{reply:?}");
        assert_eq!(reply.from, gatekeeper(1));
        let all = site.controller.json(&["registration", "list"])?;
        let mut all = all.as_array().expect("a list").iter();
        Ok(all.any(|r| r["endpoint_identifier"] == eid && r["gatekeeper"] == "rasline-v6"))
    })
    .unwrap();
    let acf = caller.admit(SOON).unwrap();
    assert!(acf.is_acf(), "{acf:?}");
    assert_eq!(acf.from, gatekeeper(1));
    assert_eq!(destination(&acf).ip(), other.address().ip());
    caller.disengage(SOON).unwrap();
    from_nobody_else(&capture.finish(), gatekeeper(1).ip());
    // One comes back, and knows nobody.
    site.gatekeepers[0].forget();
    site.gatekeepers[0].resume(&site.net.gatekeepers).unwrap();
    site.await_active("gk1");
    await_event(&site.controller, "retired", "returned");
    let from = caller.address();
    wait::until_true("it to be registered with gk1 again", SOON, || {
        caller.stay(SOON)?;
        let full = |s: &Seen| s.from == from && s.what == What::FullRrq;
        Ok(site.gatekeepers[0].count(full) > 1)
    })
    .unwrap();
    kept_by_kernel(&site.controller, &mut caller);
    let now = shown(&site.controller, &caller, |_| true);
    assert_eq!(now["gatekeeper"], "gk1");
}
