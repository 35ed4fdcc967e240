//! Who is it, really (H.235)? The only place that knows how a message is proved.
//!
//! Who proves that he is a known endpoint of the profile (its account) may register the aliases of that one, and no
//! others; from then on whatever is said of the registration must be proved by the same account. It is answered by the
//! same mechanism. Discovery comes before anything can be proved; other gatekeepers are known by their address; answers
//! fit a request of ours.

use rasline_h225::security::{Key, Mechanism, claim, sign};
use rasline_h225::text::from_bmp;
use rasline_h225::types::{
    BmpString, GatekeeperConfirm, GatekeeperRequest, RasMessage, RegistrationRequest,
};
use rasline_h225::{RasMessageRef, encode_ras};

use super::aliases::texts;
use super::entries::Entries;
use super::inbound::Inbound;
use super::policy::Policy;
use crate::Time;
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

/// Who has which password: the known endpoints of the profile, also by endpointIdentifiers that were given here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accounts<'a> {
    pub policy: &'a Policy,
    pub entries: &'a Entries,
}

impl<'a> Accounts<'a> {
    pub const fn new(policy: &'a Policy, entries: &'a Entries) -> Self {
        Self { policy, entries }
    }

    /// The known endpoint that somebody of this name is: by an alias, or by an endpointIdentifier.
    fn find(self, claimed: &str) -> Option<usize> {
        let index = &self.policy.index;
        let known = index.aliases.get(claimed);
        if let Some(index) = known.or_else(|| index.identifiers.get(claimed)) {
            return Some(*index);
        }
        let entry = self.entries.get(self.entries.by_identifier(claimed)?)?;
        index.aliases.get(entry.mode.account()?).copied()
    }

    /// The known endpoint that the sender of a message claims to be.
    fn find_sender(self, claimed: &str, message: &RasMessage) -> Option<usize> {
        let found = self.find(claimed);
        found.or_else(|| match message {
            RasMessage::RegistrationRequest(rrq) => self.find_former(claimed, rrq),
            _ => None,
        })
    }

    /// The known endpoint that an RRQ is of whose sender goes by an endpointIdentifier which nobody has here any more, or
    /// which another gatekeeper gave it: the one that its aliases are of.
    fn find_former(self, claimed: &str, rrq: &RegistrationRequest) -> Option<usize> {
        let own = rrq.endpoint_identifier.as_ref().map(from_bmp)?;
        let aliases = (own == claimed).then(|| texts(rrq.terminal_alias.as_deref()))?;
        let known = &self.policy.index.aliases;
        aliases.iter().find_map(|alias| known.get(alias).copied())
    }

    /// Index of the known endpoint that proved it.
    pub fn of(self, mode: &Mode) -> Option<usize> {
        self.find(mode.account()?)
    }

    fn mode(self, mechanism: Mechanism, index: usize, sender: String) -> Option<Mode> {
        let account = name(self.policy.known(index)?)?.to_owned();
        Some(Mode::Proved {
            mechanism,
            account,
            peer: sender,
        })
    }

    /// Checks what proves a request, and says how its sender proved it.
    pub fn check(
        self,
        gate: &mut Gate,
        now: Time,
        asked: &Inbound<'_>,
        message: &RasMessage,
    ) -> Result<Mode, Denied> {
        let wanted = self.policy.profile().authentication;
        let named = match subject(message) {
            Subject::Endpoint(named) if wanted != Authentication::None => named,
            Subject::Endpoint(_) | Subject::Other => return Ok(Mode::Open),
        };
        let password = |claimed: &str| -> Option<String> {
            let index = self.find_sender(claimed, message)?;
            self.policy.known(index)?.password.clone()
        };
        let pass = gate.check(
            now,
            self.policy.unix_time(now),
            asked.from,
            asked.payload,
            message,
            wanted,
            &password,
        )?;
        let (mechanism, identifier) = match pass {
            Pass::Open => return Ok(Mode::Open),
            Pass::Proved {
                mechanism,
                identifier,
            } => (mechanism, identifier),
        };
        let index = self.find_sender(&identifier, message);
        let mode = index.and_then(|index| self.mode(mechanism, index, identifier));
        let mut mode = mode.ok_or(Denied::Unknown)?;
        let named = named.map(from_bmp).filter(|named| !named.is_empty());
        if let Some(named) = named {
            mode.registered_as(&named);
        }
        Ok(mode)
    }

    /// How the sender of a stored RRQ, which was checked when it came, proves its messages.
    pub fn mode_of(self, rrq: &RegistrationRequest) -> Mode {
        if self.policy.profile().authentication == Authentication::None {
            return Mode::Open;
        }
        let claim = claim(&RasMessage::RegistrationRequest(rrq.clone()));
        let mode = claim.and_then(|claim| {
            let index = self.find(&claim.identifier);
            let index = index.or_else(|| self.find_former(&claim.identifier, rrq))?;
            self.mode(claim.mechanism, index, claim.identifier)
        });
        mode.unwrap_or_default()
    }

