//! The place of a leg in its call.

/// A gatekeeper that routes calls is a loop between the two middle legs:
/// `Caller - CallerGatekeeper -> gatekeeper -> CalledGatekeeper - Called`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The endpoint that calls.
    Caller,
    /// The gatekeeper, for the caller.
    CallerGatekeeper,
    /// The gatekeeper, for the called endpoint.
    CalledGatekeeper,
    /// The called endpoint.
    Called,
}

impl Place {
    /// All, from the caller to the called endpoint.
    pub const ALL: [Self; 4] = [
        Self::Caller,
        Self::CallerGatekeeper,
        Self::CalledGatekeeper,
        Self::Called,
    ];
    /// The legs to endpoints.
    pub const ENDPOINTS: [Self; 2] = [Self::Caller, Self::Called];
    /// The legs to the gatekeeper.
    pub const GATEKEEPERS: [Self; 2] = [Self::CallerGatekeeper, Self::CalledGatekeeper];

    /// Whether an endpoint is the peer.
    #[must_use]
    pub const fn is_endpoint(self) -> bool {
        matches!(self, Self::Caller | Self::Called)
    }

    /// The other leg of the same half: what messages are relayed to while the gatekeeper is there.
    #[must_use]
    pub const fn across(self) -> Self {
        match self {
            Self::Caller => Self::CallerGatekeeper,
            Self::CallerGatekeeper => Self::Caller,
            Self::CalledGatekeeper => Self::Called,
            Self::Called => Self::CalledGatekeeper,
        }
    }

    /// The same leg of the other half.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Caller => Self::Called,
            Self::Called => Self::Caller,
            Self::CallerGatekeeper => Self::CalledGatekeeper,
            Self::CalledGatekeeper => Self::CallerGatekeeper,
        }
    }
}
