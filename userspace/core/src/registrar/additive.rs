//! Additive registration (H.323 7.2.2.1): aliases and prefixes more, for one that is registered.

use rasline_h225::messages::alias;
use rasline_h225::types::{RegistrationRejectReason as Why, RegistrationRequest};

use super::EntryId;
use super::aliases::texts;
use super::registration_claim::ClaimCheck;
use super::rrq::served_prefixes;

/// Aliases and prefixes that a registration has with those that an additive RRQ brings.
pub(super) fn add_names(
    claims: ClaimCheck<'_>,
    id: EntryId,
    rrq: &RegistrationRequest,
) -> Result<(Vec<String>, Vec<String>), Why> {
    let entries = claims.entries;
    let entry = entries.get(id).ok_or(Why::FullRegistrationRequired)?;
    let more = texts(rrq.terminal_alias.as_deref());
    let taken = |text: &String| entries.owner(text).is_some_and(|owner| owner != id);
    let duplicates: Vec<_> = more.iter().filter(|text| taken(text)).collect();
    if !duplicates.is_empty() {
        let list = duplicates.into_iter().filter_map(|text| alias(text).ok());
        return Err(Why::DuplicateAlias(list.collect()));
    }
    let all = (
        with_others(&entry.aliases, more),
        with_others(&entry.prefixes, served_prefixes(rrq)),
    );
    let who = (entry.endpoint.ip(), &entry.mode);
    let allowed = claims.allow(who, Some(&entry.identifier), &entry.signalling, all);
    allowed.map_err(|refusal| refusal.reason)
}

fn with_others(known: &[String], more: Vec<String>) -> Vec<String> {
    let new = more.into_iter().filter(|one| !known.contains(one));
    known.iter().cloned().chain(new).collect()
}
