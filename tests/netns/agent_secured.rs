//! Agents whose gatekeepers sign what they say (H.235.1), and a forger on the same network who speaks in a gatekeeper's
//! name.

use std::net::{SocketAddr, SocketAddrV4};

use rasline_h225::{
    messages::{Rcf, Rrj, Urq},
    types::{RegistrationRejectReason, UnregRequestReason},
    view::Alternate,
};
use rasline_testkit::{Seen, Settings, What, clock, flood::forge, messages::signed, wait};
use serde_json::Value;

use crate::{
    agent::{AgentSite, Mood, agent, own_address, settings},
    metrics,
    own::await_event,
    scene::SOON,
};

const METRICS: &str = "127.0.0.1:9719";

fn seen(what: What) -> impl Fn(&Seen) -> bool {
    move |s| s.what == what
}

fn v4(text: &str) -> SocketAddrV4 {
    text.parse().unwrap()
}

struct Forged {
    site: AgentSite,
}

impl Forged {
    /// An agent that is registered with gk1, and knows gk2, which would take it.
    fn new(answers: &str) -> Self {
        let lines = format!("password = \"secret\"\nh235 = \"hmac-sha1\"\nanswers = \"{answers}\"");
        let usual = settings(agent("gw", &own_address(), &lines));
        let settings = Settings {
            daemon: format!("{}\n[metrics]\nlisten = {METRICS:?}", usual.daemon),
            ..usual
        };
        let site = AgentSite::signing(&[Mood::Takes], &settings, Some("secret"));
        let shown = site.await_at(1);
        assert_eq!(shown["proof_demanded"], true, "{shown}");
        Self { site }
    }

    /// Somebody says this in the name of gk1.
    fn lie(&self, octets: &[u8]) {
        let netns = &self.site.net.hosts.last().unwrap().netns;
        let agent = v4(&format!("{}:1719", own_address()));
        forge(netns, v4("10.1.0.1:1719"), agent, octets).unwrap();
    }

    /// Unregistered, and sent to gk2.
    fn urq(&self) -> Vec<u8> {
        let shown = self.site.shown();
        Urq {
            seq: 77,
            endpoint_identifier: shown["endpoint_identifier"].as_str().map(str::to_owned),
            gatekeeper_identifier: Some("gk1".into()),
            reason: Some(UnregRequestReason::Maintenance),
            alternates: vec![gk2()],
            ..Urq::default()
        }
        .encode()
        .unwrap()
    }

    fn await_unproved(&self, why: &str, n: u64) -> Value {
        let what = format!("{n} messages that are {why}");
        self.site.await_shown(&what, |a| a["unproved"][why] == n)
    }

    /// It is where it was, and nobody else heard of it.
    fn unmoved(&self, full: usize) {
        let shown = self.site.shown();
        assert_eq!(shown["gatekeeper"], "10.1.0.1:1719", "{shown}");
        assert_eq!(shown["losses"]["closed"], 0, "{shown}");
        let rrqs = self.site.gk(1).count(seen(What::FullRrq)).unwrap();
        assert_eq!(rrqs, full, "{:?}", self.site.gk(1).log());
        assert_eq!(self.site.gk(1).count(seen(What::Ucf)).unwrap(), 0);
        assert!(self.site.gk(2).log().unwrap().is_empty());
    }
}

fn gk2() -> Alternate {
    Alternate {
        address: SocketAddr::from(([10, 1, 0, 2], 1719)),
        gatekeeper_identifier: Some("gk2".into()),
        need_to_register: false,
        priority: 0,
    }
}

