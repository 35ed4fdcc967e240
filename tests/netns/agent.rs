//! Endpoints that rasline itself is: what an agent does when its call-signalling connection is reset, read by tshark from
//! what passed its interface.
//!
//! gk1 is configured, and names the others as alternates. Agents speak from the gateway's own address.

use std::time::Duration;

use anyhow::Context;
use rasline_testkit::{
    Alternate, Capture, Controller, GatekeeperProcess, Gateway, GatewayOptions, Policy, Refuse,
    Settings, Stream, host, topology, wait,
};
use serde_json::Value;

use crate::scene::{SOON, ras};

/// What follows at once follows within this.
const AT_ONCE: Duration = Duration::from_millis(10);
/// So often a scenario is played until a busy machine lets it be in time.
const TRIES: usize = 5;

/// How a gatekeeper takes lightweight RRQs of agents that never registered with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Confirms them.
    Takes,
    /// Rejects them, and grants full ones.
    WantsFull,
    /// Rejects everything.
    Refuses,
    /// There is none any more.
    Dead,
}

pub(crate) struct AgentSite {
    pub(crate) controller: Controller,
    pub(crate) gatekeepers: Vec<GatekeeperProcess>,
    pub(crate) net: Gateway,
}

/// An agent's configuration; `lines` come before its device.
pub(crate) fn agent(name: &str, address: &str, lines: &str) -> String {
    format!(
        "\n[[agent]]\nname = \"{name}\"\nras_address = \"{address}\"\ngatekeepers = [\"{}\"]\n{lines}\n\
         [[agent.device]]\naliases = [\"{name}\", \"4400\"]\nprefixes = [\"44\"]\n",
        topology::GATEKEEPER
    )
}

/// Agents and nothing else.
pub(crate) fn settings(agents: String) -> Settings {
    Settings {
        gatekeepers: Vec::new(),
        agents,
        ..Settings::default()
    }
}

/// Where the gateway's own agents speak from.
pub(crate) fn own_address() -> String {
    topology::GATEWAY[0].to_string()
}

impl AgentSite {
    /// gk1, and alternates like these, with one agent that is registered and connected. Those that are to be dead live
    /// until then.
    pub(crate) fn new(moods: &[Mood], lines: &str) -> Self {
        let site = Self::unregistered(moods, &settings(agent("gw", &own_address(), lines)));
        site.await_at(1);
        for (n, mood) in (2..).zip(moods) {
            if *mood == Mood::Dead {
                site.gk(n).kill();
            }
        }
        site
    }

    pub(crate) fn unregistered(moods: &[Mood], settings: &Settings) -> Self {
        Self::signing(moods, settings, None)
    }

    /// Gatekeepers that sign all they say with this password.
    pub(crate) fn signing(moods: &[Mood], settings: &Settings, password: Option<&str>) -> Self {
        let count = moods.len() as u8 + 1;
        let options = GatewayOptions {
            // One more for the media.
            hosts: count + 1,
            ..GatewayOptions::default()
        };
        let net = Gateway::with(options).unwrap();
        let alternates = (2..=count).map(|n| Alternate {
            ras: ras(host::address_of(n)),
            name: format!("gk{n}"),
            need_to_register: false,
            priority: n,
        });
        let alternates: Vec<Alternate> = alternates.collect();
        let moods = std::iter::once(&Mood::Takes).chain(moods);
        let gatekeepers = (moods.zip(&net.hosts).zip(1..))
            .map(|((mood, host), n)| {
                let policy = Policy {
                    name: format!("gk{n}"),
                    eid_suffix: format!("gk{n}"),
                    alternates: if n == 1 {
                        alternates.clone()
                    } else {
                        Vec::new()
                    },
                    signs: password.map(str::to_owned),
                    confirm_unknown: *mood == Mood::Takes && n > 1,
                    refuse: match mood {
                        Mood::Refuses => Some(Refuse::ResourceUnavailable),
                        Mood::WantsFull => Some(Refuse::FullRequired),
                        Mood::Takes | Mood::Dead => None,
                    },
                    ..Policy::default()
                };
                GatekeeperProcess::start(&host.netns, ras(host.address()), policy).unwrap()
            })
            .collect();
        let controller = Controller::start(&net, settings).unwrap();
        Self {
            controller,
            gatekeepers,
            net,
        }
    }

