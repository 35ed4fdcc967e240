//! A stateful firewall on the gateway: the rules that the guide shows, and those that `rasline firewall` prints.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rasline_h225::types::RasMessage;
use rasline_testkit::{
    CallLine, Controller, Endpoint, Gateway, Netns, Reply, Seen, Settings, What, controller,
    topology, wait,
};

use crate::{
    scene::{BRIEFLY, SOON, Scene},
    site::{Plan, Site, call_port},
};

/// How long an entry of connection tracking lives here.
const LIVES: Duration = Duration::from_secs(4);
/// The line of the guide's rules that accepts what `rasline firewall` exempts.
const UNTRACKED: &str = "ct state untracked accept";

/// The rules of the guide for a forward chain.
fn rules_of_the_guide() -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let section = guide.split("## Firewalls and connection tracking").nth(1);
    let lines = section.unwrap().lines();
    let rules = lines.skip_while(|line| !line.starts_with("    table inet filter"));
    let rules = rules.map_while(|line| line.strip_prefix("    "));
    rules.collect::<Vec<_>>().join("\n")
}

/// The same without what only the printed rules need, and with counters of what is dropped.
fn usual_rules() -> String {
    let all = rules_of_the_guide();
    assert!(all.contains(UNTRACKED), "{all}");
    let usual = all.replace(UNTRACKED, "");
    counting(&usual)
}

/// Counts what is invalid, and what no rule accepts.
fn counting(rules: &str) -> String {
    let rules = rules.replace(
        "ct state invalid drop",
        "ct state invalid counter name invalid drop",
    );
    let end = rules.rfind("    }").unwrap();
    let (before, after) = rules.split_at(end);
    let chain = format!("{before}        counter name dropped\n{after}");
    chain.replacen('{', "{\n counter invalid { }\n counter dropped { }\n", 1)
}

/// Entries live for a short time here, and the firewall is there.
fn firewall(gateway: &Netns, rules: &str) {
    for name in ["udp_timeout", "udp_timeout_stream"] {
        let seconds = LIVES.as_secs().to_string();
        let key = format!("netfilter/nf_conntrack_{name}");
        gateway.sysctl(&key, &seconds).unwrap();
    }
    gateway.nft(rules).unwrap();
}

/// Loads what `rasline firewall` prints.
fn load_printed(net: &Gateway, controller: &Controller) {
    let output = std::process::Command::new(controller::binary().unwrap())
        .arg("--config")
        .arg(controller.place().config())
        .arg("firewall")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let rules = String::from_utf8(output.stdout).unwrap();
    // Twice: it replaces what is there.
    net.gateway.nft(&rules).unwrap();
    net.gateway.nft(&rules).unwrap();
}

fn scene() -> Scene {
    scene_with(&usual_rules())
}

/// A gatekeeper that is asked seldom, by endpoints that ask often.
fn scene_with(rules: &str) -> Scene {
    let net = Gateway::new().unwrap();
    firewall(&net.gateway, rules);
    let settings = Settings {
        endpoint_ttl: Some("5s"),
        refresh_every: Some("300s"),
        ..Settings::default()
    };
    Scene::on(net, &settings, rasline_testkit::Policy::default())
}

/// Keep-alives that the kernel answers, for longer than three entries live one after the other.
fn answered_for_long(scene: &Scene, endpoint: &mut Endpoint) {
    let start = Instant::now();
    wait::until_true("the time that three entries live", SOON, || {
        scene.by_kernel(endpoint);
        Ok(start.elapsed() > LIVES * 3)
    })
    .unwrap();
}

fn is_irq(reply: &Reply) -> bool {
    matches!(reply.message().unwrap(), RasMessage::InfoRequest(_))
}

/// The gatekeeper's IRQ reaches the endpoint, and the answer the gatekeeper.
fn inquired(scene: &Scene, endpoint: &mut Endpoint) {
    scene.gatekeeper.inquire(endpoint.eid()).unwrap();
    let irq = endpoint.unasked(SOON).unwrap();
    assert!(is_irq(&irq), "{irq:?}");
    endpoint.inform(&irq).unwrap();
    let from = endpoint.address();
    let informed = |s: &Seen| s.what == What::Irr && s.from == from;
    scene.gatekeeper.await_seen(1, SOON, informed).unwrap();
}

fn entries(net: &Gateway, endpoint: &Endpoint) -> usize {
    let at = endpoint.address();
    let (source, port) = (format!("src={}", at.ip()), format!("sport={}", at.port()));
    net.gateway.tracked(&["udp", &source, &port]).unwrap()
}

