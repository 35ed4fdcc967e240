//! Who is it, really (H.235)? The only place that knows how a message is proved.

use rasline_h225::build::urj;
use rasline_h225::encode_ras;
use rasline_h225::security::Mechanism;
use rasline_h225::types::{
    AdmissionReject, AdmissionRejectReason, BandRejectReason, BandwidthReject, DisengageReject,
    DisengageRejectReason, GatekeeperConfirm, GatekeeperRequest, InfoRequestNak,
    InfoRequestNakReason, RasMessage, RegistrationRejectReason, RegistrationRequest,
    UnregRejectReason,
};

use super::machine::Registrar;
use super::message::Asked;
use super::reply::Reply;
use crate::profile::Authentication;

/// How messages to and from an endpoint are proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// Not at all.
    #[default]
    Open,
    /// By this, as who it said it is.
    Proved(Mechanism, String),
}

/// A message that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Denied;

impl Registrar {
    /// Whether a request holds, and how its sender proved it. Discovery comes before anything can be proved; other
    /// gatekeepers are known by their address; answers fit a request of ours.
    pub(super) fn check(&self, _asked: &Asked<'_>, message: &RasMessage) -> Result<Mode, Denied> {
        use RasMessage as M;
        let of_endpoint = matches!(
            message,
            M::RegistrationRequest(_)
                | M::UnregistrationRequest(_)
                | M::AdmissionRequest(_)
                | M::BandwidthRequest(_)
                | M::DisengageRequest(_)
                | M::InfoRequestResponse(_)
                | M::ResourcesAvailableIndicate(_)
                | M::ServiceControlIndication(_)
        );
        match self.settings.profile.authentication {
            Authentication::None => Ok(Mode::Open),
            _ if !of_endpoint => Ok(Mode::Open),
            Authentication::Md5 | Authentication::HmacSha1 => Err(Denied),
        }
    }

    /// The answer to what does not hold.
    pub(super) fn denied(
        &mut self,
        asked: &Asked<'_>,
        message: &RasMessage,
        _why: Denied,
    ) -> Reply {
        use RasMessage as M;
        self.stats.denied += 1;
        let seq = asked.seq;
        Reply::anyone(match message {
            M::RegistrationRequest(rrq) => {
                return self.rrj(asked, rrq, RegistrationRejectReason::SecurityDenial);
            }
            M::UnregistrationRequest(_) => urj(seq, UnregRejectReason::SecurityDenial),
            M::AdmissionRequest(_) => M::AdmissionReject(AdmissionReject::new(
                seq,
                AdmissionRejectReason::SecurityDenial,
            )),
            M::BandwidthRequest(_) => M::BandwidthReject(BandwidthReject::new(
                seq,
                BandRejectReason::SecurityDenial,
                0,
            )),
            M::DisengageRequest(_) => M::DisengageReject(DisengageReject::new(
                seq,
                DisengageRejectReason::SecurityDenial,
            )),
            M::InfoRequestResponse(irr) if irr.need_response == Some(true) => M::InfoRequestNak(
                InfoRequestNak::new(seq, InfoRequestNakReason::SecurityDenial),
            ),
            _ => return Reply::Nothing,
        })
    }

    /// The octets of a message to somebody, proved as he proves his.
    pub(super) fn seal(&self, message: &mut RasMessage, _mode: &Mode) -> Option<Vec<u8>> {
        encode_ras(message).ok()
    }

    /// Says in a GCF how messages are to be proved.
    pub(super) fn announce(&self, _grq: &GatekeeperRequest, _gcf: &mut GatekeeperConfirm) {}

    /// How the sender of a stored RRQ proves its messages.
    pub(super) fn mode_of(&self, _rrq: &RegistrationRequest) -> Mode {
        Mode::Open
    }

    /// Whether that is enough for the profile.
    pub(super) fn proved_enough(&self, mode: &Mode) -> bool {
        match self.settings.profile.authentication {
            Authentication::None => true,
            Authentication::Md5 => *mode != Mode::Open,
            Authentication::HmacSha1 => matches!(mode, Mode::Proved(Mechanism::HmacSha1, _)),
        }
    }
}
