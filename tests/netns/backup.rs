//! rasline as the backup gatekeeper of many zones: it serves exactly those whose gatekeepers are gone, each from its own
//! profile, and lets go when one returns.

use std::{fmt::Write, net::SocketAddr};

use rasline_h225::RasMessage;
use rasline_testkit::{
    Controller, Endpoint, FakeGatekeeper, Gateway, Policy, Settings, capture::Taken, wait,
};
use serde_json::Value;

use crate::{
    own::{await_event, await_stored, destination, kept_by_kernel},
    scene::{SOON, ras},
};

/// Zones 1 to n, each with a gatekeeper. Fields are dropped in this order.
pub(crate) struct Zones {
    pub(crate) controller: Controller,
    pub(crate) gatekeepers: Vec<FakeGatekeeper>,
    pub(crate) net: Gateway,
}

/// Gatekeeper of zone `z`.
pub(crate) fn gatekeeper(z: u8) -> SocketAddr {
    ras([10, 1, 0, 10 + z].into())
}

impl Zones {
    pub(crate) fn new(n: u8, lines: &str) -> Self {
        let net = Gateway::new().unwrap();
        let gatekeepers = (1..=n)
            .map(|z| {
                net.gatekeepers
                    .ip(&format!("addr add {}/24 dev gk0", gatekeeper(z).ip()))
                    .unwrap();
                let policy = Policy {
                    name: format!("gk{z}"),
                    eid_suffix: format!("zone{z}"),
                    ..Policy::default()
                };
                FakeGatekeeper::start(&net.gatekeepers, gatekeeper(z), policy).unwrap()
            })
            .collect();
        let mut text = "\n[backup]\naddress = [\"10.1.0.254\"]\n".to_owned();
        for z in 1..=n {
            let _ = write!(
                text,
                "\n[[zone]]\nname = \"zone{z}\"\nbackup = true\nendpoints = [\"10.0.{}.0/24\"]\n\
                 refresh_every = \"1s\"\nfailback = \"after 500ms\"\n{lines}\n\
                 [zone.probe]\ndead_time = \"400ms\"\nstable = \"200ms\"\n\
                 [[zone.gatekeeper]]\nid = \"gk\"\naddress = \"{}\"\n",
                64 + z,
                gatekeeper(z).ip()
            );
        }
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

    /// Endpoint `n` of zone `z`, with these aliases; not registered.
    pub(crate) fn endpoint(&self, z: u8, n: u8, aliases: &[&str]) -> Endpoint {
        let from = ras([10, 0, 64 + z, n].into());
        Endpoint::new(&self.net.endpoints, from, gatekeeper(z), aliases).unwrap()
    }

    /// The same, registered, and answered by the kernel.
    pub(crate) fn learned(&self, z: u8, n: u8, aliases: &[&str]) -> Endpoint {
        let mut endpoint = self.endpoint(z, n, aliases);
        endpoint.register(SOON).unwrap();
        kept_by_kernel(&self.controller, &mut endpoint);
        endpoint
    }

    fn active(&self, z: u8) -> String {
        let zones = self.controller.json(&["zone", "list"]).unwrap();
        let all = zones.as_array().unwrap();
        let zone = all.iter().find(|one| one["name"] == format!("zone{z}"));
        zone.unwrap()["steering"]["active"]
            .as_str()
            .unwrap_or("-")
            .to_owned()
    }

    pub(crate) fn await_active(&self, z: u8, id: &str) {
        let is = || Ok(self.active(z) == id);
        wait::until_true(&format!("{id} to serve zone{z}"), SOON * 2, is).unwrap();
    }

    pub(crate) fn kill(&mut self, z: u8) {
        self.gatekeepers[usize::from(z) - 1].kill();
    }

    fn events(&self, event: &str) -> Vec<Value> {
        let all = self.controller.json(&["events"]).unwrap();
        let all = all.as_array().unwrap().iter();
        all.filter(|e| e["event"] == event).cloned().collect()
    }

    /// Imports profiles by the CLI.
    pub(crate) fn import(&self, toml: &str) {
        crate::own::import(&self.controller, toml);
    }
}

/// Stays registered until rasline has it: the same endpointIdentifier, from the gatekeeper that it knows.
pub(crate) fn stays(zones: &Zones, z: u8, endpoint: &mut Endpoint) {
    let eid = endpoint.eid().to_owned();
    wait::until_true("rasline to have it", SOON, || {
        // Never anything but an RCF.
        let reply = endpoint.keep_alive(SOON)?.expect("an answer");
        assert!(reply.is_rcf(), "{reply:?}");
        assert_eq!(reply.from, gatekeeper(z));
        let all = zones.controller.json(&["registration", "list"])?;
        let mut all = all.as_array().expect("a list").iter();
        Ok(all.any(|r| r["endpoint_identifier"] == eid && r["gatekeeper"] == "rasline"))
    })
    .unwrap();
}

#[test]
fn exactly_the_zones_that_lost_their_gatekeepers_are_served() {
    let mut zones = Zones::new(20, "");
    let lost = [3, 7, 11];
    let mut callers: Vec<(u8, Endpoint)> = (1..=20)
        .map(|z| (z, zones.learned(z, 1, &["5001"])))
        .collect();
    let _callees: Vec<Endpoint> = lost
        .iter()
        .map(|z| zones.learned(*z, 2, &["5002"]))
        .collect();
    let capture = rasline_testkit::Capture::start(&zones.net.endpoints, "ep0").unwrap();
    for z in lost {
        zones.kill(z);
    }
    for z in lost {
        zones.await_active(z, "rasline");
    }
    for (z, caller) in &mut callers {
        if lost.contains(z) {
            stays(&zones, *z, caller);
            let acf = caller.admit(SOON).unwrap();
            assert!(acf.is_acf(), "{acf:?}");
            assert_eq!(acf.from, gatekeeper(*z));
            assert_eq!(
                destination(&acf).ip().to_string(),
                format!("10.0.{}.2", 64 + *z)
            );
            caller.disengage(SOON).unwrap();
        } else {
            assert!(caller.keep_alive(SOON).unwrap().unwrap().is_rcf());
            assert_eq!(zones.active(*z), "gk");
        }
    }
    let mut served: Vec<String> = (zones.events("serving").iter())
        .map(|e| e["zone"].as_str().unwrap().to_owned())
        .collect();
    served.sort();
    assert_eq!(served, ["zone11", "zone3", "zone7"]);
    nothing_from_elsewhere(&capture.finish());
    // One comes back: its zone returns, the others stay.
    let (index, z) = (usize::from(lost[0]) - 1, lost[0]);
    zones.gatekeepers[index].forget();
    zones.gatekeepers[index]
        .resume(&zones.net.gatekeepers)
        .unwrap();
    zones.await_active(z, "gk");
    await_event(&zones.controller, "retired", "returned");
    let endpoint = &mut callers[index].1;
    wait::until_true(
        "it to be registered with its gatekeeper again",
        SOON,
        || {
            endpoint.stay(SOON)?;
            let from = endpoint.address();
            let full = |s: &rasline_testkit::Seen| {
                s.from == from && s.what == rasline_testkit::What::FullRrq
            };
            Ok(zones.gatekeepers[index].count(full) > 1)
        },
    )
    .unwrap();
    kept_by_kernel(&zones.controller, endpoint);
    assert_eq!(
        (zones.active(7), zones.active(11)),
        ("rasline".into(), "rasline".into())
    );
}

/// Endpoints saw messages of gatekeepers' addresses only, each of its own zone's.
fn nothing_from_elsewhere(taken: &Taken) {
    taken.all_is_well(false).unwrap();
    let rows = taken
        .fields(
            "udp.srcport == 1719 && h225.RasMessage",
            &["ip.src", "ip.dst"],
        )
        .unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        let part =
            |address: &str, n: usize| address.split('.').nth(n).unwrap().parse::<u8>().unwrap();
        if row[0].starts_with("10.1.0.") {
            assert_eq!(part(&row[0], 3) - 10, part(&row[1], 2) - 64, "{row:?}");
        }
    }
}

