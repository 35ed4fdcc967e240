//! A gatekeeper has confirmed an endpoint: what that means for it.

use rasline_h225::RasKind;
use rasline_h225::types::{RasMessage, RegistrationConfirm};

use crate::octets;
use crate::proxy::machine::Proxy;
use crate::proxy::relay::translate;
use crate::proxy::upstream::registration::registered;
use crate::proxy::{EntryId, Event, Output, UpstreamState, rrq};
use crate::ras_server;

/// timeToLive towards an endpoint when nobody says one, seconds.
const TIME_TO_LIVE: u32 = 300;

impl Proxy {
    /// It is registered: what it waited for goes out.
    pub(in crate::proxy) fn admitted(
        &mut self,
        id: EntryId,
        rcf: &RegistrationConfirm,
        out: &mut Vec<Output>,
    ) {
        if let Some(entry) = self.entries.get_mut(id)
            && let Some(wanted) = entry.wanted.take()
        {
            entry.full = wanted;
            entry.adding = None;
        }
        self.stand(id, UpstreamState::Registered);
        self.tell_endpoint(id, rcf, out);
        self.refresh(id, out);
        self.store(id, out);
        self.moved(id, true, out);
        self.send_waiting(id, out);
    }

    /// What the new full RRQ says is what is so.
    fn refresh(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let Some(full) = rrq::parse(&entry.full) else {
            return;
        };
        let endpoint = entry.endpoint;
        self.entries.move_ras(id, rrq::ras_address(&full, endpoint));
        let signalling = rrq::signalling(&full, endpoint);
        // It may have become another's since.
        let free = self.entries.by_signalling(signalling).is_none();
        if free {
            self.entries.move_signalling(id, Some(signalling));
        }
        let aliases = rrq::aliases(full.terminal_alias.as_deref());
        for other in self.entries.own(id, aliases) {
            self.end(other, ras_server::Ended::Replaced, out);
        }
    }

    /// The endpoint gets the RCF, if it waits for one.
    fn tell_endpoint(&mut self, id: EntryId, rcf: &RegistrationConfirm, out: &mut Vec<Output>) {
        let tickets = self.waiting(id, |kind| kind == RasKind::RegistrationRequest);
        if tickets.is_empty() {
            return;
        }
        let granted = self.granted(id, rcf);
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let other = std::mem::replace(&mut entry.time_to_live, granted) != granted;
        let first = !std::mem::replace(&mut entry.confirmed, true);
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let Some(known) = self.downstream(entry) else {
            return;
        };
        let registered = registered(entry);
        let mut message = RasMessage::RegistrationConfirm(rcf.clone());
        translate::to_endpoint(&mut message, &known);
        if let RasMessage::RegistrationConfirm(rcf) = &mut message {
            rcf.time_to_live = Some(granted);
            rcf.supports_additive_registration = Some(());
        }
        for ticket in tickets {
            let Some(seq) = self.waits.get(ticket).map(|wait| wait.seq) else {
                continue;
            };
            message.set_request_seq_num(seq);
            if let Ok(octets) = rasline_h225::encode_ras(&message) {
                self.stats.full += 1;
                if let Some(entry) = self.entries.get_mut(id) {
                    entry.rcf = octets::full(&octets);
                }
                self.answer(ticket, octets, out);
            }
        }
        if other {
            // The kernel would tell the one before.
            self.withdraw(id, out);
        }
        self.renew(id);
        if first {
            out.push(Output::Event(Event::Endpoint(registered)));
        }
    }

    fn granted(&self, id: EntryId, rcf: &RegistrationConfirm) -> u32 {
        if let Some(ttl) = self.settings.endpoint_ttl {
            return octets::seconds(ttl);
        }
        let entry = self.entries.get(id);
        let asked = entry.and_then(|entry| rrq::parse(&entry.full)?.time_to_live);
        rcf.time_to_live.or(asked).unwrap_or(TIME_TO_LIVE)
    }
}
