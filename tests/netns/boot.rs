//! Started before everything is there: what is there is served, the rest is waited for, and both are shown.

use std::net::{IpAddr, SocketAddr};

use rasline_testkit::{
    Controller, Gateway, Settings,
    settings::Place,
    topology::{self, LAN, WAN},
    wait, xdp,
};
use serde_json::Value;

use crate::{
    controller::{nothing_is_left, refused},
    own::{self, Own, endpoint, registrar, registrar_at},
    scene::{SOON, Scene, ras},
};

/// The interface as the status shows it, once `like` holds.
pub(crate) fn shown(controller: &Controller, name: &str, like: impl Fn(&Value) -> bool) -> Value {
    wait::until(&format!("interface {name} to be shown so"), SOON, || {
        let status = controller.json(&["status"])?;
        let all = status["interfaces"].as_array().cloned().unwrap_or_default();
        Ok(all.into_iter().find(|i| i["name"] == name && like(i)))
    })
    .unwrap()
}

fn attached(interface: &Value) -> bool {
    interface["attached"] == true && interface["trouble"] == ""
}

fn absent(interface: &Value) -> bool {
    interface["link"] == "absent" && interface["trouble"].as_str().is_some_and(|t| !t.is_empty())
}

/// What the status says is waited for, once `like` holds.
pub(crate) fn waiting(controller: &Controller, like: impl Fn(&str) -> bool) -> String {
    wait::until("what is waited for", SOON, || {
        let all = controller.json(&["status"])?["waiting"].to_string();
        Ok(like(&all).then_some(all))
    })
    .unwrap()
}

#[test]
fn an_interface_that_is_not_there_yet_is_attached_when_it_comes_and_when_it_comes_back() {
    let mut interfaces = Settings::default().interfaces;
    interfaces.push(("later0".into(), "both"));
    interfaces.push(("never0".into(), "both"));
    let scene = Scene::new(&Settings {
        interfaces,
        ..Settings::default()
    });
    // The others are served meanwhile.
    let mut served = scene.learned(1);
    scene.by_kernel(&mut served);
    for name in ["later0", "never0"] {
        shown(&scene.controller, name, absent);
    }
    let text = scene.controller.text(&["status"]).unwrap();
    assert!(text.contains("there is no such interface yet"), "{text}");
    for _ in 0..2 {
        let gateway = &scene.net.gateway;
        gateway
            .ip("link add later0 type veth peer name later1")
            .unwrap();
        gateway.ip("link set later0 up").unwrap();
        gateway.ip("link set later1 up").unwrap();
        shown(&scene.controller, "later0", attached);
        gateway.ip("link del later0").unwrap();
        shown(&scene.controller, "later0", absent);
    }
    shown(&scene.controller, "never0", absent);
    scene.by_kernel(&mut served);
}

#[test]
fn both_interfaces_come_later_and_endpoints_are_learned_then() {
    let net = Gateway::new().unwrap();
    for interface in [LAN, WAN] {
        net.gateway
            .ip(&format!("link set {interface} down"))
            .unwrap();
        net.gateway
            .ip(&format!("link set {interface} name x{interface}"))
            .unwrap();
    }
    let gatekeepers = vec![topology::GATEKEEPER, topology::GATEKEEPER_2];
    let settings = Settings {
        gatekeepers,
        ..Settings::default()
    };
    let controller = Controller::start(&net, &settings).unwrap();
    for interface in [LAN, WAN] {
        shown(&controller, interface, absent);
    }
    wait::until_true("the gatekeepers to be cut off", SOON, || {
        let list = controller.json(&["gatekeeper", "list"])?;
        Ok((0..2).all(|n| list[n]["state"] == "cut off"))
    })
    .unwrap();
    for interface in [LAN, WAN] {
        net.gateway
            .ip(&format!("link set x{interface} name {interface}"))
            .unwrap();
        net.gateway.ip(&format!("link set {interface} up")).unwrap();
        shown(&controller, interface, attached);
    }
}

#[test]
fn what_can_never_be_attached_to_is_refused_all_in_one_start() {
    let net = Gateway::new().unwrap();
    net.gateway.ip("tuntap add t0 mode tun").unwrap();
    net.gateway
        .ip("link add o0 type veth peer name o1")
        .unwrap();
    let theirs = xdp::attach_pass(&net.gateway, "o0", "someone_else").unwrap();
    let place = Place::new().unwrap();
    let mut interfaces = Settings::default().interfaces;
    interfaces.extend(["t0", "o0"].map(|name| (name.to_owned(), "both")));
    place
        .write(&Settings {
            interfaces,
            ..Settings::default()
        })
        .unwrap();
    refused(
        &net,
        &place,
        &["t0", "no Ethernet header", "tun", "o0", "someone_else"],
    );
    drop(theirs);
    nothing_is_left(&net, &place);
}

#[test]
fn one_without_ethernet_headers_that_comes_later_is_refused_and_named() {
    let mut interfaces = Settings::default().interfaces;
    interfaces.push(("t0".into(), "both"));
    let scene = Scene::new(&Settings {
        interfaces,
        ..Settings::default()
    });
    scene.net.gateway.ip("tuntap add t0 mode tun").unwrap();
    let shown = shown(&scene.controller, "t0", |i| {
        i["trouble"]
            .as_str()
            .is_some_and(|t| t.contains("Ethernet"))
    });
    assert_eq!(shown["attached"], false, "{shown}");
}

