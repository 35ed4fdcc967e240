//! What the tests of failover start from: gatekeepers that can fail, each a process on a host of its own.

use std::net::{IpAddr, SocketAddr};

use anyhow::Result;
use rasline_testkit::{
    Alternate, CallLine, Capture, Controller, Endpoint, GatekeeperProcess, Gateway, GatewayOptions,
    Policy, Reply, Seen, Settings, Stalls, Stream, What, host, rtp,
    signalling::{Kind, Message},
    topology, wait,
};

use crate::scene::{BRIEFLY, SOON, ras};

/// What a site is like.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// gk1, gk2, ... on hosts of their own, and one host more, for the media.
    pub(crate) gatekeepers: u8,
    /// The first so many of them are configured.
    pub(crate) configured: usize,
    /// What gatekeeper 1 names as alternates.
    pub(crate) alternates: Vec<Alternate>,
    /// What gatekeeper 1 is like besides.
    pub(crate) policy: fn(&mut Policy),
    pub(crate) v6: bool,
    pub(crate) offload: bool,
    pub(crate) settings: Settings,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            gatekeepers: 2,
            configured: usize::MAX,
            alternates: Vec::new(),
            policy: |_| {},
            v6: false,
            offload: false,
            settings: Settings {
                refresh_every: Some("1s"),
                dead_after: "300ms",
                ..Settings::default()
            },
        }
    }
}

impl Plan {
    /// With these lines in the zone.
    pub(crate) fn zone(lines: &str) -> Self {
        let mut plan = Self::default();
        plan.settings.zone = lines.into();
        plan
    }
}

/// Fields are dropped in this order.
pub(crate) struct Site {
    pub(crate) controller: Controller,
    pub(crate) gatekeepers: Vec<GatekeeperProcess>,
    pub(crate) net: Gateway,
    v6: bool,
}

/// Two addresses, each with the port of call signalling.
pub(crate) fn call_port(ip: IpAddr) -> SocketAddr {
    SocketAddr::new(ip, 1720)
}

impl Site {
    pub(crate) fn new(plan: &Plan) -> Self {
        let options = GatewayOptions {
            hosts: plan.gatekeepers + 1,
            offload: plan.offload,
            ..GatewayOptions::default()
        };
        let net = Gateway::with(options).unwrap();
        let addresses: Vec<IpAddr> = (1..=plan.gatekeepers)
            .map(|n| address(n, plan.v6))
            .collect();
        let gatekeepers = (addresses.iter().zip(&net.hosts).zip(1..))
            .map(|((&address, host), n)| {
                let mut policy = Policy {
                    name: format!("gk{n}"),
                    eid_suffix: format!("gk{n}"),
                    ..Policy::default()
                };
                if n == 1 {
                    policy.alternates.clone_from(&plan.alternates);
                    (plan.policy)(&mut policy);
                }
                GatekeeperProcess::start(&host.netns, ras(address), policy).unwrap()
            })
            .collect();
        let settings = Settings {
            gatekeepers: addresses.into_iter().take(plan.configured).collect(),
            ..plan.settings.clone()
        };
        let controller = Controller::start(&net, &settings).unwrap();
        Self {
            controller,
            gatekeepers,
            net,
            v6: plan.v6,
        }
    }

    /// Address of gatekeeper `n`, from 1 on.
    pub(crate) fn address(&self, n: u8) -> IpAddr {
        address(n, self.v6)
    }

    pub(crate) fn gk(&self, n: usize) -> &GatekeeperProcess {
        &self.gatekeepers[n - 1]
    }

    /// Starts gatekeeper `n` again after it was killed.
    pub(crate) fn restart(&self, n: usize) {
        self.gk(n).restart(&self.net.hosts[n - 1].netns).unwrap();
    }

    pub(crate) fn endpoint_address(&self, n: u16) -> IpAddr {
        if self.v6 {
            topology::endpoint_v6(n)
        } else {
            topology::endpoint(n)
        }
    }