#[test]
fn who_never_registered_here_is_served_on_after_a_restart() {
    let mut zones = Zones::new(1, "");
    let mut one = zones.learned(1, 1, &["5001"]);
    let mut two = zones.learned(1, 2, &["5002"]);
    zones.kill(1);
    zones.await_active(1, "rasline");
    stays(&zones, 1, &mut one);
    stays(&zones, 1, &mut two);
    // Each is shown once, and counted once, although both its gatekeeper's registration and rasline's are kept.
    let all = zones.controller.json(&["registration", "list"]).unwrap();
    let mut eids: Vec<_> = (all.as_array().unwrap().iter())
        .map(|r| r["endpoint_identifier"].as_str().unwrap())
        .collect();
    eids.sort_unstable();
    let mut expected = [one.eid(), two.eid()];
    expected.sort_unstable();
    assert_eq!(eids, expected, "{all}");
    let listed = zones.controller.json(&["zone", "list"]).unwrap();
    assert_eq!(listed[0]["known"], 2, "{listed}");
    let acf = one.admit(SOON).unwrap();
    assert!(acf.is_acf(), "{acf:?}");
    await_stored(&zones.controller);
    zones.controller.kill().unwrap();
    zones.controller.start_again(&zones.net).unwrap();
    // Both are there before they say anything.
    let shown = |zones: &Zones| zones.controller.json(&["status"]).unwrap()["zones"][0].clone();
    let mut last = Value::Null;
    wait::until_true("both to be registered", SOON * 2, || {
        last = shown(&zones)["serving"].clone();
        Ok(last["registrations"] == 2)
    })
    .unwrap_or_else(|e| panic!("{e}: {last}"));
    assert_eq!(
        (&last["calls"], &last["restored_calls"]),
        (&1.into(), &1.into())
    );
    for endpoint in [&mut one, &mut two] {
        let reply = endpoint.keep_alive(SOON).unwrap().unwrap();
        assert!(reply.is_rcf(), "{reply:?}");
        let all = zones.controller.json(&["registration", "list"]).unwrap();
        let mut all = all.as_array().unwrap().iter();
        let its = |r: &&Value| r["endpoint_identifier"] == endpoint.eid();
        let found = all.find(its).unwrap();
        assert_eq!(found["gatekeeper"], "rasline", "{found}");
    }
    // Nobody was registered anew.
    let registered = zones.events("endpoint_registered");
    assert!(registered.is_empty(), "{registered:?}");
}

