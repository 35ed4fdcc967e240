//! `rasline doctor` finds what is wrong on the machine and on the way to the gatekeepers, and nothing else.

use rasline_testkit::{
    FakeGatekeeper, Gateway, Policy, Settings, controller,
    settings::Place,
    topology::{GATEKEEPER, GATEKEEPER_2, LAN, WAN},
};
use serde_json::Value;

use crate::scene::ras;

struct Patient {
    net: Gateway,
    place: Place,
}

impl Patient {
    fn new(settings: &Settings) -> Self {
        let place = Place::new().unwrap();
        place.write(settings).unwrap();
        Self {
            net: Gateway::new().unwrap(),
            place,
        }
    }

    fn gatekeeper(&self) -> FakeGatekeeper {
        FakeGatekeeper::start(&self.net.gatekeepers, ras(GATEKEEPER), Policy::default()).unwrap()
    }

    /// Exit code and findings.
    fn examine(&self) -> (i32, Vec<Value>) {
        let output = self
            .net
            .gateway
            .command(&controller::binary().unwrap())
            .arg("--config")
            .arg(self.place.config())
            .args(["doctor", "--json"])
            .output()
            .unwrap();
        let findings = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap(), findings)
    }
}

fn about<'a>(findings: &'a [Value], what: &str) -> &'a Value {
    let found = findings.iter().find(|f| f["what"] == what);
    found.unwrap_or_else(|| panic!("nothing about {what}: {findings:#?}"))
}

fn failures(findings: &[Value]) -> Vec<&str> {
    let failed = findings.iter().filter(|f| f["verdict"] == "fail");
    failed.map(|f| f["what"].as_str().unwrap()).collect()
}

/// The verdict, what was found, and that it says what that means and what to do.
fn finding(findings: &[Value], what: &str, verdict: &str, found: &str) {
    let f = about(findings, what);
    assert_eq!(f["verdict"], verdict, "{f}");
    assert!(f["found"].as_str().unwrap().contains(found), "{f}");
    for key in ["means", "do"] {
        assert!(!f[key].as_str().unwrap().is_empty(), "{f}");
    }
}

#[test]
fn a_sound_machine() {
    let patient = Patient::new(&Settings::default());
    let _gatekeeper = patient.gatekeeper();
    let (code, findings) = patient.examine();
    assert_eq!((code, failures(&findings)), (0, vec![]), "{findings:#?}");
    assert_eq!(about(&findings, "site gk1 RAS")["verdict"], "ok");
    assert_eq!(
        about(&findings, "site gk1 route")["found"],
        "10.1.0.1 through wan0, on the link"
    );
    assert_eq!(about(&findings, "lan0 IPv4 forwarding")["found"], "on");
    assert_eq!(about(&findings, "lan0 rp_filter")["verdict"], "ok");
}

#[test]
fn strict_reverse_path_filter_and_missing_forwarding() {
    let patient = Patient::new(&Settings::default());
    let _gatekeeper = patient.gatekeeper();
    let gateway = &patient.net.gateway;
    gateway
        .sysctl(&format!("ipv4/conf/{WAN}/rp_filter"), "1")
        .unwrap();
    gateway
        .sysctl(&format!("ipv4/conf/{LAN}/forwarding"), "0")
        .unwrap();
    let (code, findings) = patient.examine();
    assert_eq!(
        (code, failures(&findings)),
        (1, vec!["lan0 IPv4 forwarding"])
    );
    finding(&findings, "lan0 IPv4 forwarding", "fail", "off");
    finding(&findings, "wan0 rp_filter", "warn", "strict (1, all: 0)");
    // Loose wins over strict, wherever it stands.
    gateway.sysctl("ipv4/conf/all/rp_filter", "2").unwrap();
    let (_, findings) = patient.examine();
    assert_eq!(about(&findings, "wan0 rp_filter")["verdict"], "ok");
}

#[test]
fn a_dead_gatekeeper() {
    let patient = Patient::new(&Settings::default());
    // Its host is there, and says that nothing listens.
    let (code, findings) = patient.examine();
    assert_eq!(
        (code, failures(&findings)),
        (1, vec!["site gk1 RAS"]),
        "{findings:#?}"
    );
    finding(&findings, "site gk1 RAS", "fail", "refused");
    finding(&findings, "site gk1 call signalling", "warn", "refused");
}

