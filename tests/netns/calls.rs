//! Calls through rasline, which ends their signalling on both sides: real phones' habits, a routed gatekeeper's habits, and
//! what becomes of calls when the gatekeeper is lost.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use rasline_testkit::{
    Capture, Control, Controller, Ended, Gateway, Phone, PhoneSettings, PhoneState,
    RoutedGatekeeper, RunningNode, Settings, Stack, topology,
};
use serde_json::Value;

use crate::{own::network, scene::SOON};

/// What no endpoint must notice lasts for so long at least.
const LONG: Duration = Duration::from_secs(5);

/// Fields are dropped in this order.
struct Site {
    controller: Controller,
    phones: Vec<RunningNode<Phone>>,
    gatekeepers: Vec<Option<RunningNode<RoutedGatekeeper>>>,
    net: Gateway,
}

impl Site {
    /// Phones of these stacks that are registered through rasline, whose H.245 is tunnelled or not.
    fn new(stacks: &[Stack], tunnels: bool) -> Self {
        let net = network();
        let addresses = [topology::GATEKEEPER, topology::GATEKEEPER_2];
        let gatekeepers: Vec<_> = (addresses.iter().zip(["gk1", "gk2"]))
            .map(|(address, name)| {
                let gatekeeper = RoutedGatekeeper::new(*address, name);
                Some(RunningNode::start(&net.gatekeepers, gatekeeper).unwrap())
            })
            .collect();
        let settings = Settings {
            gatekeepers: addresses.to_vec(),
            daemon: "max_registrations = 4096\nheartbeat_timeout = \"60s\"".into(),
            zone: format!(
                "ras = \"proxy\"\nservice_address = [\"{}\"]\nupstream_address = \"{}\"\ncall_signalling = \"proxy\"\n\
                 signalling_ports = \"20000-20099\"\nendpoint_ttl = \"60s\"\n[zone.probe]\ndead_time = \"400ms\"\n",
                topology::SERVICE,
                topology::GATEWAY[0],
            ),
            ..Settings::default()
        };
        let controller = Controller::start(&net, &settings).unwrap();
        let mut site = Self {
            controller,
            phones: Vec::new(),
            gatekeepers,
            net,
        };
        for (n, stack) in (1..).zip(stacks) {
            let phone = phone(*stack, n, tunnels);
            let phone = RunningNode::start(&site.net.endpoints, phone).unwrap();
            phone
                .wait("a registration", SOON, Phone::is_registered)
                .unwrap();
            site.phones.push(phone);
        }
        site
    }

    /// The first phone calls the second; both talk.
    fn call(&self) {
        let alias = "5002";
        assert!(self.phones[0].tell(|phone, now| phone.call(now, alias)));
        for phone in &self.phones[..2] {
            phone.wait("a call", SOON, is_talking).unwrap();
            let hears = |phone: &Phone| phone.reception().received() > 10;
            phone.wait("audio", SOON, hears).unwrap();
        }
    }

    fn hang_up(&self, n: usize) {
        self.phones[n].tell(Phone::hang_up);
        for (phone, by_itself) in [(&self.phones[n], true), (&self.phones[1 - n], false)] {
            let is_idle = |phone: &Phone| phone.state() == PhoneState::Idle;
            phone.wait("the end", SOON, is_idle).unwrap();
            let ended = phone.see(|phone| phone.ended().last().copied());
            assert_eq!(ended == Some(Ended::Here), by_itself, "{ended:?}");
            assert_ne!(ended, Some(Ended::Broken));
        }
    }

    /// Keys that one phone presses arrive at the other.
    fn press(&self, from: usize, digits: &str, all: &str) {
        self.phones[from].tell(|phone, _| phone.press(digits));
        let has = |phone: &Phone| phone.control().is_some_and(|one| one.digits() == all);
        self.phones[1 - from].wait("digits", SOON, has).unwrap();
    }

    fn calls(&self) -> Vec<Value> {
        let listed = self.controller.json(&["call", "list"]).unwrap();
        listed.as_array().unwrap().clone()
    }

    /// Nobody broke a rule, and no packet of audio was lost.
    fn check_phones(&self) {
        for phone in &self.phones {
            let violations = phone.see(|phone| phone.violations().to_vec());
            assert!(violations.is_empty(), "{violations:?}");
            let audio = phone.see(|phone| phone.reception().clone());
            assert!(audio.received() > 10, "{audio:?}");
            assert_eq!(audio.lost(), 0, "{audio:?}");
        }
    }

    /// What phones have got so far by call signalling.
    fn received(&self) -> Vec<usize> {
        let all = self.phones.iter();
        all.map(|phone| phone.see(|phone| phone.received().len()))
            .collect()
    }

    /// Lets time pass in which no phone gets anything.
    fn stay_undisturbed(&self, time: Duration) {
        let (before, end) = (self.received(), Instant::now() + time);
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
            assert_eq!(self.received(), before);
            for phone in &self.phones {
                assert_eq!(phone.see(Phone::state), PhoneState::Up);
            }
        }
    }
}

