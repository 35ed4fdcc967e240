//! Who is it, really (H.235)? The only place that knows how a message is proved.
//!
//! Who proves that he is a known endpoint of the profile (its account) may register the aliases of that one, and no
//! others; from then on whatever is said of the registration must be proved by the same account. It is answered by the
//! same mechanism. Discovery comes before anything can be proved; other gatekeepers are known by their address; answers
//! fit a request of ours.

use rasline_h225::encode_ras;
use rasline_h225::security::{Key, Mechanism, claim, sign};
use rasline_h225::text::from_bmp;
use rasline_h225::types::{GatekeeperConfirm, GatekeeperRequest, RasMessage, RegistrationRequest};

use super::aliases::texts;
use super::machine::Registrar;
use super::message::Asked;
use super::profile_index::ProfileIndex;
use super::{Event, Output};
use crate::access::{Denied, Gate, Limits, Pass};
use crate::profile::{Authentication, KnownEndpoint, Profile};

/// How messages to and from an endpoint are proved.
#[derive(Clone, Debug, Default)]
pub(super) enum Mode {
    /// Not at all.
    #[default]
    Open,
    /// By the password of a known endpoint.
    Proved {
        mechanism: Mechanism,
        /// What names that endpoint.
        account: String,
        /// generalID of what is sent to it: its endpointIdentifier once it has one, until then what it calls itself.
        peer: String,
    },
}

impl Mode {
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Open => None,
            Self::Proved { account, .. } => Some(account),
        }
    }

    /// Whether both are proved by the same account, or neither is.
    pub fn agrees(&self, other: &Self) -> bool {
        self.account() == other.account()
    }

    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    /// Messages to it name this endpointIdentifier from now on.
    pub fn registered_as(&mut self, identifier: &str) {
        if let Self::Proved { peer, .. } = self {
            identifier.clone_into(peer);
        }
    }
}

/// A gate for the endpoints of this zone.
pub(super) fn gate(profile: &Profile) -> Gate {
    Gate::new(Limits {
        general_id: profile.gatekeeper_identifier.clone(),
        ..Limits::default()
    })
}

const fn mechanism(wanted: Authentication) -> Option<Mechanism> {
    match wanted {
        Authentication::None => None,
        Authentication::Md5 => Some(Mechanism::Md5),
        Authentication::HmacSha1 => Some(Mechanism::HmacSha1),
    }
}

/// What names a known endpoint.
fn name(known: &KnownEndpoint) -> Option<&str> {
    let alias = known.aliases.first();
    alias
        .or(known.endpoint_identifier.as_ref())
        .map(String::as_str)
}

impl Registrar {
    /// Whether a request holds, and how its sender proved it.
    pub(super) fn check(
        &mut self,
        asked: &Asked<'_>,
        message: &RasMessage,
        out: &mut Vec<Output>,
    ) -> Result<Mode, Denied> {
        let wanted = self.settings.profile.authentication;
        if wanted == Authentication::None || !is_of_endpoint(message) {
            return Ok(Mode::Open);
        }
        let (now, unix) = (self.now, self.unix());
        let (known, entries, profile) =
            (&self.profile_index, &self.entries, &self.settings.profile);
        let password = |claimed: &str| -> Option<String> {
            let index = known.account(entries, claimed);
            let index = index.or_else(|| former(known, claimed, message))?;
            profile.endpoints.get(index)?.password.clone()
        };
        let pass = self.gate.check(
            now,
            unix,
            asked.from,
            asked.payload,
            message,
            wanted,
            &password,
        );
        match pass {
            Ok(Pass::Open) => Ok(Mode::Open),
            Ok(Pass::Proved {
                mechanism,
                identifier,
            }) => {
                let index = self.profile_index.account(&self.entries, &identifier);
                let index = index.or_else(|| former(&self.profile_index, &identifier, message));
                let mode = index.and_then(|index| self.mode(mechanism, index, identifier));
                let mut mode = mode.ok_or(Denied::Unknown)?;
                if let Some(named) = named(message) {
                    mode.registered_as(&named);
                }
                Ok(mode)
            }
            Err(denied) => {
                if denied == Denied::LockedNow {
                    out.push(Output::Event(Event::Locked { source: asked.from }));
                }
                Err(denied)
            }
        }
    }

    fn mode(&self, mechanism: Mechanism, index: usize, sender: String) -> Option<Mode> {
        let account = name(self.settings.profile.endpoints.get(index)?)?.to_owned();
        Some(Mode::Proved {
            mechanism,
            account,
            peer: sender,
        })
    }

    /// Index of the known endpoint that proved it.
    pub(super) fn account(&self, mode: &Mode) -> Option<usize> {
        self.profile_index.account(&self.entries, mode.account()?)
    }

    /// UNIX time, seconds.
    fn unix(&self) -> u32 {
        let seconds = self.now.0.cast_signed() / 1_000_000_000;
        u32::try_from(self.settings.unix_at_zero.saturating_add(seconds)).unwrap_or(0)
    }

