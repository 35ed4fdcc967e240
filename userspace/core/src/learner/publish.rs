//! Carries out what [`phase`](super::phase) decides: publish, withdraw, tell.

use std::time::Duration;

use super::phase::{self, Effect, Stimulus};
use super::registry::{Record, Told};
use super::{Answer, Learner, Output, State, Template, Zone};
use crate::octets::{patched, seconds, utf16};
use crate::{Cause, EventKind, RegistrationId, Time};

impl Learner {
    /// Moves a registration on. `cause` is told if that withdraws it.
    pub(crate) fn step(
        &mut self,
        now: Time,
        id: RegistrationId,
        stimulus: Stimulus,
        cause: Cause,
        out: &mut Vec<Output>,
    ) {
        let Some(record) = self.registry.get_mut(id) else {
            return;
        };
        let (state, effect) = phase::step(record.shown.state, stimulus);
        if state == (State::Learning { pairs: 0 }) || matches!(stimulus, Stimulus::Unfit(_)) {
            record.pair = None;
        }
        self.registry.set_state(id, state);
        match effect {
            Effect::None => {}
            Effect::Publish => self.publish(id, out),
            Effect::Withdraw => {
                out.push(Output::Withdraw { id });
                let kind = EventKind::Withdrawn { cause, gone: false };
                out.extend(self.event_about(now, id, kind));
            }
            Effect::Republish => {
                out.push(Output::Withdraw { id });
                self.publish(id, out);
            }
        }
        self.tell(now, id, out);
    }

    /// Says once that a registration is learned, or why it is not answered.
    fn tell(&mut self, now: Time, id: RegistrationId, out: &mut Vec<Output>) {
        let Some(record) = self.registry.get_mut(id) else {
            return;
        };
        let (told, kind) = match record.shown.state {
            State::Answered => (Told::Learned, EventKind::Learned),
            State::NotAnswered { why } => (Told::NotAnswered(why), EventKind::NotAnswered { why }),
            State::Publishing => return,
            State::Learning { .. } => {
                if record.told == Some(Told::Learned) {
                    record.told = None;
                }
                return;
            }
        };
        if record.told != Some(told) {
            record.told = Some(told);
            out.extend(self.event_about(now, id, kind));
        }
    }

    fn publish(&mut self, id: RegistrationId, out: &mut Vec<Output>) {
        let Some(zone) = self.registry.get(id).map(|record| record.shown.zone) else {
            return;
        };
        let Some(zone) = self.config.zones.iter().find(|z| z.index == zone) else {
            return;
        };
        if let Some(template) = self
            .registry
            .get_mut(id)
            .and_then(|record| template(zone, record))
        {
            out.push(Output::Publish(Box::new(template)));
        }
    }
}

/// The template of a registration with a pair; notes in it what the endpoint is given.
fn template(zone: &Zone, record: &mut Record) -> Option<Template> {
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