fn gives(net: &Gateway, change: &str, address: IpAddr, more: &str) {
    let words = format!("addr {change} {address} dev lo {more}");
    net.gateway.ip(&words).unwrap();
}

/// Held by the VRRP peer at the start; comes here, goes, comes again.
#[test]
fn an_address_that_is_not_here_yet_is_served_when_it_comes() {
    let net = Gateway::new().unwrap();
    let controller = Controller::start(&net, &registrar("")).unwrap();
    let address = SocketAddr::new(topology::SERVICE, 1719).to_string();
    for _ in 0..2 {
        let text = waiting(&controller, |all| all.contains(&address));
        assert!(text.contains("VRRP"), "{text}");
        gives(&net, "add", topology::SERVICE, "");
        endpoint(&net, 1, ras(topology::SERVICE))
            .register(SOON)
            .unwrap();
        waiting(&controller, |all| all == "[]");
        gives(&net, "del", topology::SERVICE, "");
    }
    own::await_event(&controller, "waiting", &address);
    own::await_event(&controller, "available", &address);
}

/// The same with metrics and IPv6: duplicate address detection goes on for as long as the test wants.
#[test]
fn a_tentative_address_is_served_when_it_is_no_longer() {
    let net = Gateway::new().unwrap();
    let gateway = &net.gateway;
    gateway
        .sysctl(&format!("ipv6/conf/{WAN}/dad_transmits"), "1000")
        .unwrap();
    gateway
        .sysctl(&format!("ipv6/conf/{WAN}/accept_dad"), "1")
        .unwrap();
    let address = topology::SERVICE_V6;
    gateway
        .ip(&format!("addr add {address}/128 dev {WAN}"))
        .unwrap();
    let settings = registrar_at(address, "");
    let own = Own {
        controller: Controller::start(&net, &settings).unwrap(),
        net,
    };
    let text = waiting(&own.controller, |all| all.contains(&address.to_string()));
    assert!(text.contains("tentative"), "{text}");
    let gateway = &own.net.gateway;
    gateway
        .ip(&format!("addr del {address}/128 dev {WAN}"))
        .unwrap();
    gateway
        .ip(&format!("addr add {address}/128 dev {WAN} nodad"))
        .unwrap();
    waiting(&own.controller, |all| all == "[]");
    endpoint(&own.net, 1, ras(address)).register(SOON).unwrap();
}

#[test]
fn metrics_at_an_address_that_is_not_here_yet() {
    let net = Gateway::new().unwrap();
    let address = topology::SERVICE;
    let settings = Settings {
        agents: format!("[metrics]\nlisten = \"{address}:9719\"\n"),
        ..Settings::default()
    };
    let controller = Controller::start(&net, &settings).unwrap();
    waiting(&controller, |all| all.contains(":9719"));
    gives(&net, "add", address, "");
    waiting(&controller, |all| all == "[]");
    let at = SocketAddr::new(address, 9719);
    let connected = net.gateway.run(|| std::net::TcpStream::connect(at));
    connected.unwrap().unwrap();
}

/// Its members cannot use the CLI then; everything else goes on.
#[test]
fn a_control_group_that_is_not_there() {
    let daemon = "max_registrations = 4096\ncontrol_group = \"rasline-no-such-group\"".to_owned();
    let scene = Scene::new(&Settings {
        daemon,
        ..Settings::default()
    });
    waiting(&scene.controller, |all| {
        all.contains("rasline-no-such-group")
    });
    let mut endpoint = scene.learned(1);
    scene.by_kernel(&mut endpoint);
}

/// What systemd does with the packaged unit: a restart with a broken file starts with the last good one, and says so.
#[test]
fn a_broken_file_and_the_last_good_one() {
    let mut scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    let place = scene.controller.place();
    let (file, copy) = (place.config(), place.state().join("last-good.toml"));
    let good = std::fs::read_to_string(&file).unwrap();
    scene.controller.kill().unwrap();
    let run = |controller: &mut Controller| {
        let copy = copy.to_str().unwrap().to_owned();
        controller.start_again_with(&scene.net, &["--last-good", &copy])
    };
    run(&mut scene.controller).unwrap();
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), good);
    scene.controller.kill().unwrap();
    std::fs::write(&file, "[daemon]\nnonsense = 1\n").unwrap();
    run(&mut scene.controller).unwrap();
    let text = waiting(&scene.controller, |all| all.contains("last good"));
    assert!(text.contains("nonsense"), "{text}");
    scene.by_kernel(&mut endpoint);
    std::fs::write(&file, &good).unwrap();
    scene.controller.text(&["reload"]).unwrap();
    waiting(&scene.controller, |all| all == "[]");
    // Without a copy a broken file is an error, as ever.
    scene.controller.kill().unwrap();
    std::fs::write(&file, "[daemon]\nnonsense = 1\n").unwrap();
    refused(&scene.net, scene.controller.place(), &["nonsense"]);
}