    pub(crate) fn gk(&self, n: usize) -> &GatekeeperProcess {
        &self.gatekeepers[n - 1]
    }

    /// What the CLI says of the agent.
    pub(crate) fn shown(&self) -> Value {
        self.controller.json(&["agent", "show", "gw"]).unwrap()
    }

    /// Waits until the CLI says this of it.
    pub(crate) fn await_shown(&self, what: &str, like: impl Fn(&Value) -> bool) -> Value {
        let found = wait::until(what, SOON * 3, || Ok(Some(self.shown()).filter(&like)));
        found
            .with_context(|| format!("{}\n{}", self.shown(), self.controller.log()))
            .unwrap()
    }

    /// Waits until it is registered with gatekeeper `n`, and its call signalling is there, too.
    pub(crate) fn await_at(&self, n: u8) -> Value {
        let address = host::address_of(n);
        self.await_shown(&format!("the agent to be at gk{n}"), |a| {
            a["registered"] == true
                && a["gatekeeper"] == format!("{address}:1719")
                && a["connected_to"] == format!("{address}:1720")
        })
    }

    /// A capture of what the agent sends and gets.
    pub(crate) fn capture(&self) -> Capture {
        Capture::start(&self.net.gateway, topology::WAN).unwrap()
    }

    /// A call's media, between an endpoint and the host that is no gatekeeper, through this machine.
    pub(crate) fn media(&self) -> Stream {
        let host = self.net.hosts.last().unwrap();
        let here = (topology::endpoint(1), 5000).into();
        let there = (host.address(), 6000).into();
        Stream::start((&self.net.endpoints, here), (&host.netns, there)).unwrap()
    }
}

pub(crate) fn undisturbed(media: Stream) {
    for heard in media.finish() {
        assert!(heard.sent > 0 && heard.lost.is_empty(), "{heard:?}");
    }
}

/// What passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Grq,
    FullRrq,
    Lightweight,
    Rcf,
    Rrj,
    Urq,
    Syn,
    Rst,
    /// Any other RAS message or segment.
    Other,
}

/// A packet, as tshark reads it.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) at: Duration,
    pub(crate) kind: Kind,
    /// Number of the gatekeeper that it went to or came from.
    pub(crate) gk: u8,
    /// Sent by the agent.
    pub(crate) ours: bool,
}

/// All RAS messages and segments of call signalling, in order.
pub(crate) fn packets(capture: Capture) -> Vec<Packet> {
    let fields = [
        "frame.time_epoch",
        "ip.src",
        "ip.dst",
        "h225.RasMessage",
        "h225.keepAlive",
        "tcp.flags",
    ];
    let taken = capture.finish();
    taken.all_is_well(false).unwrap();
    let rows = taken.fields("h225.RasMessage || tcp.port == 1720", &fields);
    rows.unwrap().iter().map(|row| packet(row)).collect()
}

fn packet(row: &[String]) -> Packet {
    let ours = row[1] == own_address();
    let gk = if ours { &row[2] } else { &row[1] };
    let (ras, flags) = (row[3].as_str(), row[5].trim_start_matches("0x"));
    let flags = u16::from_str_radix(flags, 16).unwrap_or(0);
    let kind = match ras {
        "0" => Kind::Grq,
        "3" if matches!(row[4].as_str(), "1" | "True") => Kind::Lightweight,
        "3" => Kind::FullRrq,
        "4" => Kind::Rcf,
        "5" => Kind::Rrj,
        "6" => Kind::Urq,
        "" if flags & 4 != 0 => Kind::Rst,
        // SYN without ACK.
        "" if flags & 0x12 == 2 => Kind::Syn,
        _ => Kind::Other,
    };
    Packet {
        at: Duration::from_secs_f64(row[0].parse().unwrap()),
        kind,
        gk: gk.rsplit('.').next().unwrap().parse().unwrap(),
        ours,
    }
}

