//! One zone: how far it is, and the registrar that serves it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Event, Output, Phase, Refusal, Why, ZoneSettings};
use crate::Time;
use crate::profile::Profile;
use crate::registrar::{self, EntryId, Registrar};

/// [`Event::Refused`] at most this often for each zone.
const REFUSED_EVERY: Duration = Duration::from_mins(1);

/// How far a zone is to be, by whether it is to be served, its profile, and the UNIX time.
pub(super) fn decide(served: bool, profile: Option<&Profile>, unix: u64) -> Phase {
    match profile {
        _ if !served => Phase::Idle,
        None => Phase::Refusing {
            why: Refusal::NoProfile,
        },
        Some(profile) if profile.subscription.holds(unix) => Phase::Running,
        Some(_) => Phase::Refusing {
            why: Refusal::NotSubscribed,
        },
    }
}

/// Why a module is retired when its zone goes there.
pub(super) const fn why(to: Phase) -> Why {
    match to {
        Phase::Refusing { why } => Why::Refused(why),
        Phase::Idle => Why::Returned,
        Phase::Running => Why::Reconfigured,
    }
}

/// A zone.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) settings: ZoneSettings,
    /// Its gatekeepers are gone.
    pub(super) gone: bool,
    pub(super) phase: Phase,
    pub(super) since: Time,
    /// Runs exactly in [`Phase::Running`].
    pub(super) module: Option<Box<Module>>,
    /// The largest number that a registration of its earlier modules had: what the caller still has of them is never
    /// taken for another's.
    pub(super) numbered: EntryId,
    /// When its subscription ends, UNIX seconds, as it stands in the queue.
    pub(super) ends: Option<u64>,
    /// Requests rejected.
    pub(super) refused: u64,
    refusals_told: Option<Time>,
    refusals_untold: u64,
}

impl Unit {
    pub(super) fn new(now: Time, settings: ZoneSettings) -> Self {
        Self {
            settings,
            gone: false,
            phase: Phase::Idle,
            since: now,
            module: None,
            numbered: EntryId(0),
            ends: None,
            refused: 0,
            refusals_told: None,
            refusals_untold: 0,
        }
    }

    pub(super) const fn served(&self) -> bool {
        self.settings.always || self.gone
    }

    /// The event for a rejected request, if it is time for one. `event` gets the number rejected since the last one.
    pub(super) fn refused(
        &mut self,
        now: Time,
        event: impl FnOnce(u64) -> Event,
    ) -> Option<Output> {
        self.refused += 1;
        self.refusals_untold += 1;
        let told = self.refusals_told;
        if told.is_some_and(|told| now.since(told) < REFUSED_EVERY) {
            return None;
        }
        self.refusals_told = Some(now);
        let count = std::mem::take(&mut self.refusals_untold);
        Some(Output::Event(event(count)))
    }
}

/// A question of a registrar for a destination in another zone.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) ticket: u64,
    pub(super) destination: Vec<String>,
}

/// A registrar that runs, and what it gave away.
#[derive(Debug)]
pub(super) struct Module {
    zone: u32,
    registrar: Registrar,
    /// When it is due, as it stands in the queue.
    pub(super) due: Option<Time>,
    published: BTreeSet<EntryId>,
    kept: BTreeSet<EntryId>,
    kept_calls: BTreeSet<String>,
    scratch: Vec<registrar::Output>,
}

impl Module {
    /// New registrations get larger numbers than `after`.
    pub(super) fn new(now: Time, zone: u32, after: EntryId, settings: registrar::Settings) -> Self {
        let mut registrar = Registrar::new(settings, now);
        registrar.number_after(after);
        Self {
            zone,
            registrar,
            due: None,
            published: BTreeSet::new(),
            kept: BTreeSet::new(),
            kept_calls: BTreeSet::new(),
            scratch: Vec::new(),
        }
    }

    pub(super) const fn registrar(&self) -> &Registrar {
        &self.registrar
    }

    /// Takes one input; gives what it asks about other zones.
    pub(super) fn feed(
        &mut self,
        now: Time,
        input: registrar::Input<'_>,
        out: &mut Vec<Output>,
    ) -> Vec<Question> {
        match &input {
            registrar::Input::Restore(stored) => {
                self.kept.insert(stored.id);
            }
            registrar::Input::RestoreCall(stored) => {
                self.kept_calls.insert(stored.call.clone());
            }
            _ => {}
        }
        let mut made = std::mem::take(&mut self.scratch);
        self.registrar.handle(now, input, &mut made);
        let mut questions = Vec::new();
        for output in made.drain(..) {
            match self.note(output) {
                Ok(output) => out.push(output),
                Err(question) => questions.push(question),
            }
        }
        self.scratch = made;
        questions
    }