    /// The octets of a message to somebody, proved as he proves his. The RCF that gives an endpointIdentifier is the
    /// first message that is for it (H.235.1): a strict endpoint refuses it otherwise.
    pub(super) fn seal(&mut self, message: &mut RasMessage, mode: &Mode) -> Option<Vec<u8>> {
        let Mode::Proved {
            mechanism, peer, ..
        } = mode
        else {
            return encode_ras(message).ok();
        };
        let granted = match message {
            RasMessage::RegistrationConfirm(rcf) => Some(from_bmp(&rcf.endpoint_identifier)),
            _ => None,
        };
        self.sealed = self.sealed.wrapping_add(1);
        let profile = &self.settings.profile;
        let index = self.account(mode);
        let known = index.and_then(|index| profile.endpoints.get(index));
        let key = Key {
            identifier: &profile.gatekeeper_identifier,
            peer: granted.as_deref().unwrap_or(peer),
            password: known
                .and_then(|known| known.password.as_deref())
                .unwrap_or_default(),
        };
        let signed = sign(message, *mechanism, &key, self.unix(), self.sealed);
        // A kind without a place for tokens goes without.
        signed.or_else(|_| encode_ras(message)).ok()
    }

    /// Whether who asks for a gatekeeper can prove what is wanted: one that lists nothing is taken at its word later.
    pub(super) fn can_prove(&self, grq: &GatekeeperRequest) -> bool {
        let Some(least) = mechanism(self.settings.profile.authentication) else {
            return true;
        };
        let enough = [Mechanism::Md5, Mechanism::HmacSha1]
            .into_iter()
            .filter(|one| *one >= least);
        let mut enough = enough.map(Mechanism::algorithm);
        let listed = grq.algorithm_oids.as_ref();
        listed.is_none_or(|listed| enough.any(|one| listed.contains(&one)))
    }

    /// Says in a GCF how messages are to be proved.
    pub(super) fn announce(&self, gcf: &mut GatekeeperConfirm) {
        let mechanism = mechanism(self.settings.profile.authentication);
        gcf.authentication_mode = mechanism.map(Mechanism::authentication);
        gcf.algorithm_oid = mechanism.map(Mechanism::algorithm);
    }

    /// How the sender of a stored RRQ, which was checked when it came, proves its messages.
    pub(super) fn mode_of(&self, rrq: &RegistrationRequest) -> Mode {
        if self.settings.profile.authentication == Authentication::None {
            return Mode::Open;
        }
        let claim = claim(&RasMessage::RegistrationRequest(rrq.clone()));
        let mode = claim.and_then(|claim| {
            let index = self.profile_index.account(&self.entries, &claim.identifier);
            let message = RasMessage::RegistrationRequest(rrq.clone());
            let index =
                index.or_else(|| former(&self.profile_index, &claim.identifier, &message))?;
            self.mode(claim.mechanism, index, claim.identifier)
        });
        mode.unwrap_or_default()
    }

    /// Whether that is enough for the profile.
    pub(super) fn proved_enough(&self, mode: &Mode) -> bool {
        let least = mechanism(self.settings.profile.authentication);
        match mode {
            Mode::Open => least.is_none(),
            Mode::Proved { mechanism, .. } => {
                least.is_none_or(|least| *mechanism >= least) && self.account(mode).is_some()
            }
        }
    }
}

/// The known endpoint that an RRQ is of whose sender goes by an endpointIdentifier which nobody has here any more, or
/// which another gatekeeper gave it: the one that its aliases are of.
fn former(known: &ProfileIndex, claimed: &str, message: &RasMessage) -> Option<usize> {
    let RasMessage::RegistrationRequest(rrq) = message else {
        return None;
    };
    let own = rrq.endpoint_identifier.as_ref().map(from_bmp)?;
    let aliases = (own == claimed).then(|| texts(rrq.terminal_alias.as_deref()))?;
    aliases
        .iter()
        .find_map(|alias| known.aliases.get(alias).copied())
}

/// endpointIdentifier that its sender says is its own.
fn named(message: &RasMessage) -> Option<String> {
    use RasMessage as M;
    let named = match message {
        M::RegistrationRequest(rrq) => rrq.endpoint_identifier.as_ref(),
        M::UnregistrationRequest(urq) => urq.endpoint_identifier.as_ref(),
        M::AdmissionRequest(arq) => Some(&arq.endpoint_identifier),
        M::BandwidthRequest(brq) => Some(&brq.endpoint_identifier),
        M::DisengageRequest(drq) => Some(&drq.endpoint_identifier),
        M::InfoRequestResponse(irr) => Some(&irr.endpoint_identifier),
        M::ResourcesAvailableIndicate(rai) => Some(&rai.endpoint_identifier),
        M::ServiceControlIndication(sci) => sci.endpoint_identifier.as_ref(),
        _ => None,
    };
    named.map(from_bmp).filter(|named| !named.is_empty())
}

/// Whether it is one that endpoints send, about themselves.
const fn is_of_endpoint(message: &RasMessage) -> bool {
    use RasMessage as M;
    matches!(
        message,
        M::RegistrationRequest(_)
            | M::UnregistrationRequest(_)
            | M::AdmissionRequest(_)
            | M::BandwidthRequest(_)
            | M::DisengageRequest(_)
            | M::InfoRequestResponse(_)
            | M::ResourcesAvailableIndicate(_)
            | M::ServiceControlIndication(_)
    )
}