/// Kind and gatekeeper of what the agent sent that is one of these.
pub(crate) fn sent(packets: &[Packet], kinds: &[Kind]) -> Vec<(Kind, u8)> {
    let ours = packets.iter().filter(|p| p.ours && kinds.contains(&p.kind));
    ours.map(|p| (p.kind, p.gk)).collect()
}

/// The first that is like this.
pub(crate) fn first(packets: &[Packet], like: impl Fn(&Packet) -> bool) -> &Packet {
    let found = packets.iter().find(|p| like(p));
    found.unwrap_or_else(|| panic!("{packets:#?}"))
}

/// Requests of RAS, and connections.
pub(crate) const ASKED: [Kind; 4] = [Kind::Grq, Kind::FullRrq, Kind::Lightweight, Kind::Syn];

/// Plays it until what must follow at once does; it gives how long that took. On a machine that lets processes wait it is
/// played again.
fn at_once(mut scenario: impl FnMut() -> Vec<Duration>) {
    let played = (0..TRIES).map(|_| scenario());
    let mut all = Vec::new();
    for took in played {
        if took.iter().all(|took| *took <= AT_ONCE) {
            return;
        }
        all.push(took);
    }
    panic!("not at once in any of {TRIES} tries: {all:?}");
}

/// From the reset to the first lightweight RRQ.
fn reaction(packets: &[Packet]) -> Duration {
    let reset = first(packets, |p| p.kind == Kind::Rst && !p.ours);
    let asked = first(packets, |p| p.ours && p.kind == Kind::Lightweight);
    asked.at.saturating_sub(reset.at)
}

#[test]
fn one_alternate_takes_over_after_a_reset() {
    at_once(|| {
        let site = AgentSite::new(&[Mood::Takes], "");
        let (capture, media) = (site.capture(), site.media());
        let before = site.shown();
        site.gk(1).reset_calls().unwrap();
        let after = site.await_at(2);
        undisturbed(media);
        let packets = packets(capture);
        let expected = [(Kind::Lightweight, 2), (Kind::Syn, 2)];
        assert_eq!(sent(&packets, &ASKED), expected, "{packets:#?}");
        // As it is: nothing of it is another, but the gatekeeper.
        assert_eq!(after["endpoint_identifier"], before["endpoint_identifier"]);
        assert_eq!(after["gatekeeper_identifier"], "gk2");
        assert_eq!(after["losses"]["reset"], 1);
        assert_eq!(after["recoveries"], 1);
        assert!(after["last_recovery"].as_f64().unwrap() > 0.0, "{after}");
        vec![reaction(&packets)]
    });
}

/// The first alternate is dead, the second one rejects, the third one takes it.
#[test]
fn three_alternates_in_order() {
    at_once(|| {
        let moods = [Mood::Dead, Mood::WantsFull, Mood::Takes];
        let site = AgentSite::new(&moods, "alternates = \"in-order\"");
        let (capture, media) = (site.capture(), site.media());
        site.gk(1).reset_calls().unwrap();
        site.await_at(4);
        undisturbed(media);
        let packets = packets(capture);
        let asked = sent(&packets, &ASKED);
        let mut order = asked.clone();
        // The dead one may be asked again while the next is.
        order.dedup();
        order.retain(|one| *one != (Kind::Lightweight, 2));
        let expected = [
            (Kind::Lightweight, 3),
            (Kind::Lightweight, 4),
            (Kind::Syn, 4),
        ];
        assert_eq!(order, expected, "{packets:#?}");
        assert_eq!(asked[0], (Kind::Lightweight, 2), "{packets:#?}");
        let rejected = first(&packets, |p| p.kind == Kind::Rrj && p.gk == 3);
        let next = first(&packets, |p| p.kind == Kind::Lightweight && p.gk == 4);
        vec![reaction(&packets), next.at.saturating_sub(rejected.at)]
    });
}

