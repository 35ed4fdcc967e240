//! An interface: is it there, what drives it, who else is on it, and does the kernel forward what comes in by it.

use std::net::IpAddr;

use super::{Consequence, Findings, Verdict, sysctl};
use crate::{
    bpf::pins,
    config::{Config, Interface, XdpMode},
    host::{
        ethtool::{self, Ethtool},
        link::{self, Attached, LinkInfo},
        netdev,
    },
};

/// Address families that the configuration speaks of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Families {
    v4: bool,
    v6: bool,
}

impl Families {
    pub(super) fn of(config: &Config) -> Self {
        let gatekeepers = config.zones.iter().flat_map(|z| &z.gatekeepers);
        let addresses: Vec<IpAddr> = gatekeepers.map(|g| g.address).collect();
        Self {
            v4: addresses.iter().any(IpAddr::is_ipv4),
            v6: addresses.iter().any(IpAddr::is_ipv6),
        }
    }
}

pub(super) fn examine(f: &mut Findings, interface: &Interface, families: Families, ours: &[u32]) {
    let name = &interface.name;
    let info = match link::by_name(name) {
        Ok(info) => info,
        Err(e) => {
            let absent = e.kind() == std::io::ErrorKind::NotFound;
            let found = if absent {
                "absent".to_owned()
            } else {
                e.to_string()
            };
            return f.bad(
                Verdict::Fail,
                name,
                found,
                &Consequence {
                    means: "the controller serves the others, and attaches to it as soon as it comes",
                    advice: "see `ip link`; is this the right network namespace?",
                },
            );
        }
    };
    let tool = ethtool::ask(name);
    device(f, name, &info, &tool);
    xdp(f, interface, &info, ours);
    offloads(f, interface, &info, &tool);
    if families.v4 {
        reverse_path(f, name);
        forwarding_v4(f, name, &info);
    }
    if families.v6 {
        forwarding_v6(f, name, &info);
    }
}

fn device(f: &mut Findings, name: &str, info: &LinkInfo, tool: &Ethtool) {
    let driver = match &tool.driver {
        Some(driver) => driver,
        None if info.kind.is_empty() => "unknown",
        None => &info.kind,
    };
    let state = match (info.up, info.carrier) {
        (true, true) => "up",
        (true, false) => "no carrier",
        (false, _) => "down",
    };
    f.check(
        info.has_ethernet(),
        Verdict::Fail,
        &format!("{name} link layer"),
        if info.has_ethernet() {
            "Ethernet".to_owned()
        } else {
            format!("no Ethernet headers ({})", info.kind_name())
        },
        &Consequence {
            means: "the program cannot read its packets, so that the controller refuses it",
            advice: "name Ethernet interfaces (also VLAN, bond, bridge, veth); end the tunnel on another router",
        },
    );
    f.check(
        info.passes(),
        Verdict::Fail,
        name,
        format!("{state}, driver {driver}, MTU {}", info.mtu),
        &Consequence {
            means: "nothing comes in by it",
            advice: &format!("ip link set {name} up; check its cable and its peer"),
        },
    );
    f.check(
        info.mtu <= 9000,
        Verdict::Warn,
        &format!("{name} MTU"),
        info.mtu.to_string(),
        &Consequence {
            means: "tried up to 9000 only: the driver may refuse the program",
            advice: &format!("ip link set {name} mtu 9000"),
        },
    );
}

fn xdp(f: &mut Findings, interface: &Interface, info: &LinkInfo, ours: &[u32]) {
    let what = format!("{} XDP", interface.name);
    if info.xdp == Attached::None {
        let generic = interface.xdp_mode == XdpMode::Generic;
        let found = if generic {
            "free; generic mode"
        } else {
            "free"
        };
        return f.check(
            !generic,
            Verdict::Warn,
            &what,
            found,
            &Consequence {
                means: "generic mode is slow",
                advice: "use native mode if the driver has it",
            },
        );
    }
    if ours.contains(&info.program) {
        let found = format!("rasline's program {} ({:?})", info.program, info.xdp);
        return f.ok(&what, found.to_lowercase());
    }
    f.bad(
        Verdict::Fail,
        &what,
        pins::describe_program(info.program),
        &Consequence {
            means: "another program is attached, and rasline takes no one's place",
            advice: "stop its owner, or detach it with `ip link set dev IFACE xdp off`",
        },
    );
}