    /// True if that is proof enough for the profile.
    pub fn accepts(self, mode: &Mode) -> bool {
        let least = mechanism(self.policy.profile().authentication);
        match mode {
            Mode::Open => least.is_none(),
            Mode::Proved { mechanism, .. } => {
                least.is_none_or(|least| *mechanism >= least) && self.of(mode).is_some()
            }
        }
    }
}

/// Signs messages for endpoints that prove theirs.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    /// Makes the random of each signed message another. It begins elsewhere after each start: an endpoint takes two
    /// messages of one second with the same random for a replay.
    random: i32,
}

impl Signer {
    pub const fn new(seed: u64) -> Self {
        let random = (seed >> 16) as i32 ^ seed as i32;
        Self { random }
    }

    /// The octets of a message to somebody, proved as he proves his. The RCF that gives an endpointIdentifier is the
    /// first message that is for it (H.235.1): a strict endpoint refuses it otherwise.
    pub fn seal(
        &mut self,
        now: Time,
        accounts: Accounts<'_>,
        message: &mut RasMessage,
        mode: &Mode,
    ) -> Option<Vec<u8>> {
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
        self.random = self.random.wrapping_add(1);
        let policy = accounts.policy;
        let index = accounts.of(mode);
        let known = index.and_then(|index| policy.known(index));
        let key = Key {
            identifier: &policy.profile().gatekeeper_identifier,
            peer: granted.as_deref().unwrap_or(peer),
            password: known
                .and_then(|known| known.password.as_deref())
                .unwrap_or_default(),
        };
        let signed = sign(
            message,
            *mechanism,
            &key,
            policy.unix_time(now),
            self.random,
        );
        // A kind without a place for tokens goes without.
        signed.or_else(|_| encode_ras(message)).ok()
    }
}

/// True if who asks for a gatekeeper can prove what is wanted: one that lists nothing is taken at its word later.
pub(super) fn can_prove(grq: &GatekeeperRequest, wanted: Authentication) -> bool {
    let Some(least) = mechanism(wanted) else {
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
pub(super) fn announce_proof(gcf: &mut GatekeeperConfirm, wanted: Authentication) {
    let mechanism = mechanism(wanted);
    gcf.authentication_mode = mechanism.map(Mechanism::authentication);
    gcf.algorithm_oid = mechanism.map(Mechanism::algorithm);
}

/// Who a message is about, which says who must prove it.
enum Subject<'a> {
    /// The endpoint that sends it, with the endpointIdentifier that it calls its own.
    Endpoint(Option<&'a BmpString>),
    /// No endpoint that could prove it, or an answer, which fits a request of ours.
    Other,
}

/// Says who a message is about. Every kind is listed: one that is missing here would be answered without proof.
fn subject(message: &RasMessage) -> Subject<'_> {
    use RasMessageRef as M;
    match message.by_ref() {
        M::RegistrationRequest(rrq) => Subject::Endpoint(rrq.endpoint_identifier.as_ref()),
        M::UnregistrationRequest(urq) => Subject::Endpoint(urq.endpoint_identifier.as_ref()),
        M::AdmissionRequest(arq) => Subject::Endpoint(Some(&arq.endpoint_identifier)),
        M::BandwidthRequest(brq) => Subject::Endpoint(Some(&brq.endpoint_identifier)),
        M::DisengageRequest(drq) => Subject::Endpoint(Some(&drq.endpoint_identifier)),
        M::InfoRequestResponse(irr) => Subject::Endpoint(Some(&irr.endpoint_identifier)),
        M::ResourcesAvailableIndicate(rai) => Subject::Endpoint(Some(&rai.endpoint_identifier)),
        M::ServiceControlIndication(sci) => Subject::Endpoint(sci.endpoint_identifier.as_ref()),
        // Discovery comes before anything can be proved, and neighbours are known by their address.
        M::GatekeeperRequest(_)
        | M::LocationRequest(_)
        // It gets an XRS, and a gatekeeper is not sent IRQs.
        | M::NonStandardMessage(_)
        | M::InfoRequest(_)
        // Answers.
        | M::GatekeeperConfirm(_)
        | M::GatekeeperReject(_)
        | M::RegistrationConfirm(_)
        | M::RegistrationReject(_)
        | M::UnregistrationConfirm(_)
        | M::UnregistrationReject(_)
        | M::AdmissionConfirm(_)
        | M::AdmissionConfirmSequence(_)
        | M::AdmissionReject(_)
        | M::BandwidthConfirm(_)
        | M::BandwidthReject(_)
        | M::DisengageConfirm(_)
        | M::DisengageReject(_)
        | M::LocationConfirm(_)
        | M::LocationReject(_)
        | M::UnknownMessageResponse(_)
        | M::RequestInProgress(_)
        | M::ResourcesAvailableConfirm(_)
        | M::InfoRequestAck(_)
        | M::InfoRequestNak(_)
        | M::ServiceControlResponse(_) => Subject::Other,
    }
}
