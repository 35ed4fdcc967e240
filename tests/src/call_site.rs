//! Phones whose calls go through rasline, which ends their signalling, and two gatekeepers that route.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rasline_testkit::{
    Control, Controller, Gateway, Phone, PhoneSettings, PhoneState, RoutedGatekeeper, RunningNode,
    Settings, Stack, topology, wait,
};
use serde_json::Value;

/// For what should come at once, on a busy machine.
const SOON: Duration = wait::PATIENCE;
/// Packets of audio that make a call one.
const AUDIO: usize = 10;

/// The site. Fields are dropped in this order.
#[derive(Debug)]
pub struct CallSite {
    /// rasline.
    pub controller: Controller,
    /// The phones; the first has the alias 5001.
    pub phones: Vec<RunningNode<Phone>>,
    /// The gatekeepers. One that is dropped is killed.
    pub gatekeepers: Vec<Option<RunningNode<RoutedGatekeeper>>>,
    /// The network.
    pub net: Gateway,
}

impl CallSite {
    /// Phones of these stacks, whose H.245 is tunnelled or not, registered through rasline.
    ///
    /// # Errors
    /// When something does not start, or a phone does not register.
    pub fn new(stacks: &[Stack], tunnels: bool) -> Result<Self> {
        let net = Gateway::new()?;
        net.gateway
            .ip(&format!("addr add {} dev lo", topology::SERVICE))?;
        let addresses = [topology::GATEKEEPER, topology::GATEKEEPER_2];
        let mut gatekeepers = Vec::new();
        for (address, name) in addresses.iter().zip(["gk1", "gk2"]) {
            let gatekeeper = RoutedGatekeeper::new(*address, name);
            gatekeepers.push(Some(RunningNode::start(&net.gatekeepers, gatekeeper)?));
        }
        let controller = Controller::start(&net, &settings(&addresses))?;
        let mut site = Self {
            controller,
            phones: Vec::new(),
            gatekeepers,
            net,
        };
        for (n, stack) in (1..).zip(stacks) {
            let phone = RunningNode::start(&site.net.endpoints, phone(*stack, n, tunnels))?;
            phone.wait("a registration", SOON, Phone::is_registered)?;
            site.phones.push(phone);
        }
        Ok(site)
    }

    /// Has the first phone call the second, until both hear each other.
    ///
    /// # Errors
    /// When they do not.
    pub fn call(&self) -> Result<()> {
        let begun = self.phones[0].tell(|phone, now| phone.call(now, "5002"));
        ensure!(begun, "the first phone is not idle");
        for phone in &self.phones[..2] {
            let before = phone.see(|phone| phone.reception().received());
            phone.wait("a call", SOON, is_talking)?;
            let hears = |phone: &Phone| phone.reception().received() > before + AUDIO;
            phone.wait("audio", SOON, hears)?;
        }
        Ok(())
    }

    /// Has phone `n` hang up, until both phones are idle.
    ///
    /// # Errors
    /// When they do not become idle.
    pub fn hang_up(&self, n: usize) -> Result<()> {
        self.phones[n].tell(Phone::hang_up);
        self.await_idle()
    }

    /// Waits until all phones are idle.
    ///
    /// # Errors
    /// When they do not become idle.
    pub fn await_idle(&self) -> Result<()> {
        for phone in &self.phones {
            let is_idle = |phone: &Phone| phone.state() == PhoneState::Idle;
            phone.wait("the end of the call", SOON, is_idle)?;
        }
        Ok(())
    }

    /// Presses keys on a phone, until the other one has got all of these.
    ///
    /// # Errors
    /// When they do not arrive.
    pub fn press(&self, from: usize, digits: &str, all: &str) -> Result<()> {
        self.phones[from].tell(|phone, _| phone.press(digits));
        let has = |phone: &Phone| phone.control().is_some_and(|one| one.digits() == all);
        self.phones[1 - from].wait("digits", SOON, has)
    }

    /// The calls as rasline lists them.
    ///
    /// # Errors
    /// When rasline does not answer.
    pub fn calls(&self) -> Result<Vec<Value>> {
        let listed = self.controller.json(&["call", "list"])?;
        Ok(listed.as_array().context("a list of calls")?.clone())
    }

    /// Waits until the endpoints of all calls are connected without a gatekeeper.
    ///
    /// # Errors
    /// When they are not.
    pub fn await_joined(&self) -> Result<()> {
        wait::until("calls without a gatekeeper", SOON, || {
            let calls = self.calls()?;
            let joined = calls.iter().all(|call| call["joined"] == true);
            Ok((joined && !calls.is_empty()).then_some(()))
        })
    }

    /// Waits until this gatekeeper controls the first call.
    ///
    /// # Errors
    /// When it does not.
    pub fn await_control(&self, gatekeeper: IpAddr) -> Result<()> {
        let ras = SocketAddr::new(gatekeeper, 1719).to_string();
        wait::until("control by the next gatekeeper", SOON, || {
            let calls = self.calls()?;
            let found = calls.first().is_some_and(|call| call["gatekeeper"] == *ras);
            Ok(found.then_some(()))
        })
    }

    /// How many messages of call signalling each phone has received.
    #[must_use]
    pub fn received(&self) -> Vec<usize> {
        let all = self.phones.iter();
        all.map(|phone| phone.see(|phone| phone.received().len()))
            .collect()
    }

    /// Lets time pass in which no phone may receive a message or leave its call.
    ///
    /// # Errors
    /// When one does.
    pub fn stay_undisturbed(&self, time: Duration) -> Result<()> {
        let (before, end) = (self.received(), Instant::now() + time);
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
            ensure!(self.received() == before, "a phone received a message");
            for phone in &self.phones {
                let state = phone.see(Phone::state);
                ensure!(state == PhoneState::Up, "a phone is {state:?}");
            }
        }
        Ok(())
    }
}

fn settings(gatekeepers: &[IpAddr]) -> Settings {
    Settings {
        gatekeepers: gatekeepers.to_vec(),
        daemon: "max_registrations = 4096\nheartbeat_timeout = \"60s\"".into(),
        zone: format!(
            "ras = \"proxy\"\nservice_address = [\"{}\"]\nupstream_address = \"{}\"\ncall_signalling = \"proxy\"\n\
             signalling_ports = \"20000-20099\"\nendpoint_ttl = \"30s\"\n[zone.probe]\ndead_time = \"400ms\"\n",
            topology::SERVICE,
            topology::GATEWAY[0],
        ),
        ..Settings::default()
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
