//! GRQ: is this the gatekeeper (H.225.0 7.8)?
//!
//! One that names another gatekeeper gets a GRJ terminalExcluded, if it was asked alone: to a multicast, only a GCF is an
//! answer, and it comes from the gatekeeper's own RAS address. The same for one whose aliases the profile does not know, where it admits no unknown.

use rasline_h225::text::{from_bmp, to_bmp, to_transport};
use rasline_h225::types::{
    GatekeeperConfirm, GatekeeperReject, GatekeeperRejectReason, GatekeeperRequest, RasMessage,
};

use super::aliases::texts;
use super::machine::Registrar;
use super::message::Asked;
use super::reply::{Reply, alternates};

impl Registrar {
    pub(super) fn discovery(&mut self, asked: &Asked<'_>, grq: &GatekeeperRequest) -> Reply {
        let wanted = grq.gatekeeper_identifier.as_ref().map(from_bmp);
        let ours = wanted.is_none_or(|id| id == self.settings.profile.gatekeeper_identifier);
        let provable = self.can_prove(grq);
        if ours && provable && self.expected(grq) {
            return Reply::anyone(RasMessage::GatekeeperConfirm(self.gcf(asked, grq)));
        }
        let why = if ours && !provable {
            GatekeeperRejectReason::SecurityDenial
        } else {
            GatekeeperRejectReason::TerminalExcluded
        };
        let mut grj = GatekeeperReject::new(asked.seq, why);
        grj.protocol_identifier = grq.protocol_identifier.clone();
        grj.gatekeeper_identifier = to_bmp(&self.settings.profile.gatekeeper_identifier).ok();
        Reply::anyone(RasMessage::GatekeeperReject(grj))
    }

    /// Whether it could register.
    fn expected(&self, grq: &GatekeeperRequest) -> bool {
        let aliases = texts(grq.endpoint_alias.as_deref());
        self.settings.profile.admit_unknown
            || aliases.is_empty()
            || aliases
                .iter()
                .any(|one| self.profile_index.aliases.contains_key(one))
    }

    fn gcf(&self, asked: &Asked<'_>, grq: &GatekeeperRequest) -> GatekeeperConfirm {
        let mut gcf = GatekeeperConfirm::new(asked.seq, to_transport(asked.to));
        gcf.protocol_identifier = grq.protocol_identifier.clone();
        gcf.gatekeeper_identifier = to_bmp(&self.settings.profile.gatekeeper_identifier).ok();
        if grq.supports_alt_gk.is_some() {
            gcf.alternate_gatekeeper = alternates(&self.settings.alternates);
        }
        self.announce(&mut gcf);
        gcf
    }
}
