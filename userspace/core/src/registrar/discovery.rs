//! GRQ: is this the gatekeeper (H.225.0 7.8)?
//!
//! One that names another gatekeeper gets a GRJ terminalExcluded, if it was asked alone: to a multicast, only a GCF is an
//! answer, and it comes from the gatekeeper's own RAS address. The same for one whose aliases the profile does not know,
//! where it admits no unknown.

use rasline_h225::text::{from_bmp, to_transport};
use rasline_h225::types::{
    GatekeeperConfirm, GatekeeperReject, GatekeeperRejectReason, GatekeeperRequest, RasMessage,
};

use super::aliases::texts;
use super::auth::{announce_proof, can_prove};
use super::inbound::Inbound;
use super::policy::Policy;
use super::reply::{Reply, alternates};

pub(super) fn answer_grq(policy: &Policy, asked: &Inbound<'_>, grq: &GatekeeperRequest) -> Reply {
    let profile = policy.profile();
    let wanted = grq.gatekeeper_identifier.as_ref().map(from_bmp);
    let ours = wanted.is_none_or(|id| id == profile.gatekeeper_identifier);
    let provable = can_prove(grq, profile.authentication);
    if ours && provable && can_register(policy, grq) {
        return Reply::anyone(RasMessage::GatekeeperConfirm(gcf(policy, asked, grq)));
    }
    let why = if ours && !provable {
        GatekeeperRejectReason::SecurityDenial
    } else {
        GatekeeperRejectReason::TerminalExcluded
    };
    let mut grj = GatekeeperReject::new(asked.seq, why);
    grj.protocol_identifier = grq.protocol_identifier.clone();
    grj.gatekeeper_identifier = policy.gatekeeper_identifier();
    Reply::anyone(RasMessage::GatekeeperReject(grj))
}

/// True if the profile lets one of these aliases register.
fn can_register(policy: &Policy, grq: &GatekeeperRequest) -> bool {
    let aliases = texts(grq.endpoint_alias.as_deref());
    let known = &policy.index.aliases;
    policy.profile().admit_unknown
        || aliases.is_empty()
        || aliases.iter().any(|one| known.contains_key(one))
}

fn gcf(policy: &Policy, asked: &Inbound<'_>, grq: &GatekeeperRequest) -> GatekeeperConfirm {
    let mut gcf = GatekeeperConfirm::new(asked.seq, to_transport(asked.to));
    gcf.protocol_identifier = grq.protocol_identifier.clone();
    gcf.gatekeeper_identifier = policy.gatekeeper_identifier();
    if grq.supports_alt_gk.is_some() {
        gcf.alternate_gatekeeper = alternates(&policy.settings.alternates);
    }
    announce_proof(&mut gcf, policy.profile().authentication);
    gcf
}