    /// Endpoint `n`, which sends to `to`; not registered.
    pub(crate) fn endpoint_at(&self, n: u16, to: IpAddr) -> Endpoint {
        let from = ras(self.endpoint_address(n));
        let names = [format!("ep{n}"), format!("{}", 5000 + u32::from(n))];
        Endpoint::new(&self.net.endpoints, from, ras(to), &[&names[0], &names[1]]).unwrap()
    }

    /// Endpoint `n` of gatekeeper 1, registered, and answered by the kernel.
    pub(crate) fn learned(&self, n: u16) -> Endpoint {
        self.learned_at(n, self.address(1))
    }

    /// The same, of another gatekeeper or of the service address.
    pub(crate) fn learned_at(&self, n: u16, to: IpAddr) -> Endpoint {
        let mut endpoint = self.endpoint_at(n, to);
        endpoint.register(SOON).unwrap();
        self.learn(&mut endpoint);
        endpoint
    }

    /// Keeps alive until the kernel answers.
    pub(crate) fn learn(&self, endpoint: &mut Endpoint) {
        wait::until_true("the kernel to answer", SOON, || {
            endpoint.stay(SOON)?;
            Ok(!self.seen_by_any(endpoint)?)
        })
        .unwrap();
    }

    /// Whether any gatekeeper saw its last request.
    fn seen_by_any(&self, endpoint: &Endpoint) -> Result<bool> {
        for gatekeeper in &self.gatekeepers {
            if gatekeeper.count(of(endpoint))? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether gatekeeper `n` saw its last request.
    pub(crate) fn saw(&self, n: usize, endpoint: &Endpoint) -> bool {
        self.gk(n).count(of(endpoint)).unwrap() > 0
    }

    /// Lives on until gatekeeper `n` has it registered, and says where the answers came from.
    pub(crate) fn moves_to(&self, n: usize, endpoint: &mut Endpoint) {
        let from = endpoint.address();
        wait::until_true(
            &format!("the registration to move to gk{n}"),
            SOON * 2,
            || {
                endpoint.stay(SOON)?;
                let there = self
                    .gk(n)
                    .count(|s| s.from == from && s.what == What::FullRrq)?;
                Ok(there > 0)
            },
        )
        .unwrap();
    }

    /// A connection of endpoint `n` to this call-signalling address.
    pub(crate) fn line(&self, n: u16, to: IpAddr) -> CallLine {
        let from = self.endpoint_address(n);
        CallLine::connect(&self.net.endpoints, from, call_port(to), SOON).unwrap()
    }

    /// A connection that gatekeeper `n` accepted, once the zone has moved there: those before are refused, or reach
    /// nobody.
    pub(crate) fn line_to(&self, n: usize, endpoint: u16, to: IpAddr) -> CallLine {
        let from = self.endpoint_address(endpoint);
        wait::until(&format!("a connection to gk{n}"), SOON, || {
            let line = CallLine::connect(&self.net.endpoints, from, call_port(to), BRIEFLY);
            let Ok(line) = line else { return Ok(None) };
            let local = line.local();
            let there = |s: &Seen| s.what == What::Connected && s.from == local;
            Ok((self.gk(n).count(there)? > 0).then_some(line))
        })
        .unwrap()
    }

    /// A call on this connection is answered, and gatekeeper `n` saw its Setup.
    pub(crate) fn call(&self, n: usize, line: &mut CallLine) {
        let before = self.setups(n, line);
        let answers = line.call("someone", SOON).unwrap();
        assert_eq!(
            kinds(&answers),
            [Kind::CallProceeding, Kind::Alerting, Kind::Connect]
        );
        assert_eq!(self.setups(n, line), before + 1);
    }

    fn setups(&self, n: usize, line: &CallLine) -> usize {
        let from = line.local();
        let setup = |s: &Seen| s.what == What::Setup && s.from == from;
        self.gk(n).count(setup).unwrap()
    }

    /// A capture of what the endpoints see.
    pub(crate) fn capture(&self) -> Capture {
        Capture::start(&self.net.endpoints, "ep0").unwrap()
    }

    /// Streams through the box that must not notice anything: between media ports, and between ports of RAS and call
    /// signalling at addresses that are nobody's gatekeeper.
    pub(crate) fn streams(&self) -> Media {
        let stalls = Stalls::start();
        let hosts = self.gatekeepers.len();
        // (endpoint, its port, host, its port); endpoint 1 has RAS and calls too, and so has the backup's host.
        let between = [
            (1, 5000, hosts + 1, 6000),
            (1, 5002, 2, 5998),
            (901, 1719, hosts + 1, 1720),
            (902, 1720, hosts + 1, 1719),
        ];
        let streams = (between.into_iter())
            .map(|(n, here, host, there)| {
                let here = SocketAddr::new(self.endpoint_address(n), here);
                let there = SocketAddr::new(self.address(host as u8), there);
                let netns = &self.net.hosts[host - 1].netns;
                Stream::start((&self.net.endpoints, here), (netns, there)).unwrap()
            })
            .collect();
        Media { streams, stalls }
    }

    /// The gatekeeper that the CLI says is active.
    pub(crate) fn active(&self) -> String {
        let zones = self.controller.json(&["zone", "list"]).unwrap();
        let active = zones[0]["steering"]["active"].as_str();
        active.unwrap_or_else(|| panic!("{zones}")).to_owned()
    }

    pub(crate) fn await_active(&self, id: &str) {
        let active = || Ok(self.active() == id);
        wait::until_true(&format!("{id} to be active"), SOON * 2, active).unwrap();
    }

    /// Waits until gatekeeper `n` is shown in this state.
    pub(crate) fn await_state(&self, n: usize, state: &str) {
        wait::until_true(&format!("gk{n} to be {state}"), SOON * 2, || {
            let list = self.controller.json(&["gatekeeper", "list"])?;
            Ok(list[n - 1]["probe"]["state"] == state)
        })
        .unwrap();
    }

    /// Events so far that say this.
    pub(crate) fn events(&self, saying: &str) -> usize {
        let all = self.controller.json(&["events"]).unwrap();
        let all = all.as_array().expect("a list").iter();
        all.filter(|e| e.to_string().contains(saying)).count()
    }

    /// Sum of a counter over all interfaces.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let all = self.controller.json(&["counters"]).unwrap();
        let interfaces = all.as_array().expect("a list").iter();
        let each = interfaces.flat_map(|i| i["counters"].as_array().expect("counters"));
        each.filter(|c| c["name"] == name)
            .filter_map(|c| c["value"].as_u64())
            .sum()
    }
}

fn address(n: u8, v6: bool) -> IpAddr {
    if v6 {
        host::address_v6_of(n)
    } else {
        host::address_of(n)
    }
}

/// Lines of a gatekeeper's log about the last request of an endpoint.
fn of(endpoint: &Endpoint) -> impl Fn(&Seen) -> bool {
    let (from, seq, asked) = (endpoint.address(), endpoint.seq(), endpoint.asked());
    move |s| s.from == from && s.seq == seq && s.at >= asked
}

pub(crate) fn kinds(messages: &[Message]) -> Vec<Kind> {
    messages.iter().map(|m| m.kind).collect()
}

/// Asks for admission until it is granted, registering as an endpoint does in between; the ACF.
pub(crate) fn admitted(endpoint: &mut Endpoint) -> Reply {
    wait::until("admission", SOON, || {
        let reply = endpoint.admit(SOON)?;
        if reply.is_acf() {
            return Ok(Some(reply));
        }
        assert!(reply.is_arj(), "{reply:?}");
        endpoint.stay(SOON)?;
        Ok(None)
    })
    .unwrap()
}

/// Streams, and what the machine itself held them up.
pub(crate) struct Media {
    streams: Vec<Stream>,
    stalls: Stalls,
}

impl Media {
    /// No stream lost anything, or was held up for longer than two packets take, and than this machine lets others
    /// wait.
    pub(crate) fn end_undisturbed(self) {
        let heard: Vec<_> = (self.streams.into_iter())
            .flat_map(Stream::finish)
            .collect();
        let most = 2 * rtp::SPACING + self.stalls.longest();
        for heard in heard {
            assert!(heard.sent > 0 && heard.lost.is_empty(), "{heard:?}");
            assert!(heard.longest_gap <= most, "{heard:?}, {most:?}");
        }
    }
}
