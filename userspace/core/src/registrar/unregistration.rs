//! URQ, of an endpoint and to an endpoint (H.225.0 7.10).
//!
//! One that names some of its aliases gives up these only; one that names all of them, or none of them, leaves. Its calls end
//! with it: real stacks leave without disengaging.

use std::collections::BTreeSet;

use rasline_h225::messages::{ucf, urj};
use rasline_h225::text::{from_bmp, from_transport, to_bmp, to_transport};
use rasline_h225::types::{
    RasMessage, UnregRejectReason, UnregRequestReason, UnregistrationRequest,
};

use super::additive::rebuilt;
use super::aliases::texts;
use super::entries::Entry;
use super::machine::Registrar;
use super::message::Asked;
use super::registration::registered;
use super::reply::{Reply, alternates};
use super::{Ended, EntryId, Output};

impl Registrar {
    pub(super) fn unregistration(
        &mut self,
        asked: &Asked<'_>,
        urq: &UnregistrationRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        let Some(id) = self.leaving(asked, urq, out) else {
            let reason = UnregRejectReason::NotCurrentlyRegistered;
            return Reply::anyone(urj(asked.seq, reason));
        };
        let entry = self.entries.get(id);
        if entry.is_none_or(|entry| {
            entry.endpoint.ip() != asked.from.ip() || !entry.mode.agrees(&asked.mode)
        }) {
            return Reply::anyone(urj(asked.seq, UnregRejectReason::PermissionDenied));
        }
        let given_up: BTreeSet<String> = texts(urq.endpoint_alias.as_deref()).into_iter().collect();
        let stays = entry.is_some_and(|entry| {
            let named = |alias: &&String| given_up.contains(*alias);
            let count = entry.aliases.iter().filter(named).count();
            (1..entry.aliases.len()).contains(&count)
        });
        if stays {
            self.give_up_aliases(id, &given_up, out);
        } else {
            self.end(id, Ended::Left, out);
        }
        Reply::anyone(ucf(asked.seq))
    }

    /// Whom it is about: the endpointIdentifier says, or callSignalAddress.
    fn leaving(
        &mut self,
        asked: &Asked<'_>,
        urq: &UnregistrationRequest,
        out: &mut Vec<Output>,
    ) -> Option<EntryId> {
        if let Some(identifier) = &urq.endpoint_identifier {
            let identifier = from_bmp(identifier);
            let known = self.entries.by_identifier(&identifier);
            return known.or_else(|| self.whose(&identifier, asked, out));
        }
        let mut addresses = urq.call_signal_address.iter().filter_map(from_transport);
        addresses.find_map(|one| self.entries.by_signalling(one))
    }

    fn give_up_aliases(&mut self, id: EntryId, given_up: &BTreeSet<String>, out: &mut Vec<Output>) {
        let Some(mut entry) = self.entries.remove(id) else {
            return;
        };
        let before = entry.aliases.len();
        entry.aliases.retain(|alias| !given_up.contains(alias));
        let changed = entry.aliases.len() != before;
        if changed {
            entry.full = rebuilt(&entry);
            out.push(Output::Event(registered(&entry)));
        }
        self.entries.insert(id, entry);
        if changed {
            self.store(id, out);
        }
    }

    /// A URQ for it: with both identifiers, since some endpoints ignore one that lacks either.
    pub(super) fn urq(&self, entry: &Entry, reason: UnregRequestReason) -> Option<RasMessage> {
        let mut urq = UnregistrationRequest::new(1);
        urq.call_signal_address = entry.signalling.iter().copied().map(to_transport).collect();
        urq.endpoint_identifier = Some(to_bmp(&entry.identifier).ok()?);
        urq.gatekeeper_identifier = to_bmp(&self.settings.profile.gatekeeper_identifier).ok();
        urq.reason = Some(reason);
        if entry.supports_alternates {
            urq.alternate_gatekeeper = alternates(&self.settings.alternates);
        }
        Some(RasMessage::UnregistrationRequest(urq))
    }
}
