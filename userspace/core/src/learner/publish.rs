//! The keep-alive and the answer of a registration, as they are published to the kernel.

use std::time::Duration;

use super::registry::Record;
use super::{Answer, Template, Zone};
use crate::octets::{patched, seconds, utf16};

/// The template of a registration with a pair; notes in it what the endpoint is given.
pub(crate) fn template(zone: &Zone, record: &mut Record) -> Option<Template> {
    let pair = record.pair.as_ref()?;
    let shown = &mut record.shown;
    let gatekeeper_ttl = shown.gatekeeper_ttl?;
    let endpoint_ttl = zone
        .endpoint_ttl
        .filter(|_| zone.answer != Answer::Off && !record.trial.is_over());
    let patched = patched(&pair.rcf, Some(seconds(gatekeeper_ttl)), endpoint_ttl);
    let given = endpoint_ttl.filter(|_| patched.is_some());
    shown.endpoint_ttl = given.map(|ttl| Duration::from_secs(seconds(ttl).into()));
    let (refresh_every, clamped) = refresh(zone.refresh_every, gatekeeper_ttl);
    shown.refresh_every = Some(refresh_every);
    shown.refresh_clamped = clamped;
    Some(Template {
        id: shown.id,
        zone: shown.zone,
        gatekeeper: shown.gatekeeper,
        endpoint: shown.endpoint,
        rrq: pair.rrq.to_vec(),
        rcf: patched.unwrap_or_else(|| pair.rcf.to_vec()),
        original_rcf: pair.rcf.to_vec(),
        endpoint_identifier: utf16(&shown.endpoint_identifier),
        gatekeeper_ttl,
        refresh_every,
        confirmed: shown.confirmed,
        last_seen: shown.last_seen,
    })
}

/// How often a keep-alive is let through: as configured if that leaves a quarter of the gatekeeper's timeToLive for
/// retries, else (true) half of it. At least a second.
fn refresh(configured: Option<Duration>, gatekeeper_ttl: Duration) -> (Duration, bool) {
    let half = (gatekeeper_ttl / 2).max(Duration::from_secs(1));
    match configured {
        None => (half, false),
        Some(every) if every <= gatekeeper_ttl * 3 / 4 => {
            (every.max(Duration::from_secs(1)), false)
        }
        Some(_) => (half, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refresh_intervals() {
        let s = Duration::from_secs;
        assert_eq!(refresh(None, s(600)), (s(300), false));
        assert_eq!(refresh(Some(s(450)), s(600)), (s(450), false));
        assert_eq!(refresh(Some(s(451)), s(600)), (s(300), true));
        assert_eq!(refresh(None, s(1)), (s(1), false));
        assert_eq!(refresh(Some(s(300)), s(1)), (s(1), true));
        assert_eq!(
            refresh(Some(Duration::from_millis(1)), s(600)),
            (s(1), false)
        );
        assert_eq!(
            refresh(None, s(u64::from(u32::MAX))).0,
            s(u64::from(u32::MAX)) / 2
        );
    }
}
