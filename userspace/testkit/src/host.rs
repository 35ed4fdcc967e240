//! Hosts behind the switch on the gatekeepers' side: each can be unplugged or made to lose packets by itself.
//!
//! Host `n` (from 1) has 10.1.0.n and fd00:1::n on `eth0` of its namespace, and port `pn` of the switch.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Result;

use crate::{
    GatewayOptions, Netns,
    topology::{address, default_route, veth},
    xdp,
};

const INTERFACE: &str = "eth0";

/// One host.
#[derive(Debug)]
pub struct Host {
    number: u8,
    /// Its namespace.
    pub netns: Netns,
    switch: Netns,
}

/// Address of host `n`, from 1 on.
#[must_use]
pub fn address_of(n: u8) -> IpAddr {
    Ipv4Addr::new(10, 1, 0, n).into()
}

/// IPv6 address of host `n`.
#[must_use]
pub fn address_v6_of(n: u8) -> IpAddr {
    Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, n.into()).into()
}

/// Makes a switch of this namespace, and the hosts behind it.
pub(crate) fn all(switch: &Netns, options: GatewayOptions) -> Result<Vec<Host>> {
    switch.ip("link add br0 type bridge mcast_snooping 0")?;
    switch.ip(&format!("link set br0 mtu {} up", options.mtu))?;
    switch.ip("link set gk0 master br0")?;
    (1..=options.hosts)
        .map(|number| Host::new(number, switch, options))
        .collect()
}

impl Host {
    fn new(number: u8, switch: &Netns, options: GatewayOptions) -> Result<Self> {
        let netns = Netns::new(&format!("host{number}"))?;
        let port = format!("p{number}");
        veth((switch, &port), (&netns, INTERFACE), options.mtu)?;
        switch.ip(&format!("link set {port} master br0"))?;
        let (v4, v6) = (address_of(number), address_v6_of(number));
        address(
            &netns,
            INTERFACE,
            &[&format!("{v4}/24"), &format!("{v6}/64")],
        )?;
        default_route(&netns)?;
        if !options.offload {
            xdp::no_checksum_offload(&netns, INTERFACE)?;
        }
        Ok(Self {
            number,
            netns,
            switch: Netns::open(switch.name())?,
        })
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        address_of(self.number)
    }

    /// Its IPv6 address.
    #[must_use]
    pub fn address_v6(&self) -> IpAddr {
        address_v6_of(self.number)
    }

    /// Pulls its cable out of the switch.
    ///
    /// # Errors
    /// With what `ip` says.
    pub fn unplug(&self) -> Result<()> {
        self.switch.ip(&format!("link set p{} down", self.number))
    }

    /// Puts it back.
    ///
    /// # Errors
    /// With what `ip` says.
    pub fn plug(&self) -> Result<()> {
        self.switch.ip(&format!("link set p{} up", self.number))
    }

    /// Drops this share of the UDP and TCP packets that come to it, at random.
    ///
    /// # Errors
    /// With what `nft` says.
    pub fn lose(&self, percent: u8) -> Result<()> {
        self.lose_nothing()?;
        let some = match percent {
            0 => return Ok(()),
            1..100 => format!("numgen random mod 100 < {percent}"),
            _ => String::new(),
        };
        self.netns.nft(&format!(
            "add table inet lossy; \
             add chain inet lossy in {{ type filter hook input priority 0; }}; \
             add rule inet lossy in meta l4proto {{ udp, tcp }} {some} drop"
        ))
    }

    /// Drops what comes to it and matches these words of nft, such as `tcp dport 1720`.
    ///
    /// # Errors
    /// With what `nft` says.
    pub fn swallow(&self, what: &str) -> Result<()> {
        self.lose_nothing()?;
        self.netns.nft(&format!(
            "add table inet lossy; \
             add chain inet lossy in {{ type filter hook input priority 0; }}; \
             add rule inet lossy in {what} drop"
        ))
    }

    /// No more of [`Self::lose`] and [`Self::swallow`].
    ///
    /// # Errors
    /// With what `nft` says.
    pub fn lose_nothing(&self) -> Result<()> {
        self.netns
            .nft("add table inet lossy; delete table inet lossy")
    }
}
