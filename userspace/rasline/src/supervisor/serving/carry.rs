//! What the control unit and the proxies want is carried out here, and only here; results go back as inputs.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use rasline_core::{
    Time, backup, proxy,
    registrar::{self, Offer},
};
use rasline_kernel::Entry;

use super::served;
use crate::{host::monotonic_ns, supervisor::Supervisor};

/// How often the kernel lets a served keep-alive through, if nothing else is said: the registrar learns of the others by
/// the slot's time.
const REFRESH_EVERY: Duration = Duration::from_mins(5);
/// Served registrations of a zone that has returned are answered for so long at least, until they have moved.
const RETIRE_AFTER: Duration = Duration::from_mins(1);

impl Supervisor {
    /// Gives the control unit an input and carries out what follows, in order.
    pub(super) fn control_unit(&mut self, input: backup::Input<'_>) {
        // Who leaves a zone that has returned is answered until it has moved.
        let retires = matches!(input, backup::Input::Serve { on: false, .. });
        let mut out = Vec::new();
        let now = Time(monotonic_ns());
        self.serving.unit.handle(now, input, &mut out);
        let mut queue = VecDeque::from(out);
        while let Some(output) = queue.pop_front() {
            let result = match output {
                backup::Output::Zone { zone, output } => self.registrar(zone, output, retires),
                backup::Output::Event(event) => {
                    self.tell_backup(&event);
                    None
                }
            };
            if let Some(result) = result {
                let mut more = Vec::new();
                let now = Time(monotonic_ns());
                self.serving.unit.handle(now, result, &mut more);
                queue.extend(more);
            }
        }
    }

