//! Many endpoints driven by one thread.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{Endpoint, Netns};

/// The endpoints.
#[derive(Debug)]
pub struct Swarm {
    /// Each of them.
    pub endpoints: Vec<Endpoint>,
}

/// What one round of keep-alives gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Keep-alives sent.
    pub sent: usize,
    /// RCFs that came back.
    pub confirmed: usize,
    /// Of these, sent by the gateway itself.
    pub by_gateway: usize,
    /// RRJs.
    pub rejected: usize,
    /// Every timeToLive that was given.
    pub time_to_live: BTreeSet<u32>,
}

impl Round {
    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.confirmed += other.confirmed;
        self.by_gateway += other.by_gateway;
        self.rejected += other.rejected;
        self.time_to_live.extend(other.time_to_live);
    }
}

impl Swarm {
    /// Makes endpoints at these addresses, called ep0, ep1, ...
    ///
    /// # Errors
    /// When one cannot be bound.
    pub fn new(
        netns: &Netns,
        addresses: impl IntoIterator<Item = SocketAddr>,
        gatekeeper: SocketAddr,
    ) -> Result<Self> {
        let endpoints = addresses
            .into_iter()
            .enumerate()
            .map(|(i, address)| {
                let aliases = [format!("ep{i}"), format!("{}", 50_000 + i)];
                Endpoint::new(netns, address, gatekeeper, &[&aliases[0], &aliases[1]])
            })
            .collect::<Result<_>>()?;
        Ok(Self { endpoints })
    }

    /// Registers all; every timeToLive that was given.
    ///
    /// # Errors
    /// When one gets no RCF.
    pub fn register(&mut self, within: Duration) -> Result<BTreeSet<u32>> {
        let mut given = BTreeSet::new();
        for endpoint in &mut self.endpoints {
            given.extend(endpoint.register(within)?.time_to_live());
        }
        Ok(given)
    }

    /// One keep-alive each, sent at once; waits `within` for the answers.
    ///
    /// # Errors
    /// When a socket fails.
    pub fn round(&mut self, within: Duration) -> Result<Round> {
        let mut round = Round::default();
        for endpoint in &mut self.endpoints {
            endpoint.send_keep_alive()?;
            round.sent += 1;
        }
        let end = Instant::now() + within;
        for endpoint in &mut self.endpoints {
            let Some(reply) = endpoint.answer(endpoint.seq(), end)? else {
                continue;
            };
            if reply.is_rcf() {
                round.confirmed += 1;
                round.by_gateway += usize::from(reply.by_gateway());
                round.time_to_live.extend(reply.time_to_live());
            }
            round.rejected += usize::from(reply.is_rrj());
        }
        Ok(round)
    }
}
