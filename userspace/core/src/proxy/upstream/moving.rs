//! Another gatekeeper serves the zone: all endpoints register there, at the rate.

use std::net::SocketAddr;

use crate::proxy::machine::{Proxy, Timer};
use crate::proxy::relay::waits::PATIENCE;
use crate::proxy::upstream::queue::Lane;
use crate::proxy::upstream::requests_to_gatekeeper::Purpose;
use crate::proxy::{EntryId, Event, Output, UpstreamState};

/// A move that is not over.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Moving {
    gatekeeper: SocketAddr,
    left: usize,
    registered: usize,
    rejected: usize,
}

impl Proxy {
    pub(in crate::proxy) fn activate(
        &mut self,
        gatekeeper: Option<SocketAddr>,
        out: &mut Vec<Output>,
    ) {
        if self.active == gatekeeper {
            return;
        }
        self.active = gatekeeper;
        if gatekeeper.is_none() {
            // Who is registered stays so until timeToLive is over; requests wait.
            return self.stop_flights();
        }
        self.stop_flights();
        let mut ids: Vec<EntryId> = self.entries.iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        let mut left = 0;
        for id in ids {
            left += usize::from(self.move_one(id));
        }
        self.moving = None;
        if let Some(gatekeeper) = gatekeeper.filter(|_| left > 0) {
            self.moving = Some(Moving {
                gatekeeper,
                left,
                registered: 0,
                rejected: 0,
            });
            out.push(Output::Event(Event::Moving {
                gatekeeper,
                endpoints: left,
            }));
        }
        self.send_all_waiting(out);
    }

    /// Whether it must register.
    fn move_one(&mut self, id: EntryId) -> bool {
        let Some(entry) = self.entries.get(id) else {
            return false;
        };
        if entry.wanted.is_some() {
            self.enqueue(id, Lane::Wanted);
        } else {
            self.settle(id);
        }
        let Some(entry) = self.entries.get_mut(id) else {
            return false;
        };
        entry.moving = entry.up.standing != UpstreamState::Registered;
        entry.moving
    }

    /// Requests to gatekeepers that serve no more: those of endpoints wait for the next one.
    fn stop_flights(&mut self) {
        for seq in self.to_gatekeeper.not_for(self.active) {
            let Some(flight) = self.to_gatekeeper.get_mut(seq) else {
                continue;
            };
            let purpose = flight.purpose.clone();
            match purpose {
                Purpose::Register(id) => {
                    flight.purpose = Purpose::Abandoned;
                    if let Some(entry) = self.entries.get_mut(id) {
                        entry.up.flight = None;
                    }
                    self.timers
                        .set(Timer::ToGatekeeper(seq), self.now.after(PATIENCE));
                    self.enqueue(id, Lane::Quiet);
                }
                Purpose::Carry(ids) => {
                    flight.purpose = Purpose::Abandoned;
                    self.timers
                        .set(Timer::ToGatekeeper(seq), self.now.after(PATIENCE));
                    self.gateway.up.flight = None;
                    for id in ids {
                        self.enqueue(id, Lane::Quiet);
                    }
                }
                Purpose::KeepAlive(id) => {
                    self.land(seq);
                    self.keep_up(id);
                }
                Purpose::Relay { wait, .. } => {
                    self.land(seq);
                    if let Some(wait) = self.waits.get_mut(wait) {
                        wait.flight = None;
                    }
                }
                Purpose::Leave(address) => {
                    self.land(seq);
                    self.left(address, seq);
                }
                Purpose::Abandoned => {}
            }
        }
    }

    fn send_all_waiting(&mut self, out: &mut Vec<Output>) {
        let registered = |id: &EntryId| {
            let entry = self.entries.get(*id);
            entry.is_some_and(|entry| entry.up.standing == UpstreamState::Registered)
        };
        let mut ids: Vec<EntryId> = self.waits.ids().filter(registered).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            self.send_waiting(id, out);
        }
    }

    /// One of those that move has come to its end.
    pub(in crate::proxy) fn moved(&mut self, id: EntryId, registered: bool, out: &mut Vec<Output>) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        if !std::mem::replace(&mut entry.moving, false) {
            return;
        }
        let Some(moving) = &mut self.moving else {
            return;
        };
        moving.left = moving.left.saturating_sub(1);
        moving.registered += usize::from(registered);
        moving.rejected += usize::from(!registered);
        if moving.left == 0 {
            out.push(Output::Event(Event::Moved {
                gatekeeper: moving.gatekeeper,
                registered: moving.registered,
                rejected: moving.rejected,
            }));
            self.moving = None;
        }
    }
}