#[test]
fn zones_without_a_subscription_are_refused() {
    let mut zones = Zones::new(1, "");
    zones.import(
        "[[profile]]\nzone = \"zone1\"\ngatekeeper_identifier = \"gk1\"\nadmit_unknown = true\n",
    );
    let mut endpoint = zones.learned(1, 1, &["5001"]);
    zones.kill(1);
    await_event(&zones.controller, "refusing", "not_subscribed");
    let mut other = zones.endpoint(1, 2, &["5002"]);
    wait::until_true("a reject of discovery", SOON, || {
        Ok(matches!(
            other.discover(SOON)?.message()?,
            RasMessage::GatekeeperReject(_)
        ))
    })
    .unwrap();
    let refused = other.register(SOON).unwrap_err().to_string();
    assert!(refused.contains("not an RCF"), "{refused}");
    let arj = endpoint.admit(SOON).unwrap();
    assert!(arj.is_arj(), "{arj:?}");
    await_event(&zones.controller, "refused", "zone1");
    // Subscribed: served from now on.
    let output = rasline_testkit::controller::binary().unwrap();
    let done = std::process::Command::new(output)
        .args(["profile", "set", "zone1", "subscription=on", "--state-dir"])
        .arg(zones.controller.place().state())
        .status()
        .unwrap();
    assert!(done.success());
    await_event(&zones.controller, "serving", "zone1");
    other.register(SOON).unwrap();
}

#[test]
fn tenants_are_apart_and_zones_of_one_reach_each_other_by_prefix() {
    let mut zones = Zones::new(3, "");
    let profile = |z: u8, tenant: &str, prefix: &str, reach: &str| {
        format!(
            "[[profile]]\nzone = \"zone{z}\"\ntenant = \"{tenant}\"\ngatekeeper_identifier = \"gk{z}\"\n\
             admit_unknown = true\nprefixes = [\"{prefix}\"]\nreach = [{reach}]\n[profile.subscription]\non = true\n"
        )
    };
    let all = [
        profile(1, "north", "1", "\"zone2\""),
        profile(2, "north", "2", "\"zone1\""),
        profile(3, "south", "2", "\"zone1\", \"zone2\""),
    ];
    zones.import(&all.join("\n"));
    let mut one = zones.learned(1, 1, &["1001"]);
    // The same number in zones of two tenants.
    let _two = zones.learned(2, 1, &["2002"]);
    let mut three = zones.learned(3, 1, &["2002"]);
    let _four = zones.learned(3, 2, &["2003"]);
    for z in 1..=3 {
        zones.kill(z);
    }
    for z in 1..=3 {
        zones.await_active(z, "rasline");
    }
    stays(&zones, 1, &mut one);
    stays(&zones, 3, &mut three);
    let acf = one.admit_to("2002", SOON).unwrap();
    assert_eq!(destination(&acf).ip().to_string(), "10.0.66.1");
    let arj = one.admit_to("2003", SOON).unwrap();
    assert!(arj.is_arj(), "only the other tenant has it: {arj:?}");
    let arj = three.admit_to("1001", SOON).unwrap();
    assert!(arj.is_arj(), "it is the other tenant's: {arj:?}");
    let acf = three.admit_to("2003", SOON).unwrap();
    assert_eq!(destination(&acf).ip().to_string(), "10.0.67.2");
}