#[test]
fn who_is_not_the_gatekeeper_unregisters_nobody() {
    let forged = Forged::new("learned");
    let site = &forged.site;
    let urq = forged.urq();
    forged.lie(&urq);
    forged.await_unproved("missing", 1);
    forged.lie(&signed(&urq, ("gk1", "gw"), "guessed", clock::unix(), 1));
    forged.await_unproved("wrong", 1);
    forged.lie(&signed(
        &urq,
        ("gk1", "another"),
        "secret",
        clock::unix(),
        2,
    ));
    let shown = forged.await_unproved("misdirected", 1);
    assert_eq!(
        (&shown["registered"], &shown["ignored"]),
        (&true.into(), &0.into())
    );
    forged.unmoved(1);
    let event = await_event(&site.controller, "agent_unproved", "missing");
    assert_eq!(
        (event["agent"].as_str(), event["message"].as_str()),
        (Some("gw"), Some("URQ"))
    );
    assert_eq!(event["gatekeeper"], "10.1.0.1:1719");
    let text = site.controller.text(&["agent", "show", "gw"]).unwrap();
    let line = "not proved            1 misdirected, 1 missing, 1 wrong (its gatekeeper must sign)";
    assert!(text.contains(line), "{text}");
    let status = site.controller.text(&["status"]).unwrap();
    assert!(
        status.contains("gw: 3 messages discarded: not proved to be from its gatekeeper"),
        "{status}"
    );
    let sample = "rasline_agent_unproved_total{agent=\"gw\",why=\"wrong\"} 1";
    wait::until_true("the sample", SOON, || {
        let page = metrics::get(&site.net.gateway, METRICS, "/metrics").unwrap_or_default();
        Ok(page.lines().any(|line| line == sample))
    })
    .unwrap();
    // The gatekeeper itself does.
    let eid = shown["endpoint_identifier"].as_str().unwrap();
    site.gk(1).unregister(eid).unwrap();
    site.gk(1).await_seen(1, SOON, seen(What::Ucf)).unwrap();
    site.await_shown("another registration", |a| {
        a["registrations"].as_u64() > Some(1) || a["gatekeeper"] != "10.1.0.1:1719"
    });
}

/// The forger sees what goes by, and answers before the gatekeeper does.
#[test]
fn who_is_not_the_gatekeeper_answers_nothing() {
    let mut forged = Forged::new("verified");
    forged.site.gatekeepers[0].set(|p| p.silent = true).unwrap();
    let eid = forged.site.shown()["endpoint_identifier"].clone();
    forged
        .site
        .controller
        .text(&["agent", "reregister", "gw"])
        .unwrap();
    forged
        .site
        .gk(1)
        .await_seen(2, SOON, seen(What::FullRrq))
        .unwrap();
    let log = forged.site.gk(1).log().unwrap();
    let asked = log.iter().rfind(|s| s.what == What::FullRrq).unwrap();
    let rrj = Rrj {
        alternates: vec![gk2()],
        ..Rrj::new(asked.seq, RegistrationRejectReason::SecurityDenial)
    };
    forged.lie(&rrj.encode().unwrap());
    forged.await_unproved("missing", 1);
    let rcf = Rcf {
        seq: asked.seq,
        call_signal_addresses: vec![SocketAddr::from(([10, 1, 0, 2], 1720))],
        gatekeeper_identifier: Some("gk1".into()),
        endpoint_identifier: "6666_forged".into(),
        ..Rcf::default()
    };
    forged.lie(&signed(
        &rcf.encode().unwrap(),
        ("gk1", "gw"),
        "guessed",
        clock::unix(),
        1,
    ));
    let shown = forged.await_unproved("wrong", 1);
    assert_eq!(
        (&shown["state"], &shown["registrations"]),
        (&"registering".into(), &1.into())
    );
    forged.site.gatekeepers[0]
        .set(|p| p.silent = false)
        .unwrap();
    let shown = forged
        .site
        .await_shown("the gatekeeper's own RCF", |a| a["registrations"] == 2);
    assert_eq!(shown["endpoint_identifier"], eid);
    let repeated = forged.site.gk(1).count(seen(What::FullRrq)).unwrap();
    forged.unmoved(repeated);
}
