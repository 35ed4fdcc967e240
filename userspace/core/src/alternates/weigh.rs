//! Which of the named ones become candidates.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::{Learned, MAX_CANDIDATES, NotTaken, Refused, ZoneRules};

/// Candidates, and the others with the reason. `named` with whether its list is permanent.
pub fn weigh(rules: &ZoneRules, mut named: Vec<(Learned, bool)>) -> (Vec<Learned>, Vec<Refused>) {
    named.sort_by_key(|(learned, _)| (learned.alternate.priority, learned.named_by));
    let room = MAX_CANDIDATES.saturating_sub(rules.configured.len());
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for (learned, permanent) in named {
        let address = learned.alternate.address;
        let why = fault(rules, address, permanent)
            .or_else(|| seen.contains(&address).then_some(NotTaken::Duplicate))
            .or_else(|| (taken.len() >= room).then_some(NotTaken::TooMany));
        if let Some(why) = why {
            refused.push(Refused { learned, why });
        } else {
            seen.insert(address);
            taken.push(learned);
        }
    }
    (taken, refused)
}

fn fault(rules: &ZoneRules, address: SocketAddr, permanent: bool) -> Option<NotTaken> {
    let ip = address.ip().to_canonical();
    let broadcast = matches!(ip, std::net::IpAddr::V4(ip) if ip.is_broadcast());
    let allowed = |it: &super::Prefix| it.contains(ip);
    let usable = address.port() != 0
        && !(ip.is_unspecified() || ip.is_multicast() || ip.is_loopback() || broadcast);
    let checks = [
        (rules.configured.contains(&address), NotTaken::Configured),
        (!rules.learn, NotTaken::LearningOff),
        (!usable, NotTaken::Unusable),
        (!rules.allowed.iter().any(allowed), NotTaken::NotAllowed),
        (!permanent, NotTaken::NotPermanent),
    ];
    checks.iter().find(|(wrong, _)| *wrong).map(|(_, why)| *why)
}