fn offloads(f: &mut Findings, interface: &Interface, info: &LinkInfo, tool: &Ethtool) {
    let name = &interface.name;
    let shown = |what: &str, on: Option<bool>| {
        let on = on.map_or("unknown", |on| if on { "on" } else { "off" });
        format!("{what} {on}")
    };
    let all = [
        shown("GRO", tool.gro),
        shown("LRO", tool.lro),
        shown("TX checksum", tool.tx_checksum),
    ];
    f.check(
        tool.lro != Some(true),
        Verdict::Warn,
        &format!("{name} offloads"),
        all.join(", "),
        &Consequence {
            means: "many drivers take no XDP program while LRO is on",
            advice: &format!("ethtool -K {name} lro off"),
        },
    );
    let redirects = netdev::takes_redirects(info.index);
    let found = if redirects { "taken" } else { "not taken" };
    f.check(
        redirects || interface.xdp_mode == XdpMode::Generic,
        Verdict::Warn,
        &format!("{name} redirected frames"),
        found,
        &Consequence {
            means: "what is steered out of it goes through the network stack, slower",
            advice: "none needed; a veth takes them when its peer has GRO or an XDP program",
        },
    );
    if info.kind == "veth" {
        veth(f, name, info);
    }
}

/// Answers leave a veth only if its peer has an XDP program.
fn veth(f: &mut Findings, name: &str, info: &LinkInfo) {
    let what = format!("{name} peer");
    let peer = link::name_of(info.peer).filter(|_| info.peer != 0);
    let Some(peer) = peer else {
        return f.bad(
            Verdict::Warn,
            &what,
            "in another network namespace, so not seen from here",
            &Consequence {
                means: "answers leave a veth only if its peer has an XDP program, if only XDP_PASS",
                advice: "attach one there; see `ip link` in that namespace",
            },
        );
    };
    let program = link::by_name(&peer).map_or(0, |p| p.program);
    f.check(
        program != 0,
        Verdict::Fail,
        &what,
        format!(
            "{peer}, {}",
            if program == 0 {
                "no XDP program"
            } else {
                "with an XDP program"
            }
        ),
        &Consequence {
            means: "answers of the program (XDP_TX) are lost there",
            advice: "attach an XDP program to it, if only XDP_PASS",
        },
    );
}

/// Strict mode drops what comes in where its answer would not go out: the greater of all and the interface counts.
fn reverse_path(f: &mut Findings, name: &str) {
    let value = |scope: &str| sysctl(&format!("net/ipv4/conf/{scope}/rp_filter"));
    let (Some(own), Some(all)) = (value(name), value("all")) else {
        return;
    };
    let mode = match own.parse::<u8>().unwrap_or(0).max(all.parse().unwrap_or(0)) {
        0 => "off",
        1 => "strict",
        _ => "loose",
    };
    f.check(
        mode != "strict",
        Verdict::Warn,
        &format!("{name} rp_filter"),
        format!("{mode} ({own}, all: {all})"),
        &Consequence {
            means: "packets whose way back is by another interface are dropped unseen: with asymmetric routes, and for \
                    messages sent from endpoints' and gatekeepers' addresses",
            advice: &format!("sysctl -w net.ipv4.conf.{name}.rp_filter=2 (loose)"),
        },
    );
}

fn forwarding_v4(f: &mut Findings, name: &str, info: &LinkInfo) {
    let key = format!("net/ipv4/conf/{name}/forwarding");
    let on = sysctl(&key).is_some_and(|v| v != "0");
    forwarding(f, name, "IPv4", on, info, "sysctl -w net.ipv4.ip_forward=1");
}

/// The kernel routes IPv6 only if it does so on all interfaces.
fn forwarding_v6(f: &mut Findings, name: &str, info: &LinkInfo) {
    let disabled = sysctl(&format!("net/ipv6/conf/{name}/disable_ipv6"));
    if disabled.is_none_or(|v| v != "0") {
        return f.bad(
            Verdict::Fail,
            &format!("{name} IPv6"),
            "disabled",
            &Consequence {
                means: "the configuration has IPv6 gatekeepers, and nothing of theirs passes here",
                advice: &format!("sysctl -w net.ipv6.conf.{name}.disable_ipv6=0"),
            },
        );
    }
    let on = sysctl("net/ipv6/conf/all/forwarding").is_some_and(|v| v != "0");
    let advice = "sysctl -w net.ipv6.conf.all.forwarding=1";
    forwarding(f, name, "IPv6", on, info, advice);
}

/// A router without forwarding is broken; a port of a bridge needs none.
fn forwarding(f: &mut Findings, name: &str, family: &str, on: bool, info: &LinkInfo, advice: &str) {
    let bridged = info.port_of == "bridge";
    let found = match (on, bridged) {
        (true, _) => "on",
        (false, true) => "off, and it is a port of a bridge",
        (false, false) => "off",
    };
    f.check(
        on,
        if bridged { Verdict::Warn } else { Verdict::Fail },
        &format!("{name} {family} forwarding"),
        found,
        &Consequence {
            means: "what the program lets through to the gatekeepers, and their answers, end here; redirects go slower",
            advice,
        },
    );
}
