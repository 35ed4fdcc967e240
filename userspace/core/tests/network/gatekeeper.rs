//! A gatekeeper: a registrar, its disk, and the kernel that answers keep-alives in its place.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rasline_core::Time;
use rasline_core::profile::{Profile, TimeToLive};
use rasline_core::registrar::{EntryId, Event, Input, Output, Registrar, Settings};
use rasline_h225::view::Alternate;
use rasline_testkit_model::zone::{Disk, open_profile, registrar_settings};

/// timeToLive that all of them give.
pub const TIME_TO_LIVE: u32 = 60;
/// The kernel says at most so often that an endpoint lives.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// What a gatekeeper wants done.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Messages to be sent, to whom.
    pub send: Vec<(SocketAddr, Vec<u8>)>,
    /// What it told people.
    pub events: Vec<Event>,
}

/// One keep-alive that the kernel answers.
#[derive(Debug)]
struct Slot {
    id: EntryId,
    rcf: Vec<u8>,
    seen: Time,
    told: Time,
}

type Place = (SocketAddr, Vec<u8>);

/// See the module.
#[derive(Debug)]
pub struct Gatekeeper {
    /// RAS address.
    pub address: SocketAddr,
    /// `None`: it is down.
    pub registrar: Option<Registrar>,
    /// Keep-alives that the kernel answered.
    pub fast: u64,
    settings: Settings,
    disk: Disk,
    slots: HashMap<Place, Slot>,
    places: HashMap<EntryId, Place>,
}

/// RAS address of gatekeeper `n`.
pub fn address(n: usize) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, n as u8 + 1], 1719))
}

/// Where it wants calls.
pub fn signalling(n: usize) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, n as u8 + 1], 1720))
}

/// Which one has this address.
pub fn number(address: SocketAddr) -> Option<usize> {
    match address {
        SocketAddr::V4(v4) if v4.ip().octets()[..3] == [198, 51, 100] => {
            usize::from(v4.ip().octets()[3]).checked_sub(1)
        }
        _ => None,
    }
}

fn settings(n: usize, of: usize) -> Settings {
    let others = (0..of).filter(|other| *other != n);
    let mut profile = open_profile(&format!("gk{n}"));
    profile.time_to_live = TimeToLive {
        default: TIME_TO_LIVE,
        min: 10,
        max: TIME_TO_LIVE,
    };
    Settings {
        call_signal_address: Some(signalling(n)),
        alternates: others
            .map(|other| Alternate {
                address: address(other),
                gatekeeper_identifier: Some(format!("gk{other}")),
                need_to_register: true,
                priority: other as u8,
            })
            .collect(),
        seed: n as u64 + 1,
        ..registrar_settings(profile, address(n))
    }
}

impl Gatekeeper {
    /// Gatekeeper `n` of so many, up.
    pub fn new(n: usize, of: usize, now: Time) -> Self {
        let settings = settings(n, of);
        Self {
            address: address(n),
            registrar: Some(Registrar::new(settings.clone(), now)),
            fast: 0,
            settings,
            disk: Disk::default(),
            slots: HashMap::new(),
            places: HashMap::new(),
        }
    }

    /// Takes so many registrations at most, from now on.
    pub fn limit(&mut self, now: Time, registrations: u32) {
        let mut profile = Profile::clone(&self.settings.profile);
        profile.limits.registrations = registrations;
        self.settings.profile = Arc::new(profile);
        let profile = Arc::clone(&self.settings.profile);
        self.input(now, Input::Profile(profile), &mut Wanted::default());
    }

    pub fn is_up(&self) -> bool {
        self.registrar.is_some()
    }

    /// The process is killed; its kernel forgets with it.
    pub fn crash(&mut self) {
        self.registrar = None;
        self.slots.clear();
        self.places.clear();
    }

    /// It starts again, with what is on the disk or without.
    pub fn restart(&mut self, now: Time, keep_disk: bool) -> Wanted {
        // Another start, another seed, as the daemon does.
        self.settings.seed += 1000;
        self.registrar = Some(Registrar::new(self.settings.clone(), now));
        let mut wanted = Wanted::default();
        let disk = std::mem::take(&mut self.disk);
        if keep_disk {
            self.disk.clone_from(&disk);
            for stored in disk.registrations.into_values() {
                self.input(now, Input::Restore(Box::new(stored)), &mut wanted);
            }
        }
        wanted
    }

    /// When it has something to do.
    pub fn next_due(&self) -> Option<Time> {
        self.registrar.as_ref()?.next_due()
    }

    pub fn due(&mut self, now: Time) -> Wanted {
        let mut wanted = Wanted::default();
        self.input(now, Input::Due, &mut wanted);
        wanted
    }

    /// A datagram came: the kernel answers it, or the registrar gets it.
    pub fn message(&mut self, now: Time, from: SocketAddr, payload: &[u8]) -> Wanted {
        let mut wanted = Wanted::default();
        if let Some(id) = self.answered_by_kernel(now, from, payload, &mut wanted) {
            self.input(now, Input::Seen { id, at: now }, &mut wanted);
        } else if wanted.send.is_empty() {
            let to = self.address;
            let input = Input::Message { from, to, payload };
            self.input(now, input, &mut wanted);
        }
        wanted
    }

    /// Which registration the registrar is to be told of.
    fn answered_by_kernel(
        &mut self,
        now: Time,
        from: SocketAddr,
        payload: &[u8],
        wanted: &mut Wanted,
    ) -> Option<EntryId> {
        let seq = payload.get(2..4)?.to_owned();
        let mut zeroed = payload.to_vec();
        zeroed[2..4].fill(0);
        let slot = self.slots.get_mut(&(from, zeroed))?;
        let mut rcf = slot.rcf.clone();
        rcf[2..4].copy_from_slice(&seq);
        wanted.send.push((from, rcf));
        slot.seen = now;
        self.fast += 1;
        if now.since(slot.told) < TOLD_EVERY {
            return None;
        }
        slot.told = now;
        Some(slot.id)
    }

    fn input(&mut self, now: Time, input: Input<'_>, wanted: &mut Wanted) {
        let Some(registrar) = &mut self.registrar else {
            return;
        };
        let mut out = Vec::new();
        registrar.handle(now, input, &mut out);
        let mut alive = Vec::new();
        for output in out {
            match output {
                Output::Send { to, payload, .. } => wanted.send.push((to, payload)),
                Output::Publish(offer) => {
                    let place = (offer.endpoint, offer.rrq);
                    self.withdraw(offer.id);
                    self.places.insert(offer.id, place.clone());
                    let slot = Slot {
                        id: offer.id,
                        rcf: offer.rcf,
                        seen: offer.confirmed,
                        told: offer.confirmed,
                    };
                    self.slots.insert(place, slot);
                }
                Output::Withdraw { id } => self.withdraw(id),
                Output::AskSeen { id } => alive.extend(self.seen(id)),
                // Nobody calls here.
                Output::Locate { .. } => {}
                Output::Event(event) => wanted.events.push(event),
                store => self.disk.write_one(&store),
            }
        }
        for (id, at) in alive {
            self.input(now, Input::Seen { id, at }, wanted);
        }
    }

    fn seen(&self, id: EntryId) -> Option<(EntryId, Time)> {
        let slot = self.slots.get(self.places.get(&id)?)?;
        Some((id, slot.seen))
    }

    fn withdraw(&mut self, id: EntryId) {
        if let Some(place) = self.places.remove(&id) {
            self.slots.remove(&place);
        }
    }
}
