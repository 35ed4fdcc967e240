//! H.235 as the strictest endpoint in use makes and checks it (h323plus, H.235.1): every message is for exactly one name,
//! made by exactly one sender, at this time, and once.
//!
//! ```text
//!   its own name:  the alias, until an RCF comes; that RCF is for the endpointIdentifier that it gives, and so is all
//!                  that follows, until the endpoint forgets its registration
//!   the sender:    the gatekeeperIdentifier that GCF or RCF said
//! ```
//! With MD5 only the gatekeeper's token is checked, if there is one: stacks in use send none.

use std::collections::BTreeMap;

use rasline_h225::security::{Key, Mechanism, claim_by, sign, verify};
use rasline_h225::{RasKind, RasMessage, text};

/// How far a time stamp may be from the clock, seconds.
const WINDOW: u32 = 120;

/// What an endpoint proves itself by.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// By which mechanism.
    pub mechanism: Mechanism,
    /// Its name before it is registered: an alias.
    pub name: String,
    /// The password.
    pub password: String,
}

/// Makes an endpoint's tokens and checks its gatekeeper's.
#[derive(Clone, Debug)]
pub struct Authenticator {
    who: Credentials,
    endpoint: Option<String>,
    gatekeeper: Option<String>,
    random: i32,
    seen: BTreeMap<(u32, i32), Vec<u8>>,
}

impl Authenticator {
    /// One of an endpoint that is not registered.
    #[must_use]
    pub const fn new(who: Credentials) -> Self {
        Self {
            who,
            endpoint: None,
            gatekeeper: None,
            random: 0,
            seen: BTreeMap::new(),
        }
    }

    /// The mechanism.
    #[must_use]
    pub const fn mechanism(&self) -> Mechanism {
        self.who.mechanism
    }

    /// The gatekeeper that it deals with from now on; `None`: not known by name.
    pub fn meet(&mut self, gatekeeper: Option<&str>) {
        self.gatekeeper = gatekeeper.map(str::to_owned);
    }

    /// It is registered no more: it goes by its alias.
    pub fn forget(&mut self) {
        self.endpoint = None;
    }

    /// The name that it signs by and is spoken to by: with MD5 always the alias.
    fn own_name(&self) -> &str {
        match (self.who.mechanism, &self.endpoint) {
            (Mechanism::HmacSha1, Some(identifier)) => identifier,
            _ => &self.who.name,
        }
    }

    /// Adds its token and gives the octets to send.
    ///
    /// # Panics
    /// When the kind takes no tokens.
    pub fn sign(&mut self, message: &mut RasMessage, unix: u32) -> Vec<u8> {
        self.random += 1;
        let key = Key {
            identifier: self.own_name(),
            peer: self.gatekeeper.as_deref().unwrap_or_default(),
            password: &self.who.password,
        };
        sign(message, self.who.mechanism, &key, unix, self.random).expect("a kind with tokens")
    }

    /// Whether a message of its gatekeeper is to be believed; an RCF makes it known by its endpointIdentifier.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(
        &mut self,
        raw: &[u8],
        message: &RasMessage,
        unix: u32,
    ) -> Result<(), &'static str> {
        let granted = match message {
            RasMessage::RegistrationConfirm(rcf) => Some(text::from_bmp(&rcf.endpoint_identifier)),
            _ => None,
        };
        let gatekeeper = self.gatekeeper.clone().or_else(|| match message {
            RasMessage::RegistrationConfirm(rcf) => {
                rcf.gatekeeper_identifier.as_ref().map(text::from_bmp)
            }
            _ => None,
        });
        let before = self.endpoint.clone();
        if granted.is_some() {
            self.endpoint.clone_from(&granted);
        }
        let verdict = self.judge(raw, message, gatekeeper.as_deref(), unix);
        if verdict.is_err() {
            self.endpoint = before;
        }
        verdict
    }

    fn judge(
        &mut self,
        raw: &[u8],
        message: &RasMessage,
        gatekeeper: Option<&str>,
        unix: u32,
    ) -> Result<(), &'static str> {
        let Some(claim) = claim_by(message, self.who.mechanism) else {
            let needless = self.who.mechanism == Mechanism::Md5 || may_be_plain(message);
            return needless.then_some(()).ok_or("no token");
        };
        if gatekeeper.is_some_and(|one| one != claim.identifier) {
            return Err("signed by another gatekeeper");
        }
        if claim.unix.abs_diff(unix) > WINDOW {
            return Err("time stamp outside of the window");
        }
        let hmac = self.who.mechanism == Mechanism::HmacSha1;
        if hmac && claim.peer != self.own_name() {
            return Err("generalID is not its name");
        }
        let key = Key {
            identifier: &claim.identifier,
            peer: if hmac { self.own_name() } else { "" },
            password: &self.who.password,
        };
        if !verify(raw, message, self.who.mechanism, &key) {
            return Err("wrong hash");
        }
        // The same octets again are a retransmission.
        let mark = (claim.unix, claim.random);
        let before = self.seen.insert(mark, raw.to_vec());
        if hmac && before.is_some_and(|before| before != raw) {
            return Err("seen before");
        }
        Ok(())
    }
}

/// Whether it is sent before anybody has shown who it is, or says just that.
fn may_be_plain(message: &RasMessage) -> bool {
    let refusal = match message {
        RasMessage::RegistrationReject(rrj) => {
            rasline_h225::view::registration_reject(&rrj.reject_reason).starts_with("security")
        }
        _ => false,
    };
    refusal
        || matches!(
            message.kind(),
            RasKind::GatekeeperConfirm
                | RasKind::GatekeeperReject
                | RasKind::RequestInProgress
                | RasKind::UnknownMessageResponse
        )
}
