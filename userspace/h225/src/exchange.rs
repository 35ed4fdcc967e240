//! How requests behave: who sends them, what confirms and what refuses them, how often they are sent again
//! (H.225.0 7.19, and what stacks do where it says nothing).

use core::time::Duration;

use crate::RasKind;

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Endpoints, to gatekeepers.
    Endpoint,
    /// Gatekeepers, to endpoints.
    Gatekeeper,
    /// Both.
    Either,
}

/// How a kind of request behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// Kind of the request.
    pub request: RasKind,
    /// Who sends it.
    pub sender: Sender,
    /// What grants it, or answers it if nothing is asked for.
    pub confirmed_by: &'static [RasKind],
    /// What refuses it.
    pub refused_by: Option<RasKind>,
    /// After how long without an answer it is sent again.
    pub interval: Duration,
    /// How often it is sent again.
    pub repeats: u8,
}

impl Exchange {
    /// Whether a message of this kind answers the request. An XRS answers any.
    #[must_use]
    pub fn is_answered_by(&self, kind: RasKind) -> bool {
        kind == RasKind::UnknownMessageResponse
            || self.refused_by == Some(kind)
            || self.confirmed_by.contains(&kind)
    }
}

/// Defines the table, and the look-up in it.
macro_rules! exchanges {
    ($($request:ident $sender:ident [$($confirm:ident)*] $refusal:expr, $seconds:literal $repeats:literal;)*) => {
        impl RasKind {
            /// How this kind of request behaves. `None`: nothing answers it.
            #[must_use]
            pub const fn exchange(self) -> Option<&'static Exchange> {
                match self {
                    $(Self::$request => Some(const { &Exchange {
                        request: Self::$request,
                        sender: Sender::$sender,
                        confirmed_by: &[$(Self::$confirm),*],
                        refused_by: $refusal,
                        interval: Duration::from_secs($seconds),
                        repeats: $repeats,
                    } }),)*
                    _ => None,
                }
            }
        }
    };
}

use RasKind as K;

// request, sender, what confirms it, what refuses it, seconds between repetitions and their number
exchanges! {
    GatekeeperRequest Endpoint [GatekeeperConfirm] Some(K::GatekeeperReject), 5 2;
    RegistrationRequest Endpoint [RegistrationConfirm] Some(K::RegistrationReject), 3 2;
    UnregistrationRequest Either [UnregistrationConfirm] Some(K::UnregistrationReject), 3 1;
    AdmissionRequest Endpoint [AdmissionConfirm AdmissionConfirmSequence] Some(K::AdmissionReject), 5 2;
    BandwidthRequest Either [BandwidthConfirm] Some(K::BandwidthReject), 3 2;
    DisengageRequest Either [DisengageConfirm] Some(K::DisengageReject), 3 2;
    LocationRequest Either [LocationConfirm] Some(K::LocationReject), 5 2;
    InfoRequest Gatekeeper [InfoRequestResponse] None, 3 1;
    InfoRequestResponse Endpoint [InfoRequestAck] Some(K::InfoRequestNak), 3 2;
    ResourcesAvailableIndicate Endpoint [ResourcesAvailableConfirm] None, 3 2;
    ServiceControlIndication Either [ServiceControlResponse] None, 3 2;
    NonStandardMessage Either [NonStandardMessage] None, 3 0;
}

impl RasKind {
    /// Whether its sender waits for an answer. An IRR is an answer itself; what confirms it is not waited for.
    #[must_use]
    pub const fn is_request(self) -> bool {
        self.exchange().is_some() && !matches!(self, Self::InfoRequestResponse)
    }

    /// Whether a message of this kind answers a request of that kind.
    #[must_use]
    pub fn answers(self, request: Self) -> bool {
        match request.exchange() {
            Some(exchange) => exchange.is_answered_by(self),
            None => self == Self::UnknownMessageResponse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_a_request_or_an_answer() {
        for kind in RasKind::ALL {
            let request = kind.exchange().map(|exchange| exchange.request);
            assert!(request.is_none_or(|request| request == *kind));
            let answers = RasKind::ALL.iter().any(|request| kind.answers(*request));
            let stands_alone = *kind == RasKind::RequestInProgress;
            assert!(kind.is_request() || answers || stands_alone, "{kind}");
        }
    }

    #[test]
    fn an_answer_has_one_request() {
        for kind in RasKind::ALL {
            let requests = RasKind::ALL
                .iter()
                .filter(|request| kind.answers(**request));
            match kind {
                RasKind::UnknownMessageResponse => assert_eq!(requests.count(), RasKind::ALL.len()),
                _ => assert!(requests.count() <= 1, "{kind}"),
            }
        }
    }
}
