//! Gatekeepers that close call-signalling connections without a call, as GnuGk does, and go on answering RAS.

use rasline_testkit::What;
use serde_json::Value;

use crate::{
    agent::{AgentSite, agent, own_address, settings},
    own::await_event,
    scene::SOON,
};

const IDLE_MS: u64 = 300;

fn is_here(shown: &Value, n: u8) -> bool {
    let address = rasline_testkit::host::address_of(n);
    shown["registered"] == true && shown["gatekeeper"] == format!("{address}:1719")
}

#[test]
fn the_agent_stays_and_keeps_no_connection() {
    let settings = settings(agent("gw", &own_address(), ""));
    let mut site = AgentSite::unregistered(&[], &settings);
    site.await_at(1);
    site.gatekeepers[0]
        .set(|policy| policy.closes_idle_ms = Some(IDLE_MS))
        .unwrap();
    site.gk(1).reset_calls().unwrap();
    await_event(&site.controller, "agent_signalling_per_call", "gw");
    let shown = site.await_shown("the agent without a connection", |a| {
        a["connected_to"].is_null() && is_here(a, 1)
    });
    assert_eq!(shown["registrations"], 1);
    assert_eq!(site.gk(1).count(|s| s.what == What::FullRrq).unwrap(), 1);
    assert_eq!(site.gk(1).count(|s| s.what == What::Urq).unwrap(), 0);
}

/// A gatekeeper that bears the connection, but for Status Enquiries, keeps it.
#[test]
fn status_enquiries_are_left_out_where_they_are_not_borne() {
    let lines = "status_enquiry = \"200ms\"";
    let settings = settings(agent("gw", &own_address(), lines));
    let mut site = AgentSite::unregistered(&[], &settings);
    site.await_at(1);
    // Longer than the test: only the enquiry ends it.
    site.gatekeepers[0]
        .set(|policy| policy.closes_idle_ms = Some(600_000))
        .unwrap();
    site.gk(1).reset_calls().unwrap();
    let closed = |s: &rasline_testkit::Seen| s.what == What::Disconnected;
    site.gk(1).await_seen(2, SOON, closed).unwrap();
    let asked = |s: &rasline_testkit::Seen| s.what == What::Connected;
    site.gk(1).await_seen(3, SOON, asked).unwrap();
    let before = site.gk(1).count(|s| s.what == What::StatusEnquiry).unwrap();
    site.await_at(1);
    // Its keep-alives go on; no enquiry does.
    site.controller
        .text(&["agent", "reregister", "gw"])
        .unwrap();
    site.gk(1)
        .await_seen(2, SOON, |s| s.what == What::FullRrq)
        .unwrap();
    let enquiries = site.gk(1).count(|s| s.what == What::StatusEnquiry).unwrap();
    assert!(before >= 1 && enquiries == before, "{before}, {enquiries}");
}
