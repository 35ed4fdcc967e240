//! What every test starts from: the network, a gatekeeper and a controller, and questions to them.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, Result};
use rasline_testkit::{
    Controller, Endpoint, FakeGatekeeper, Gateway, Policy, Reply, Settings, Swarm, topology, wait,
};
use serde_json::Value;

/// For what should come at once, on a busy machine.
pub(crate) const SOON: Duration = wait::PATIENCE;
/// For an answer that may not come: a keep-alive to a dead gatekeeper.
pub(crate) const BRIEFLY: Duration = Duration::from_millis(250);

/// Fields are dropped in this order.
pub(crate) struct Scene {
    pub(crate) controller: Controller,
    pub(crate) gatekeeper: FakeGatekeeper,
    pub(crate) net: Gateway,
}

pub(crate) fn ras(ip: IpAddr) -> SocketAddr {
    SocketAddr::new(ip, 1719)
}

impl Scene {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self::with(settings, Policy::default())
    }

    pub(crate) fn with(settings: &Settings, policy: Policy) -> Self {
        Self::on(Gateway::new().unwrap(), settings, policy)
    }

    pub(crate) fn on(net: Gateway, settings: &Settings, policy: Policy) -> Self {
        let address = ras(settings.gatekeepers[0]);
        let gatekeeper = FakeGatekeeper::start(&net.gatekeepers, address, policy).unwrap();
        let controller = Controller::start(&net, settings).unwrap();
        Self {
            controller,
            gatekeeper,
            net,
        }
    }

    /// Endpoint `n`, not yet registered.
    pub(crate) fn endpoint(&self, n: u16) -> Endpoint {
        let alias = format!("ep{n}");
        let digits = format!("{}", 5000 + u32::from(n));
        let to = ras(topology::GATEKEEPER);
        let from = ras(topology::endpoint(n));
        Endpoint::new(&self.net.endpoints, from, to, &[&alias, &digits]).unwrap()
    }

    /// Endpoint `n`, registered, and answered by the kernel.
    pub(crate) fn learned(&self, n: u16) -> Endpoint {
        let mut endpoint = self.endpoint(n);
        endpoint.register(SOON).unwrap();
        self.learn(&mut endpoint);
        endpoint
    }

    /// `n` endpoints, registered, and answered by the kernel.
    pub(crate) fn swarm(&self, n: u16) -> Swarm {
        let addresses = (0..n).map(|i| ras(topology::endpoint(i)));
        let to = ras(topology::GATEKEEPER);
        let mut swarm = Swarm::new(&self.net.endpoints, addresses, to).unwrap();
        swarm.register(SOON).unwrap();
        for endpoint in &mut swarm.endpoints {
            self.learn(endpoint);
        }
        swarm
    }

    /// Sends keep-alives until the kernel answers one. Each is answered by somebody.
    pub(crate) fn learn(&self, endpoint: &mut Endpoint) {
        let learned = wait::until_true("the kernel to answer", SOON, || {
            let reply = endpoint.keep_alive(SOON)?.context("no answer at all")?;
            anyhow::ensure!(reply.is_rcf(), "not an RCF: {reply:?}");
            Ok(!self.seen(endpoint))
        });
        learned
            .with_context(|| self.registrations().unwrap_or_default().to_string())
            .unwrap();
    }

    /// Whether the gatekeeper saw the last request of this endpoint. It writes its log before it answers.
    pub(crate) fn seen(&self, endpoint: &Endpoint) -> bool {
        let (from, seq, asked) = (endpoint.address(), endpoint.seq(), endpoint.asked());
        self.gatekeeper
            .count(|s| s.from == from && s.seq == seq && s.at >= asked)
            > 0
    }

    /// One keep-alive, its RCF, and that it came from the kernel: the gatekeeper did not see it.
    pub(crate) fn by_kernel(&self, endpoint: &mut Endpoint) -> Reply {
        let reply = endpoint.keep_alive(SOON).unwrap().expect("an answer");
        assert!(reply.is_rcf(), "not an RCF: {reply:?}");
        assert!(!self.seen(endpoint), "the gatekeeper saw it");
        assert!(reply.by_gateway(), "hops: {}", reply.hops);
        reply
    }

    /// One keep-alive, its answer, and that the gatekeeper saw it.
    pub(crate) fn by_gatekeeper(&self, endpoint: &mut Endpoint) -> Reply {
        let reply = endpoint.keep_alive(SOON).unwrap().expect("an answer");
        assert!(self.seen(endpoint), "the gatekeeper did not see it");
        reply
    }

    /// Sum of a counter over all interfaces.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        counter(&self.controller, name)
    }

    pub(crate) fn registrations(&self) -> Result<Value> {
        self.controller.json(&["registration", "list"])
    }

    /// What the CLI says about this endpoint, once it says something for which `like` holds.
    pub(crate) fn registration(&self, endpoint: &Endpoint, like: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = wait::until("the registration to be shown", SOON, || {
            last = self.registrations()?;
            let mut all = last.as_array().context("a list")?.iter();
            let one = all.find(|r| r["endpoint_identifier"] == endpoint.eid() && like(r));
            Ok(one.cloned())
        });
        found.with_context(|| last.to_string()).unwrap()
    }
}

/// Sum of a counter over all interfaces.
pub(crate) fn counter(controller: &Controller, name: &str) -> u64 {
    let all = controller.json(&["counters"]).unwrap();
    let interfaces = all.as_array().expect("a list");
    let each = interfaces
        .iter()
        .flat_map(|i| i["counters"].as_array().expect("counters"));
    let values: Vec<u64> = each
        .filter(|c| c["name"] == name)
        .filter_map(|c| c["value"].as_u64())
        .collect();
    assert!(!values.is_empty(), "no counter {name}: {all}");
    values.iter().sum()
}
