//! Checks of an interface: existence, driver, other XDP programs, offloads, and whether the kernel forwards from it.

use std::net::IpAddr;

use super::{Consequence, Findings, Verdict, sysctl};
use crate::{
    config::{Config, Interface, XdpMode},
    host::{
        ethtool::{self, Ethtool},
        link::{self, Attached, LinkInfo},
        netdev,
    },
    offline,
};

/// Address families that the configuration uses.
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
                    means: "the controller serves the other interfaces, and attaches to this one when it appears",
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
            means: "the program cannot read its packets, so the controller refuses it",
            advice: "configure Ethernet interfaces (VLAN, bond, bridge and veth too); terminate the tunnel on another router",
        },
    );
    f.check(
        info.passes(),
        Verdict::Fail,
        name,
        format!("{state}, driver {driver}, MTU {}", info.mtu),
        &Consequence {
            means: "no packets arrive on it",
            advice: &format!("ip link set {name} up; check its cable and its peer"),
        },
    );
    f.check(
        info.mtu <= 9000,
        Verdict::Warn,
        &format!("{name} MTU"),
        info.mtu.to_string(),
        &Consequence {
            means: "tested up to 9000 only: the driver may refuse the program",
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
                means: "generic mode is much slower than native mode",
                advice: "use xdp_mode = \"native\" if the driver supports it",
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
        offline::describe_program(info.program),
        &Consequence {
            means: "another program is attached, and rasline does not replace it",
            advice: "stop the owner of that program, or detach it with `ip link set dev IFACE xdp off`",
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
            means: "many drivers refuse XDP programs while LRO is on",
            advice: &format!("ethtool -K {name} lro off"),
        },
    );
    let redirects = netdev::takes_redirects(info.index);
    let found = if redirects {
        "accepted"
    } else {
        "not accepted"
    };
    f.check(
        redirects || interface.xdp_mode == XdpMode::Generic,
        Verdict::Warn,
        &format!("{name} redirected frames"),
        found,
        &Consequence {
            means: "frames redirected to it go through the network stack, which is slower",
            advice: "none needed; a veth accepts them when its peer has GRO or an XDP program",
        },
    );
    if info.kind == "veth" {
        veth(f, name, info);
    }
}

/// Checks the peer of a veth: answers leave a veth only if its peer has an XDP program.
fn veth(f: &mut Findings, name: &str, info: &LinkInfo) {
    let what = format!("{name} peer");
    let peer = link::name_of(info.peer).filter(|_| info.peer != 0);
    let Some(peer) = peer else {
        return f.bad(
            Verdict::Warn,
            &what,
            "in another network namespace, not visible from here",
            &Consequence {
                means: "answers leave a veth only if its peer has an XDP program (one that returns XDP_PASS is enough)",
                advice: "attach a program there; see `ip link` in that namespace",
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
            means: "answers of the program (XDP_TX) are dropped there",
            advice: "attach an XDP program to it (one that returns XDP_PASS is enough)",
        },
    );
}

/// Strict mode drops packets that arrive on another interface than the route back to their source. The greater of the
/// values of `all` and of the interface applies.
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
            means: "packets whose return route uses another interface are dropped silently: with asymmetric routes, and \
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

/// IPv6 is forwarded only if `all.forwarding` is on.
fn forwarding_v6(f: &mut Findings, name: &str, info: &LinkInfo) {
    let disabled = sysctl(&format!("net/ipv6/conf/{name}/disable_ipv6"));
    if disabled.is_none_or(|v| v != "0") {
        return f.bad(
            Verdict::Fail,
            &format!("{name} IPv6"),
            "disabled",
            &Consequence {
                means: "the configuration has IPv6 gatekeepers, but their packets cannot pass this interface",
                advice: &format!("sysctl -w net.ipv6.conf.{name}.disable_ipv6=0"),
            },
        );
    }
    let on = sysctl("net/ipv6/conf/all/forwarding").is_some_and(|v| v != "0");
    let advice = "sysctl -w net.ipv6.conf.all.forwarding=1";
    forwarding(f, name, "IPv6", on, info, advice);
}

/// Reports missing forwarding as a failure, except for a port of a bridge, which needs none.
fn forwarding(f: &mut Findings, name: &str, family: &str, on: bool, info: &LinkInfo, advice: &str) {
    let bridged = info.port_of == "bridge";
    let found = match (on, bridged) {
        (true, _) => "on",
        (false, true) => "off; not needed for a bridge port",
        (false, false) => "off",
    };
    f.check(
        on,
        if bridged { Verdict::Warn } else { Verdict::Fail },
        &format!("{name} {family} forwarding"),
        found,
        &Consequence {
            means: "packets passed on to gatekeepers, and their answers, are dropped here; redirects take a slower path",
            advice,
        },
    );
}
