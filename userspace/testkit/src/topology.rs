//! The usual network: endpoints -- lan0 \[gateway\] wan0 -- gatekeepers, over IPv4 and IPv6.
//!
//! ```text
//! endpoints ns                         gateway ns                        gatekeepers ns
//! ep0 10.0.0.2, fd00::2   -----  lan0 10.0.0.1, fd00::1
//!     10.0.64.0/18, fd00:0:0:1::/64
//!                                wan0 10.1.0.254, fd00:1::fe   -----    gk0 10.1.0.1 10.1.0.2, fd00:1::1
//! ```
//! All of 10.0.64.0/18 and fd00:0:0:1::/64 is local to the endpoints' namespace, so that any number of endpoints can
//! bind there. `netns-scripts/up.sh` makes the same by hand.
//!
//! With [`GatewayOptions::hosts`] the gatekeepers' namespace is a switch instead, with a namespace for each host behind
//! it (see [`crate::host`]), so that each can fail by itself:
//!
//! ```text
//! wan0 10.1.0.254, fd00:1::fe  -----  gk0 | br0 | p1 ----- eth0 10.1.0.1, fd00:1::1
//!                                               | p2 ----- eth0 10.1.0.2, fd00:1::2
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Result;

use crate::{Host, Netns, host, xdp};

/// What can differ.
#[derive(Clone, Copy, Debug)]
pub struct GatewayOptions {
    /// Of all interfaces.
    pub mtu: u32,
    /// Hosts on the gatekeepers' side, each in a namespace of its own; 0: all gatekeepers share one.
    pub hosts: u8,
    /// Leaves checksums to a network card that is not there, as virtual machines on one host do.
    pub offload: bool,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            mtu: 1500,
            hosts: 0,
            offload: false,
        }
    }
}

/// The namespaces.
#[derive(Debug)]
pub struct Gateway {
    /// Where endpoints are.
    pub endpoints: Netns,
    /// Where rasline runs.
    pub gateway: Netns,
    /// Where gatekeepers are, or the switch that leads to the hosts.
    pub gatekeepers: Netns,
    /// The hosts on the gatekeepers' side, if asked for.
    pub hosts: Vec<Host>,
    _peers: Vec<xdp::Attached>,
}

/// Interface of the gateway towards the endpoints.
pub const LAN: &str = "lan0";
/// Interface of the gateway towards the gatekeepers.
pub const WAN: &str = "wan0";
/// The gateway as gatekeepers see it.
pub const GATEWAY: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 1, 0, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 0xfe)),
];
/// First gatekeeper.
pub const GATEKEEPER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1));
/// Second gatekeeper.
pub const GATEKEEPER_2: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 2));
/// First gatekeeper over IPv6.
pub const GATEKEEPER_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 1));
/// The zone's service address: routed to the gateway, and nobody's.
pub const SERVICE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1));
/// The same over IPv6.
pub const SERVICE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, 1));
/// Prefixes of the endpoints, for a configuration.
pub const ENDPOINTS: [&str; 2] = ["10.0.0.0/16", "fd00::/48"];

/// Address of endpoint `n`.
#[must_use]
pub fn endpoint(n: u16) -> IpAddr {
    let n = n & 0x3fff;
    Ipv4Addr::new(10, 0, 64 + (n >> 8) as u8, (n & 255) as u8).into()
}

/// IPv6 address of endpoint `n`.
#[must_use]
pub fn endpoint_v6(n: u16) -> IpAddr {
    Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, n).into()
}

impl Gateway {
    /// Brings it up.
    ///
    /// # Errors
    /// With what was refused.
    pub fn new() -> Result<Self> {
        Self::with(GatewayOptions::default())
    }

    /// Brings it up otherwise than usual.
    ///
    /// # Errors
    /// With what was refused.
    pub fn with(options: GatewayOptions) -> Result<Self> {
        let endpoints = Netns::new("endpoints")?;
        let gateway = Netns::new("gateway")?;
        let gatekeepers = Netns::new("gatekeepers")?;
        veth((&gateway, LAN), (&endpoints, "ep0"), options.mtu)?;
        veth((&gateway, WAN), (&gatekeepers, "gk0"), options.mtu)?;
        address(&gateway, LAN, &["10.0.0.1/24", "fd00::1/64"])?;
        address(&gateway, WAN, &["10.1.0.254/24", "fd00:1::fe/64"])?;
        address(&endpoints, "ep0", &["10.0.0.2/24", "fd00::2/64"])?;
        route(&endpoints, &gateway)?;
        let hosts = if options.hosts == 0 {
            let all = ["10.1.0.1/24", "10.1.0.2/24", "fd00:1::1/64"];
            address(&gatekeepers, "gk0", &all)?;
            default_route(&gatekeepers)?;
            Vec::new()
        } else {
            host::all(&gatekeepers, options)?
        };
        let mut peers = vec![xdp::attach_pass(&endpoints, "ep0", "testkit_pass")?];
        if !hosts.is_empty() {
            // XDP_REDIRECT out of wan0 needs one here.
            peers.push(xdp::attach_pass(&gatekeepers, "gk0", "testkit_pass")?);
        }
        if !options.offload {
            xdp::no_checksum_offload(&endpoints, "ep0")?;
            xdp::no_checksum_offload(&gatekeepers, "gk0")?;
        }
        Ok(Self {
            endpoints,
            gateway,
            gatekeepers,
            hosts,
            _peers: peers,
        })
    }
}

pub(crate) fn veth(a: (&Netns, &str), b: (&Netns, &str), mtu: u32) -> Result<()> {
    crate::netns::ip(&[
        "link",
        "add",
        a.1,
        "netns",
        a.0.name(),
        "type",
        "veth",
        "peer",
        "name",
        b.1,
        "netns",
        b.0.name(),
    ])?;
    for (netns, interface) in [a, b] {
        netns.ip(&format!("link set {interface} mtu {mtu}"))?;
        netns.ip(&format!("link set {interface} up"))?;
    }
    Ok(())
}

pub(crate) fn address(netns: &Netns, interface: &str, addresses: &[&str]) -> Result<()> {
    for address in addresses {
        let nodad = if address.contains(':') { "nodad" } else { "" };
        netns.ip(&format!("addr add {address} dev {interface} {nodad}"))?;
    }
    Ok(())
}

pub(crate) fn default_route(gatekeepers: &Netns) -> Result<()> {
    gatekeepers.ip("route add default via 10.1.0.254")?;
    gatekeepers.ip("-6 route add default via fd00:1::fe")
}

fn route(endpoints: &Netns, gateway: &Netns) -> Result<()> {
    gateway.sysctl("ipv4/ip_forward", "1")?;
    gateway.sysctl("ipv6/conf/all/forwarding", "1")?;
    endpoints.sysctl("ipv6/ip_nonlocal_bind", "1")?;
    endpoints.ip("route add local 10.0.64.0/18 dev lo")?;
    endpoints.ip("-6 route add local fd00:0:0:1::/64 dev lo")?;
    gateway.ip("route add 10.0.64.0/18 via 10.0.0.2")?;
    gateway.ip("-6 route add fd00:0:0:1::/64 via fd00::2")?;
    endpoints.ip("route add default via 10.0.0.1")?;
    endpoints.ip("-6 route add default via fd00::1")
}
