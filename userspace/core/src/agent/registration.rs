//! What an RCF grants, and when the grant is refreshed.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::text;
use rasline_h225::types::RegistrationConfirm;

use super::Config;
use super::request::RRQ;
use super::targets::{Target, canonical, reachable};
use crate::Time;
use crate::transaction::{Dice, Retry};

/// A registration or connection that has lasted this long counts as stable.
pub(super) const STEADY: Duration = Duration::from_secs(10);
/// Where gatekeepers want calls, if they do not say.
const CALL_SIGNALLING_PORT: u16 = 1720;
/// Between repetitions of a lightweight RRQ, at least.
const LEAST_REPEAT: Duration = Duration::from_millis(200);

/// A registration that a gatekeeper confirmed.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    pub gatekeeper: SocketAddr,
    pub gatekeeper_identifier: Option<String>,
    pub endpoint_identifier: String,
    pub time_to_live: Option<u32>,
    pub call_signal_address: SocketAddr,
    /// Time of the last RCF.
    pub confirmed: Time,
    /// Time of the first RCF of this gatekeeper.
    pub since: Time,
}

/// An RCF, and the request that it answers.
#[derive(Debug)]
pub(super) struct Confirmation<'a> {
    pub from: SocketAddr,
    /// gatekeeperIdentifier in the request.
    pub asked: Option<String>,
    pub rcf: &'a RegistrationConfirm,
    /// The request was a full RRQ.
    pub full: bool,
}

impl Registration {
    /// Reads a confirmation. What a short RCF leaves out stays as it was in `old`.
    pub fn new(
        now: Time,
        config: &Config,
        confirmation: &Confirmation<'_>,
        old: Option<&Self>,
    ) -> Self {
        let Confirmation { from, rcf, .. } = *confirmation;
        let named = rcf.call_signal_address.iter();
        let named = named
            .filter_map(text::from_transport)
            .map(canonical)
            .find(|address| reachable(config, *address));
        let here = old.filter(|old| old.gatekeeper == from);
        let kept_ttl = old.and_then(|old| old.time_to_live);
        let identifier = rcf.gatekeeper_identifier.as_ref().map(text::from_bmp);
        Self {
            gatekeeper: from,
            gatekeeper_identifier: identifier.or_else(|| confirmation.asked.clone()),
            endpoint_identifier: text::from_bmp(&rcf.endpoint_identifier),
            time_to_live: rcf
                .time_to_live
                .or_else(|| kept_ttl.filter(|_| !confirmation.full)),
            call_signal_address: named
                .or_else(|| here.map(|old| old.call_signal_address))
                .unwrap_or_else(|| SocketAddr::new(from.ip(), CALL_SIGNALLING_PORT)),
            confirmed: now,
            since: here.map_or(now, |old| old.since),
        }
    }

    /// Time of the next lightweight RRQ: three quarters of timeToLive at most, some of it less, so that agents do not
    /// march in step. `None`: the gatekeeper wants none.
    pub fn refresh_at(&self, now: Time, dice: &mut Dice) -> Option<Time> {
        let ttl = Duration::from_secs(self.time_to_live?.into());
        let jitter = dice.part(ttl / 8);
        Some(now.after((ttl / 4 * 3).saturating_sub(jitter)))
    }

    /// How a lightweight RRQ is repeated: all tries fit into what is left of timeToLive.
    pub fn refresh_retry(&self) -> Retry {
        let left = Duration::from_secs(self.time_to_live.unwrap_or(u32::MAX).into()) / 4;
        Retry::new((left / 3).clamp(LEAST_REPEAT, RRQ.every), RRQ.left)
    }

    /// True if it has lasted for [`STEADY`].
    pub fn is_steady(&self, now: Time) -> bool {
        now.since(self.since) >= STEADY
    }

    /// Its gatekeeper, to be asked again.
    pub fn target(&self) -> Target {
        Target::learned(self.gatekeeper, self.gatekeeper_identifier.clone())
    }
}