/// All are asked at once; one is dead, one rejects, and exactly one connection is opened, to the best that confirms.
#[test]
fn three_alternates_at_once() {
    at_once(|| {
        let moods = [Mood::Refuses, Mood::Takes, Mood::Takes];
        let site = AgentSite::new(&moods, "alternates = \"all\"");
        let (capture, media) = (site.capture(), site.media());
        site.gk(1).reset_calls().unwrap();
        site.await_at(3);
        undisturbed(media);
        let packets = packets(capture);
        let asked = sent(&packets, &ASKED);
        for n in 2..=4 {
            assert!(asked.contains(&(Kind::Lightweight, n)), "{packets:#?}");
        }
        let connections: Vec<_> = asked
            .iter()
            .filter(|(kind, _)| *kind == Kind::Syn)
            .collect();
        assert_eq!(connections, [&(Kind::Syn, 3)], "{packets:#?}");
        let full = [Kind::Grq, Kind::FullRrq];
        assert!(sent(&packets, &full).is_empty(), "{packets:#?}");
        let last = |n| {
            let to = first(&packets, |p| p.kind == Kind::Lightweight && p.gk == n);
            let reset = first(&packets, |p| p.kind == Kind::Rst && !p.ours);
            to.at.saturating_sub(reset.at)
        };
        (2..=4).map(last).collect()
    });
}

/// Two of three do not answer: the one that does wins all the same, and once.
#[test]
fn the_dead_do_not_keep_the_living() {
    let moods = [Mood::Dead, Mood::Dead, Mood::Takes];
    let site = AgentSite::new(&moods, "alternates = \"all\"");
    let capture = site.capture();
    site.gk(1).kill();
    site.await_at(4);
    let packets = packets(capture);
    assert_eq!(
        sent(&packets, &[Kind::Syn]),
        [(Kind::Syn, 4)],
        "{packets:#?}"
    );
    assert_eq!(site.shown()["losses"]["closed"], 1);
}

/// Nobody confirms within t1: a full registration, not before, and with whoever takes it.
#[test]
fn a_full_registration_after_t1() {
    let lines = "discovery = \"off\"\nt1 = \"700ms\"";
    let site = AgentSite::new(&[Mood::Dead, Mood::Dead], lines);
    let capture = site.capture();
    site.gk(1).kill();
    site.await_shown("the agent to register", |a| a["state"] == "registering");
    site.gk(3).restart(&site.net.hosts[2].netns).unwrap();
    site.await_at(3);
    let packets = packets(capture);
    let asked = first(&packets, |p| p.ours && p.kind == Kind::Lightweight);
    let full = first(&packets, |p| p.ours && p.kind == Kind::FullRrq);
    let after = full.at.saturating_sub(asked.at);
    assert!(
        after >= Duration::from_millis(690),
        "{after:?} {packets:#?}"
    );
    assert_eq!(
        sent(&packets, &[Kind::Syn]),
        [(Kind::Syn, 3)],
        "{packets:#?}"
    );
    let shown = site.shown();
    assert_eq!(shown["endpoint_identifier"].as_str().map(str::len), Some(8));
    assert_eq!(shown["registrations"], 2);
}

/// When all that were asked reject it, nobody waits for t1.
#[test]
fn a_full_registration_when_all_reject() {
    let mut site = AgentSite::new(&[Mood::WantsFull], "t1 = \"60s\"");
    let capture = site.capture();
    let full = |p: &mut Policy| p.refuse = Some(Refuse::FullRequired);
    site.gatekeepers[0].set(full).unwrap();
    site.gk(1).reset_calls().unwrap();
    site.await_at(2);
    let packets = packets(capture);
    let expected = [
        (Kind::Lightweight, 2),
        (Kind::Lightweight, 1),
        (Kind::FullRrq, 2),
        (Kind::Syn, 2),
    ];
    assert_eq!(sent(&packets, &ASKED), expected, "{packets:#?}");
    assert_eq!(site.shown()["registrations"], 2);
}
