//! What a zone is told, and when it may return.

use super::zone::{Gatekeeper, REST, Zone};
use super::{Failback, Manual, MoveCause};
use crate::health::State;
use crate::{GatekeeperIndex, Time};

/// Why a zone is not at a better gatekeeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For the operator.
    Operator,
    /// For its life.
    Life,
    /// Until another one, which failed lately, was up for long enough.
    Steady(Time),
    /// Until it was well for long enough.
    Rest(Time),
    /// For calls to end.
    Calls(Option<u32>),
    /// For a minute of the day.
    Minute(u16),
}

/// Whether a zone may return to a gatekeeper; the reason if not.
pub fn ready(
    zone: &Zone,
    better: GatekeeperIndex,
    known: impl Fn(GatekeeperIndex) -> Gatekeeper,
    now: Time,
    minute: Option<u16>,
) -> Result<(), Wait> {
    if zone.held() {
        return Err(Wait::Operator);
    }
    let wanted = zone.manual == Manual::Switch { gatekeeper: better };
    if !wanted && zone.failback == Failback::None {
        return Err(Wait::Operator);
    }
    let asked = match zone.failback {
        Failback::After(duration) if !wanted => Some(duration),
        _ => None,
    };
    let gatekeeper = known(better);
    // A zone that had to move stays for a while, even if it could have moved to a better one.
    let forced = matches!(zone.cause, MoveCause::Down | MoveCause::Kernel);
    let settled = if forced {
        zone.since.after(asked.unwrap_or(REST))
    } else {
        Time(0)
    };
    let rested = gatekeeper.rested_at(now, asked).map(|it| it.max(settled));
    match rested.filter(|_| gatekeeper.state == State::Up) {
        None => return Err(Wait::Life),
        Some(rested) if rested > now => return Err(Wait::Rest(rested)),
        Some(_) if wanted => return Ok(()),
        Some(_) => {}
    }
    match zone.failback {
        Failback::None | Failback::After(_) => Ok(()),
        Failback::AfterCalls => match zone.active.and_then(|it| known(it).calls) {
            Some(0) => Ok(()),
            open => Err(Wait::Calls(open)),
        },
        Failback::Window {
            from_minute,
            to_minute,
        } => minute
            .is_some_and(|minute| within(minute, from_minute, to_minute))
            .then_some(())
            .ok_or(Wait::Minute(from_minute)),
    }
}

/// Whether a minute lies in a window, which may go round midnight.
pub const fn within(minute: u16, from: u16, to: u16) -> bool {
    if from < to {
        from <= minute && minute < to
    } else {
        minute >= from || minute < to
    }
}

/// The gatekeepers that traffic is taken from. A held zone stays as it is.
pub fn steered(zone: &Zone, known: impl Fn(GatekeeperIndex) -> Gatekeeper) -> Vec<GatekeeperIndex> {
    let others = zone.gatekeepers().filter(|it| Some(*it) != zone.active);
    if zone.held() {
        let before = |it: &GatekeeperIndex| zone.steered.contains(it) || zone.left.contains(it);
        return others.filter(before).collect();
    }
    let dark = zone.active.is_some_and(|it| known(it).dead());
    let wanted = |it: &GatekeeperIndex| zone.left.contains(it) || (!dark && known(*it).dead());
    others.filter(wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn windows_go_round_midnight() {
        assert!(within(120, 120, 240) && within(239, 120, 240));
        assert!(!within(119, 120, 240) && !within(240, 120, 240));
        assert!(within(1430, 1380, 60) && within(0, 1380, 60) && within(59, 1380, 60));
        assert!(!within(60, 1380, 60) && !within(1379, 1380, 60));
        assert!(
            within(0, 300, 300) && within(300, 300, 300),
            "the whole day"
        );
    }
}