/// Its host goes on accepting connections for it.
#[test]
fn a_frozen_gatekeeper() {
    let frozen = |settings: &Settings| {
        let patient = Patient::new(settings);
        let gatekeeper = patient.gatekeeper();
        gatekeeper.set(|policy| policy.silent = true);
        let second = FakeGatekeeper::start(
            &patient.net.gatekeepers,
            ras(GATEKEEPER_2),
            Policy::default(),
        );
        let _second = second.unwrap();
        patient.examine()
    };
    // Alone it is not probed, and may be one that answers no GRQ.
    let (code, findings) = frozen(&Settings::default());
    assert_eq!((code, failures(&findings)), (0, vec![]));
    finding(&findings, "site gk1 RAS", "warn", "not answered");
    let (code, findings) = frozen(&Settings {
        gatekeepers: vec![GATEKEEPER, GATEKEEPER_2],
        ..Settings::default()
    });
    assert_eq!((code, failures(&findings)), (1, vec!["site gk1 RAS"]));
    finding(&findings, "site gk1 RAS", "fail", "not answered");
    assert_eq!(about(&findings, "site gk2 RAS")["verdict"], "ok");
}

#[test]
fn a_gatekeeper_unplugged_and_one_without_a_route() {
    let settings = Settings {
        gatekeepers: vec!["10.1.0.77".parse().unwrap(), "192.0.2.1".parse().unwrap()],
        ..Settings::default()
    };
    let patient = Patient::new(&settings);
    let (code, findings) = patient.examine();
    assert_eq!(code, 1);
    assert_eq!(failures(&findings), ["site gk1 next hop", "site gk2 route"]);
    finding(
        &findings,
        "site gk1 next hop",
        "fail",
        "does not answer ARP",
    );
    finding(&findings, "site gk2 route", "fail", "none to 192.0.2.1");
}

#[test]
fn a_gatekeeper_on_the_wrong_side() {
    let settings = Settings {
        interfaces: vec![(LAN.into(), "gatekeepers"), (WAN.into(), "endpoints")],
        ..Settings::default()
    };
    let patient = Patient::new(&settings);
    let _gatekeeper = patient.gatekeeper();
    let (code, findings) = patient.examine();
    assert_eq!((code, failures(&findings)), (1, vec!["site gk1 route"]));
    finding(
        &findings,
        "site gk1 route",
        "fail",
        "wan0 is on the endpoints' side only",
    );
}

/// The usual stateful firewall, whose entries live shorter than it takes until the next refresh.
#[test]
fn a_stateful_firewall() {
    let patient = Patient::new(&Settings::default());
    let _gatekeeper = patient.gatekeeper();
    let gateway = &patient.net.gateway;
    let (_, findings) = patient.examine();
    for what in ["firewall", "nf_conntrack_h323"] {
        assert_eq!(about(&findings, what)["verdict"], "ok");
    }
    gateway
        .nft(
            "table inet mine {
                ct helper ras { type \"RAS\" protocol udp; }
                chain forward {
                    type filter hook forward priority filter; policy drop;
                    ct state established,related accept
                }
            }",
        )
        .unwrap();
    for name in ["udp_timeout", "udp_timeout_stream"] {
        let key = format!("netfilter/nf_conntrack_{name}");
        gateway.sysctl(&key, "59").unwrap();
    }
    let (code, findings) = patient.examine();
    assert_eq!((code, failures(&findings)), (0, vec![]));
    let drops = "table mine drops by policy in its forward chain forward";
    finding(&findings, "firewall", "warn", drops);
    let lives =
        "a UDP entry expires after 59s, but zone site lets a keep-alive through only every 1m";
    finding(&findings, "connection tracking", "warn", lives);
    let helper = "nftables assigns the helper RAS";
    finding(&findings, "nf_conntrack_h323", "warn", helper);
    // The rules that it advises end that.
    let printed = gateway
        .command(&controller::binary().unwrap())
        .arg("--config")
        .arg(patient.place.config())
        .arg("firewall")
        .output()
        .unwrap();
    gateway
        .nft(&String::from_utf8(printed.stdout).unwrap())
        .unwrap();
    let (_, findings) = patient.examine();
    for what in ["firewall", "connection tracking"] {
        assert_eq!(about(&findings, what)["verdict"], "ok", "{findings:#?}");
    }
}