    fn registrar(
        &mut self,
        zone: u32,
        output: registrar::Output,
        retires: bool,
    ) -> Option<backup::Input<'static>> {
        match output {
            registrar::Output::Send { from, to, payload } => self.send_ras(from, to, &payload),
            registrar::Output::Publish(offer) => self.offer(zone, &offer),
            registrar::Output::Withdraw { id } if retires => self.retire_later(zone, id.0),
            registrar::Output::Withdraw { id } => self.withdraw_served(zone, id.0),
            registrar::Output::AskSeen { id } => {
                let at = self.last_seen(zone, id.0)?;
                return Some(backup::Input::Seen { zone, id, at });
            }
            registrar::Output::Store(stored) => self.remember_served(zone, &stored),
            registrar::Output::Forget { id } => self.forget_served(zone, id.0),
            registrar::Output::StoreCall(call) => self.remember_call(zone, &call),
            registrar::Output::ForgetCall { call } => self.forget_call(zone, call),
            // The control unit resolves it.
            registrar::Output::Locate { .. } => {}
            registrar::Output::Event(event) => self.tell_registrar(zone, &event),
        }
        None
    }

    /// Gives a zone's proxy an input and carries out what follows, in order.
    pub(super) fn proxy(&mut self, zone: u32, input: proxy::Input<'_>) {
        let mut queue = VecDeque::from(self.ask_proxy(zone, input));
        while let Some(output) = queue.pop_front() {
            if let Some(result) = self.proxied(zone, output) {
                queue.extend(self.ask_proxy(zone, result));
            }
        }
    }

    /// What a gatekeeper answers to a proxy shows that it lives, as what it answers to endpoints does.
    pub(super) fn answered_upstream(&self, zone: u32) {
        let proxy = self.serving.proxies.get(&zone);
        let Some((gatekeeper, at)) = proxy.and_then(proxy::Proxy::last_answer) else {
            return;
        };
        if let Some(zone) = self.zone_at(zone)
            && let Some(found) = zone.gatekeepers.iter().find(|g| g.ras() == gatekeeper)
            && let Some(index) = self.layout.gatekeeper(zone, found)
        {
            self.probes.heard(index, at);
        }
    }

    fn ask_proxy(&mut self, zone: u32, input: proxy::Input<'_>) -> Vec<proxy::Output> {
        let mut out = Vec::new();
        if let Some(proxy) = self.serving.proxies.get_mut(&zone) {
            proxy.handle(Time(monotonic_ns()), input, &mut out);
        }
        out
    }

    fn proxied(&mut self, zone: u32, output: proxy::Output) -> Option<proxy::Input<'static>> {
        match output {
            proxy::Output::ToEndpoint { from, to, payload } => self.send_ras(from, to, &payload),
            proxy::Output::ToGatekeeper { from, to, payload } => {
                self.send_upstream(from, to, &payload);
            }
            proxy::Output::Publish(offer) => self.offer(zone, &offer),
            proxy::Output::Withdraw { id } => self.withdraw_served(zone, id.0),
            proxy::Output::AskSeen { id } => {
                let at = self.last_seen(zone, id.0)?;
                return Some(proxy::Input::Seen { id, at });
            }
            proxy::Output::Store(stored) => self.remember_proxied(zone, &stored),
            proxy::Output::Forget { id } => self.forget_served(zone, id.0),
            proxy::Output::StoreCall(call) => self.remember_call(zone, &call),
            proxy::Output::ForgetCall { call } => self.forget_call(zone, call),
            proxy::Output::Event(event) => self.tell_proxy(zone, &event),
        }
        None
    }

    /// To an endpoint, from a socket of our own, or from the address of a gatekeeper that we stand in for.
    fn send_ras(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        if !self.send_by_socket(from, to, payload) {
            self.spoofed_gatekeeper
                .send(monotonic_ns(), from, to, payload);
        }
    }

    /// To a gatekeeper, from a socket of our own, or from the address of an endpoint that we speak for.
    fn send_upstream(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        if !self.send_by_socket(from, to, payload) {
            self.spoofed_endpoint.send(from, to, payload);
        }
    }

    /// False: none of the sockets has this address.
    fn send_by_socket(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> bool {
        let sent = self.serving.sockets.send(from, to, payload);
        if let Some(Err(e)) = &sent {
            self.serving.unsent += 1;
            tracing::debug!("RAS to {to} from {from}: not sent: {e}");
        }
        sent.is_some()
    }

    fn offer(&mut self, zone: u32, offer: &Offer) {
        let Some((gatekeeper, refresh_every)) = self.own_gatekeeper_for(zone, offer.seen_as) else {
            return;
        };
        let refresh_every = refresh_every.max(offer.time_to_live);
        let entry = Entry {
            endpoint: offer.endpoint,
            rrq: &offer.rrq,
            template: rasline_kernel::Template {
                answer: &offer.rcf,
                original: None,
                endpoint_identifier: &offer.endpoint_identifier,
                // The registrar says when it is over; this is for when there is nobody to say it.
                gatekeeper_ttl: refresh_every + offer.time_to_live * 2,
                refresh_every,
            },
            zone_generation: self.layout.generation(zone),
            gatekeeper: gatekeeper as u16,
            confirmed_ns: offer.confirmed.0,
            last_seen_ns: offer.confirmed.0,
        };
        let id = served::id(zone, offer.id.0);
        if let Err(refused) = self.place(monotonic_ns(), id, zone, 0, &entry) {
            tracing::debug!(
                "zone {zone}: {}: not answered by the kernel: {refused}",
                offer.endpoint
            );
        }
    }

    /// The own gatekeeper that an endpoint of this zone speaks with under this address, and how often its keep-alives are
    /// let through.
    fn own_gatekeeper_for(&self, zone: u32, seen_as: SocketAddr) -> Option<(u32, Duration)> {
        let zone = self.zone_at(zone)?;
        let mut own = zone.gatekeepers.iter().filter(|g| g.is_own());
        let same_family = |g: &&crate::config::Gatekeeper| g.address.is_ipv4() == seen_as.is_ipv4();
        let gatekeeper = self.layout.gatekeeper(zone, own.find(same_family)?)?;
        Some((gatekeeper, zone.refresh_every.unwrap_or(REFRESH_EVERY)))
    }

    fn withdraw_served(&mut self, zone: u32, id: u64) {
        let id = served::id(zone, id);
        if let Some(published) = self.effects.published(id) {
            self.withdraw_at(monotonic_ns(), id, published.place);
        }
    }

    fn retire_later(&mut self, zone: u32, id: u64) {
        let id = served::id(zone, id);
        if let Some(published) = self.effects.published(id) {
            let longest = self
                .zone_at(zone)
                .map_or(RETIRE_AFTER, |z| z.hold_for.max(RETIRE_AFTER));
            let until = Time(monotonic_ns()).after(longest);
            let entry = (until.0, id, published.place);
            self.serving.retiring.push_back(entry);
        }
    }

    /// Takes out what was left published when its zone returned to its own gatekeepers.
    pub(super) fn retire(&mut self, now_ns: u64) {
        while let Some((until, id, place)) = self.serving.retiring.front().copied() {
            if until > now_ns {
                return;
            }
            self.serving.retiring.pop_front();
            if self.effects.published(id).is_some_and(|p| p.place == place) {
                self.withdraw_at(now_ns, id, place);
            }
        }
    }

    /// Last keep-alive that the kernel answered.
    fn last_seen(&self, zone: u32, id: u64) -> Option<Time> {
        let observed = self.observed(monotonic_ns(), served::id(zone, id))?;
        Some(Time(observed.last_seen_ns))
    }
}