/// Connection tracking sees none of the keep-alives that the kernel answers, and yet the gatekeeper may ask.
#[test]
fn the_gatekeeper_reaches_an_endpoint_that_the_kernel_answers() {
    let scene = scene();
    let mut endpoint = scene.learned(1);
    answered_for_long(&scene, &mut endpoint);
    assert_eq!(entries(&scene.net, &endpoint), 1);
    inquired(&scene, &mut endpoint);
    assert_eq!(scene.net.gateway.nft_counter("dropped").unwrap(), 0);
}

/// An endpoint that says nothing any more has no entry any more, as without rasline.
#[test]
fn an_entry_ends_with_its_endpoint() {
    let scene = scene();
    let mut endpoint = scene.learned(1);
    scene.by_kernel(&mut endpoint);
    wait::until_true("the entry to end", SOON, || {
        Ok(entries(&scene.net, &endpoint) == 0)
    })
    .unwrap();
}

/// Nobody renews entries then; the printed rules need none.
#[test]
fn without_the_controller_the_printed_rules_do() {
    let scene = scene_with(&counting(&rules_of_the_guide()));
    let mut endpoint = scene.learned(1);
    scene.controller.freeze().unwrap();
    wait::until_true("the entry to end", SOON, || {
        scene.by_kernel(&mut endpoint);
        Ok(entries(&scene.net, &endpoint) == 0)
    })
    .unwrap();
    let gateway = &scene.net.gateway;
    let before = gateway.nft_counter("dropped").unwrap();
    scene.gatekeeper.inquire(endpoint.eid()).unwrap();
    wait::until_true("the firewall to drop the IRQ", SOON, || {
        Ok(gateway.nft_counter("dropped")? > before)
    })
    .unwrap();
    load_printed(&scene.net, &scene.controller);
    inquired(&scene, &mut endpoint);
}

/// With the printed rules nothing is tracked, and the controller makes no entries.
#[test]
fn the_printed_rules_are_enough() {
    let net = Gateway::new().unwrap();
    firewall(&net.gateway, &counting(&rules_of_the_guide()));
    let settings = Settings {
        endpoint_ttl: Some("5s"),
        ..Settings::default()
    };
    let scene = Scene::on(net, &settings, rasline_testkit::Policy::default());
    load_printed(&scene.net, &scene.controller);
    let mut endpoint = scene.learned(1);
    answered_for_long(&scene, &mut endpoint);
    inquired(&scene, &mut endpoint);
    let mut other = scene.endpoint(2);
    other.register(SOON).unwrap();
    assert_eq!(entries(&scene.net, &other), 0);
}

/// A site whose frames leave checksums to a card, with a firewall; its zone has moved to gk2.
fn moved(plan: &Plan, rules: &str) -> (Site, Endpoint) {
    let site = Site::new(plan);
    firewall(&site.net.gateway, rules);
    let mut endpoint = site.learned(1);
    site.gk(1).freeze().unwrap();
    site.moves_to(2, &mut endpoint);
    (site, endpoint)
}

/// What is readdressed is completed and redirected, so that connection tracking never sees half of it.
#[test]
fn calls_go_on_after_a_failover() {
    for v6 in [false, true] {
        let plan = Plan {
            offload: true,
            v6,
            ..Plan::default()
        };
        let (site, mut endpoint) = moved(&plan, &usual_rules());
        let capture = site.capture();
        for _ in 0..5 {
            let mut line = site.line(1, site.address(1));
            site.call(2, &mut line);
        }
        assert!(endpoint.admit(SOON).unwrap().is_acf());
        capture.finish().all_is_well(false).unwrap();
        assert!(site.counter("redirect") > 0);
        assert_eq!(site.net.gateway.nft_counter("invalid").unwrap(), 0);
    }
}

/// In generic mode such frames go through the stack: what comes back is invalid to it, if it is tracked.
#[test]
fn what_the_stack_forwards_needs_the_printed_rules() {
    let mut plan = Plan {
        offload: true,
        ..Plan::zone(&format!("service_address = [\"{}\"]", topology::SERVICE))
    };
    plan.settings.xdp_mode = "generic";
    let site = Site::new(&plan);
    let gateway = &site.net.gateway;
    firewall(gateway, &counting(&rules_of_the_guide()));
    let from = topology::endpoint(1);
    let connect = || {
        let to = call_port(topology::SERVICE);
        CallLine::connect(&site.net.endpoints, from, to, BRIEFLY)
    };
    wait::until_true("the firewall to drop an answer", SOON, || {
        Ok(connect().is_err() && gateway.nft_counter("invalid")? > 0)
    })
    .unwrap();
    load_printed(&site.net, &site.controller);
    let mut endpoint = site.learned_at(1, topology::SERVICE);
    let mut line = site.line(1, topology::SERVICE);
    site.call(1, &mut line);
    site.gk(1).freeze().unwrap();
    site.moves_to(2, &mut endpoint);
    let mut line = site.line_to(2, 1, topology::SERVICE);
    site.call(2, &mut line);
    assert!(site.counter("redirect_stack") > 0);
}
