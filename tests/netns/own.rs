//! What the tests of rasline's own gatekeepers start from.

use std::{
    io::Write as _,
    net::{IpAddr, SocketAddr},
    process::{Command, Stdio},
};

use anyhow::Context;
use rasline_h225::{RasMessage, text};
use rasline_testkit::{Controller, Endpoint, Gateway, Reply, Settings, controller, topology, wait};
use serde_json::Value;

use crate::scene::{SOON, ras};

/// A gateway that is the gatekeeper of its zone. Fields are dropped in this order.
pub(crate) struct Own {
    pub(crate) controller: Controller,
    pub(crate) net: Gateway,
}

/// A zone whose gatekeeper is rasline, with these lines besides.
pub(crate) fn registrar(lines: &str) -> Settings {
    registrar_at(topology::SERVICE, lines)
}

/// The same, at this address of the gateway.
pub(crate) fn registrar_at(service: IpAddr, lines: &str) -> Settings {
    Settings {
        gatekeepers: Vec::new(),
        zone: format!(
            "ras = \"registrar\"\nservice_address = [\"{service}\"]\ngatekeeper_identifier = \"own\"\n{lines}"
        ),
        ..Settings::default()
    }
}

/// Gives the gateway its service addresses.
pub(crate) fn network() -> Gateway {
    let net = Gateway::new().unwrap();
    for service in [topology::SERVICE, topology::SERVICE_V6] {
        net.gateway
            .ip(&format!("addr add {service} dev lo"))
            .unwrap();
    }
    net
}

impl Own {
    pub(crate) fn new(settings: &Settings) -> Self {
        let net = network();
        let controller = Controller::start(&net, settings).unwrap();
        Self { controller, net }
    }

    /// Endpoint `n`, with the aliases `ep<n>` and 5000 + n; not registered.
    pub(crate) fn endpoint(&self, n: u16) -> Endpoint {
        endpoint(&self.net, n, ras(topology::SERVICE))
    }

    /// Endpoint `n`, registered.
    pub(crate) fn registered(&self, n: u16) -> Endpoint {
        let mut endpoint = self.endpoint(n);
        endpoint.register(SOON).unwrap();
        endpoint
    }

    /// What the CLI shows of it, once `like` holds.
    pub(crate) fn shown(&self, endpoint: &Endpoint, like: impl Fn(&Value) -> bool) -> Value {
        shown(&self.controller, endpoint, like)
    }

    /// Keeps alive until the kernel answers: it counts its answers.
    pub(crate) fn kept_by_kernel(&self, endpoint: &mut Endpoint) {
        kept_by_kernel(&self.controller, endpoint);
    }

    pub(crate) fn await_event(&self, event: &str, saying: &str) -> Value {
        await_event(&self.controller, event, saying)
    }
}

/// Endpoint `n`, of the family of the gatekeeper that it speaks with.
pub(crate) fn endpoint(net: &Gateway, n: u16, to: SocketAddr) -> Endpoint {
    let names = [format!("ep{n}"), format!("{}", 5000 + u32::from(n))];
    let from = if to.is_ipv6() {
        topology::endpoint_v6(n)
    } else {
        topology::endpoint(n)
    };
    let from = ras(from);
    Endpoint::new(&net.endpoints, from, to, &[&names[0], &names[1]]).unwrap()
}

pub(crate) fn shown(
    controller: &Controller,
    endpoint: &Endpoint,
    like: impl Fn(&Value) -> bool,
) -> Value {
    let mut last = Value::Null;
    let found = wait::until("the registration to be shown", SOON, || {
        last = controller.json(&["registration", "list"])?;
        let mut all = last.as_array().context("a list")?.iter();
        let one = all.find(|r| r["endpoint_identifier"] == endpoint.eid() && like(r));
        Ok(one.cloned())
    });
    found.with_context(|| last.to_string()).unwrap()
}

pub(crate) fn kept_by_kernel(controller: &Controller, endpoint: &mut Endpoint) {
    let answered = |shown: &Value| shown["answered"].as_u64().unwrap_or(0);
    let mut last = Value::Null;
    let kept = wait::until_true("the kernel to answer", SOON, || {
        let reply = endpoint.keep_alive(SOON)?.context("no answer at all")?;
        anyhow::ensure!(reply.is_rcf(), "not an RCF: {reply:?}");
        last = controller.json(&["registration", "list"])?;
        let mut all = last.as_array().context("a list")?.iter();
        Ok(all.any(|r| r["endpoint_identifier"] == endpoint.eid() && answered(r) > 0))
    });
    kept.with_context(|| last.to_string()).unwrap();
}

pub(crate) fn await_event(controller: &Controller, event: &str, saying: &str) -> Value {
    let mut last = Value::Null;
    let found = wait::until("an event", SOON, || {
        last = controller.json(&["events"])?;
        let mut all = last.as_array().context("a list")?.iter();
        Ok(all
            .find(|e| e["event"] == event && e.to_string().contains(saying))
            .cloned())
    });
    found
        .with_context(|| format!("{event} {saying}: {last}"))
        .unwrap()
}

/// Waits until all that is to be remembered is written.
pub(crate) fn await_stored(controller: &Controller) {
    wait::until_true("everything to be written", SOON, || {
        let status = controller.json(&["status"])?;
        Ok(status["store"]["waiting"] == 0)
    })
    .unwrap();
}

/// Imports profiles by the CLI.
pub(crate) fn import(controller: &Controller, toml: &str) {
    let mut child = Command::new(controller::binary().unwrap())
        .args(["profile", "import", "-", "--format", "toml", "--state-dir"])
        .arg(controller.place().state())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    to.write_all(toml.as_bytes()).unwrap();
    drop(to);
    assert!(child.wait().unwrap().success());
}

/// Where an ACF sends the call.
pub(crate) fn destination(acf: &Reply) -> SocketAddr {
    let RasMessage::AdmissionConfirm(acf) = acf.message().unwrap() else {
        panic!("not an ACF: {acf:?}")
    };
    text::from_transport(&acf.dest_call_signal_address).expect("an address of IP")
}
