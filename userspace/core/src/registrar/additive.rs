//! Additive registration (H.323 7.2.2.1): aliases and prefixes more, for one that is registered.

use rasline_h225::messages::alias;
use rasline_h225::types::{RasMessage, RegistrationRejectReason as Why, RegistrationRequest};
use rasline_h225::{decode_ras, encode_ras};

use super::aliases::texts;
use super::entries::Entry;
use super::machine::Registrar;
use super::message::Asked;
use super::registration::{identifier, registered};
use super::registration_claim::served;
use super::reply::Reply;
use super::{EntryId, Output};
use crate::octets;

impl Registrar {
    pub(super) fn additive(
        &mut self,
        asked: &Asked<'_>,
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        let named = identifier(rrq);
        let id = named.and_then(|identifier| self.whose(&identifier, asked, out));
        let Some(id) = id else {
            return self.rrj(asked, rrq, Why::FullRegistrationRequired);
        };
        match self.added(id, rrq) {
            Ok((aliases, prefixes)) => self.add(asked, rrq, (id, aliases, prefixes), out),
            Err(why) => self.rrj(asked, rrq, why),
        }
    }

    /// All that it then has.
    fn added(
        &self,
        id: EntryId,
        rrq: &RegistrationRequest,
    ) -> Result<(Vec<String>, Vec<String>), Why> {
        let entry = self.entries.get(id).ok_or(Why::FullRegistrationRequired)?;
        let more = texts(rrq.terminal_alias.as_deref());
        let taken = |text: &String| self.entries.owner(text).is_some_and(|owner| owner != id);
        let duplicates: Vec<_> = more.iter().filter(|text| taken(text)).collect();
        if !duplicates.is_empty() {
            let list = duplicates.into_iter().filter_map(|text| alias(text).ok());
            return Err(Why::DuplicateAlias(list.collect()));
        }
        let mut aliases = entry.aliases.clone();
        aliases.extend(
            more.into_iter()
                .filter(|text| !entry.aliases.contains(text)),
        );
        let mut prefixes = entry.prefixes.clone();
        prefixes.extend(
            served(rrq)
                .into_iter()
                .filter(|one| !entry.prefixes.contains(one)),
        );
        let host = entry.endpoint.ip();
        let all = (aliases, prefixes);
        self.allowed(
            (host, &entry.mode),
            Some(&entry.identifier),
            &entry.signalling,
            all,
        )
        .map_err(|refusal| refusal.reason)
    }

    fn add(
        &mut self,
        asked: &Asked<'_>,
        rrq: &RegistrationRequest,
        (id, aliases, prefixes): (EntryId, Vec<String>, Vec<String>),
        out: &mut Vec<Output>,
    ) -> Reply {
        let Some(mut entry) = self.entries.remove(id) else {
            return Reply::Nothing;
        };
        (entry.aliases, entry.prefixes) = (aliases, prefixes);
        entry.full = rebuilt(&entry);
        out.push(Output::Event(registered(&entry)));
        let rcf = self.rcf(asked.seq, rrq, &entry, true);
        self.entries.insert(id, entry);
        self.heard(id, self.now);
        self.store(id, out);
        self.stats.full += 1;
        match rcf {
            Some(rcf) => Reply::to(Some(id), RasMessage::RegistrationConfirm(rcf)),
            None => Reply::Nothing,
        }
    }
}

/// The full RRQ as it would say what is registered now, to be kept across restarts.
pub(super) fn rebuilt(entry: &Entry) -> Box<[u8]> {
    let Ok(RasMessage::RegistrationRequest(mut rrq)) = decode_ras(&entry.full) else {
        return Box::default();
    };
    let aliases: Vec<_> = entry
        .aliases
        .iter()
        .filter_map(|text| alias(text).ok())
        .collect();
    rrq.terminal_alias = (!aliases.is_empty()).then_some(aliases.into());
    let octets = encode_ras(&RasMessage::RegistrationRequest(rrq)).unwrap_or_default();
    octets::full(&octets).unwrap_or_default()
}