    /// Withdraws and forgets everything that it published or had remembered. The site delays the withdrawals of a zone that has
    /// returned to its own gatekeepers.
    pub(super) fn retire(self, why: Why, out: &mut Vec<Output>) {
        let zone = self.zone;
        let registrations = self.registrar.stats().registrations;
        let withdraw = self
            .published
            .into_iter()
            .map(|id| registrar::Output::Withdraw { id });
        let forget = self
            .kept
            .into_iter()
            .map(|id| registrar::Output::Forget { id });
        let forget_calls = self
            .kept_calls
            .into_iter()
            .map(|call| registrar::Output::ForgetCall { call });
        let all = withdraw.chain(forget).chain(forget_calls);
        out.extend(all.map(|output| Output::Zone { zone, output }));
        out.push(Output::Event(Event::Retired {
            zone,
            why,
            registrations,
        }));
    }

    fn note(&mut self, output: registrar::Output) -> Result<Output, Question> {
        match &output {
            registrar::Output::Publish(offer) => {
                self.published.insert(offer.id);
            }
            registrar::Output::Withdraw { id } => {
                self.published.remove(id);
            }
            registrar::Output::Store(stored) => {
                self.kept.insert(stored.id);
            }
            registrar::Output::Forget { id } => {
                self.kept.remove(id);
            }
            registrar::Output::StoreCall(stored) => {
                self.kept_calls.insert(stored.call.clone());
            }
            registrar::Output::ForgetCall { call } => {
                self.kept_calls.remove(call);
            }
            _ => {}
        }
        if let registrar::Output::Locate {
            ticket,
            destination,
        } = output
        {
            return Err(Question {
                ticket,
                destination,
            });
        }
        let zone = self.zone;
        Ok(Output::Zone { zone, output })
    }
}

/// What a module is started with.
pub(super) fn start(
    setup: &super::Setup,
    starts: u64,
    zone: &ZoneSettings,
    profile: &Arc<Profile>,
) -> registrar::Settings {
    registrar::Settings {
        profile: Arc::clone(profile),
        call_signal_address: zone.call_signal_address,
        here: zone.here.clone(),
        ras_addresses: zone.own.clone(),
        reserved: zone.reserved.clone(),
        alternates: zone.alternates.clone(),
        seed: mixed(setup.seed ^ mixed(u64::from(zone.zone) << 32 ^ starts)),
        max_answers: setup.max_answers,
        unix_at_zero: setup.unix_at_zero,
    }
}

/// The finalizer of splitmix64: different for different numbers.
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Subscription;

    #[test]
    fn where_each_state_of_affairs_leads() {
        let with = |on, until| {
            let text = r#"{ "zone": "a", "gatekeeper_identifier": "a" }"#;
            let mut profile: Profile = serde_json::from_str(text).unwrap();
            profile.subscription = Subscription { on, until };
            profile
        };
        let refusing = |why| Phase::Refusing { why };
        let (none, no) = (
            refusing(Refusal::NoProfile),
            refusing(Refusal::NotSubscribed),
        );
        let idle = Phase::Idle;
        // Profile; not served, served, and served after `until`.
        let table = [
            (None, [idle, none, none]),
            (Some(with(false, None)), [idle, no, no]),
            (Some(with(false, Some(100))), [idle, no, no]),
            (
                Some(with(true, None)),
                [idle, Phase::Running, Phase::Running],
            ),
            (Some(with(true, Some(100))), [idle, Phase::Running, no]),
        ];
        for (profile, expected) in table {
            let profile = profile.as_ref();
            let got = [(false, 99), (true, 99), (true, 100)]
                .map(|(served, unix)| decide(served, profile, unix));
            assert_eq!(
                got,
                expected,
                "{:?}",
                profile.map(|profile| profile.subscription)
            );
        }
        assert_eq!(why(idle), Why::Returned);
        assert_eq!(why(none), Why::Refused(Refusal::NoProfile));
        assert_eq!(why(Phase::Running), Why::Reconfigured);
    }

    #[test]
    fn every_start_has_a_seed_of_its_own() {
        let mut seeds = BTreeSet::new();
        for zone in 0..100_u64 {
            for starts in 0..100 {
                assert!(seeds.insert(mixed(7 ^ mixed(zone << 32 ^ starts))));
            }
        }
    }
}
