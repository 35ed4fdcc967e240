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
    /// When each last had an RCF.
    confirmed: Vec<Option<Instant>>,
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
    /// The longest that an endpoint was without an RCF.
    pub longest_wait: Duration,
}

impl Round {
    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.confirmed += other.confirmed;
        self.by_gateway += other.by_gateway;
        self.rejected += other.rejected;
        self.time_to_live.extend(other.time_to_live);
        self.longest_wait = self.longest_wait.max(other.longest_wait);
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
        let endpoints: Vec<_> = addresses
            .into_iter()
            .enumerate()
            .map(|(i, address)| {
                let aliases = [format!("ep{i}"), format!("{}", 50_000 + i)];
                Endpoint::new(netns, address, gatekeeper, &[&aliases[0], &aliases[1]])
            })
            .collect::<Result<_>>()?;
        let confirmed = vec![None; endpoints.len()];
        Ok(Self {
            endpoints,
            confirmed,
        })
    }

    /// Registers all; every timeToLive that was given.
    ///
    /// # Errors
    /// When one gets no RCF.
    pub fn register(&mut self, within: Duration) -> Result<BTreeSet<u32>> {
        let mut given = BTreeSet::new();
        for (endpoint, confirmed) in self.endpoints.iter_mut().zip(&mut self.confirmed) {
            given.extend(endpoint.register(within)?.time_to_live());
            *confirmed = Some(Instant::now());
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
        for (endpoint, confirmed) in self.endpoints.iter_mut().zip(&mut self.confirmed) {
            let reply = endpoint.answer(endpoint.seq(), end)?;
            let now = Instant::now();
            if let Some(confirmed) = confirmed {
                round.longest_wait = round.longest_wait.max(now - *confirmed);
            }
            let Some(reply) = reply else { continue };
            if reply.is_rcf() {
                *confirmed = Some(now);
                round.confirmed += 1;
                round.by_gateway += usize::from(reply.by_gateway());
                round.time_to_live.extend(reply.time_to_live());
            }
            round.rejected += usize::from(reply.is_rrj());
        }
        Ok(round)
    }
}