fn phone(stack: Stack, n: u16, tunnels: bool) -> Phone {
    Phone::new(PhoneSettings {
        stack,
        host: topology::endpoint(n),
        alias: format!("500{n}"),
        gatekeeper: SocketAddr::new(topology::SERVICE, 1719),
        tunnels,
        fast_start: false,
        answers_after: Some(Duration::from_millis(50)),
        number: 0x12_3456 * u32::from(n),
    })
}

fn is_talking(phone: &Phone) -> bool {
    let media = phone.control().and_then(Control::peer_media);
    phone.state() == PhoneState::Up && media.is_some()
}

/// Calls of both stacks with each other, tunnelled and not; each gatekeeper's and endpoint's side decoded by tshark.
#[test]
fn calls_go_through() {
    for tunnels in [true, false] {
        let site = Site::new(&[Stack::H323plus, Stack::Ooh323c], tunnels);
        let captures = [
            Capture::start(&site.net.endpoints, "ep0").unwrap(),
            Capture::start(&site.net.gatekeepers, "gk0").unwrap(),
        ];
        for by in [0, 1] {
            site.call();
            site.press(0, "42#", "42#");
            let calls = site.calls();
            assert_eq!(calls.len(), 1, "{calls:?}");
            assert_eq!(calls[0]["state"], "connected");
            assert_eq!(calls[0]["caller"], "5001");
            assert_eq!(calls[0]["callee"], "5002");
            assert_eq!(calls[0]["legs"].as_array().unwrap().len(), 4);
            site.hang_up(by);
        }
        site.check_phones();
        for capture in captures {
            capture.finish().all_is_well(false).unwrap();
        }
    }
}

/// A gatekeeper is killed: no endpoint notices, whatever one says reaches the other, and so does the hang-up.
#[test]
fn a_killed_gatekeeper_is_not_noticed() {
    for tunnels in [true, false] {
        let mut site = Site::new(&[Stack::H323plus, Stack::Ooh323c], tunnels);
        site.call();
        let capture = Capture::start(&site.net.endpoints, "ep0").unwrap();
        site.gatekeepers[0] = None;
        site.await_joined();
        site.stay_undisturbed(LONG);
        site.press(0, "1", "1");
        site.press(1, "2", "2");
        site.hang_up(1);
        site.check_phones();
        let taken = capture.finish();
        let fields = ["q931.message_type", "ip.src", "ip.dst"];
        let ends = taken.fields("q931", &fields).unwrap();
        let service = topology::SERVICE.to_string();
        let ours = |one: &&Vec<String>| one[0].contains("0x5a") && one[1] == service;
        assert_eq!(ends.iter().filter(ours).count(), 1, "{ends:?}");
    }
}

impl Site {
    fn await_joined(&self) {
        let end = Instant::now() + SOON;
        while !self.calls().iter().all(|call| call["joined"] == true) {
            assert!(Instant::now() < end, "{:?}", self.calls());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// One that is stopped orders its calls to end and leaves: that is no order.
#[test]
fn a_gatekeeper_that_shuts_down_takes_no_call_with_it() {
    let mut site = Site::new(&[Stack::H323plus, Stack::H323plus], true);
    site.call();
    let gatekeeper = site.gatekeepers[0].take().unwrap();
    gatekeeper.tell(|gatekeeper, _| gatekeeper.stop());
    site.await_joined();
    drop(gatekeeper);
    site.stay_undisturbed(LONG);
    site.press(0, "7", "7");
    site.hang_up(0);
    site.check_phones();
}

/// The operator of a living gatekeeper ends a call.
#[test]
fn an_order_of_the_gatekeeper_is_obeyed() {
    let site = Site::new(&[Stack::H323plus, Stack::Ooh323c], true);
    site.call();
    let gatekeeper = site.gatekeepers[0].as_ref().unwrap();
    gatekeeper.tell(|gatekeeper, now| {
        let call = gatekeeper.calls()[0];
        gatekeeper.disconnect(now, call);
    });
    for phone in &site.phones {
        let is_idle = |phone: &Phone| phone.state() == PhoneState::Idle;
        phone.wait("the end", SOON, is_idle).unwrap();
    }
    assert!(site.calls().is_empty());
}

/// The operator of rasline ends one.
#[test]
fn a_call_is_released_by_the_operator() {
    let site = Site::new(&[Stack::H323plus, Stack::H323plus], true);
    site.call();
    let number = site.calls()[0]["number"].to_string();
    site.controller.text(&["call", "release", &number]).unwrap();
    for phone in &site.phones {
        let is_idle = |phone: &Phone| phone.state() == PhoneState::Idle;
        phone.wait("the end", SOON, is_idle).unwrap();
        let ended = phone.see(|phone| phone.ended().last().copied());
        assert_ne!(ended, Some(Ended::Broken));
    }
}
