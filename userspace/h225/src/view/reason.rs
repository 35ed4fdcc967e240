//! Names of reasons, as in the standard.

use crate::types::{GatekeeperRejectReason, RegistrationRejectReason, UnregRequestReason};

/// The name of a GatekeeperRejectReason.
#[must_use]
pub const fn gatekeeper_reject(reason: &GatekeeperRejectReason) -> &'static str {
    match reason {
        GatekeeperRejectReason::ResourceUnavailable => "resourceUnavailable",
        GatekeeperRejectReason::TerminalExcluded => "terminalExcluded",
        GatekeeperRejectReason::InvalidRevision => "invalidRevision",
        GatekeeperRejectReason::UndefinedReason => "undefinedReason",
        GatekeeperRejectReason::SecurityDenial => "securityDenial",
        GatekeeperRejectReason::GenericDataReason => "genericDataReason",
        GatekeeperRejectReason::NeededFeatureNotSupported => "neededFeatureNotSupported",
        GatekeeperRejectReason::SecurityError(_) => "securityError",
    }
}

/// The name of a RegistrationRejectReason.
#[must_use]
pub const fn registration_reject(reason: &RegistrationRejectReason) -> &'static str {
    match reason {
        RegistrationRejectReason::DiscoveryRequired => "discoveryRequired",
        RegistrationRejectReason::InvalidRevision => "invalidRevision",
        RegistrationRejectReason::InvalidCallSignalAddress => "invalidCallSignalAddress",
        RegistrationRejectReason::InvalidRasAddress => "invalidRASAddress",
        RegistrationRejectReason::DuplicateAlias(_) => "duplicateAlias",
        RegistrationRejectReason::InvalidTerminalType => "invalidTerminalType",
        RegistrationRejectReason::UndefinedReason => "undefinedReason",
        RegistrationRejectReason::TransportNotSupported => "transportNotSupported",
        RegistrationRejectReason::TransportQosNotSupported => "transportQOSNotSupported",
        RegistrationRejectReason::ResourceUnavailable => "resourceUnavailable",
        RegistrationRejectReason::InvalidAlias => "invalidAlias",
        RegistrationRejectReason::SecurityDenial => "securityDenial",
        RegistrationRejectReason::FullRegistrationRequired => "fullRegistrationRequired",
        RegistrationRejectReason::AdditiveRegistrationNotSupported => {
            "additiveRegistrationNotSupported"
        }
        RegistrationRejectReason::InvalidTerminalAliases(_) => "invalidTerminalAliases",
        RegistrationRejectReason::GenericDataReason => "genericDataReason",
        RegistrationRejectReason::NeededFeatureNotSupported => "neededFeatureNotSupported",
        RegistrationRejectReason::SecurityError(_) => "securityError",
        RegistrationRejectReason::RegisterWithAssignedGk => "registerWithAssignedGK",
    }
}

/// The name of an UnregRequestReason.
#[must_use]
pub const fn unregistration_request(reason: &UnregRequestReason) -> &'static str {
    match reason {
        UnregRequestReason::ReregistrationRequired => "reregistrationRequired",
        UnregRequestReason::TtlExpired => "ttlExpired",
        UnregRequestReason::SecurityDenial => "securityDenial",
        UnregRequestReason::UndefinedReason => "undefinedReason",
        UnregRequestReason::Maintenance => "maintenance",
        UnregRequestReason::SecurityError(_) => "securityError",
        UnregRequestReason::RegisterWithAssignedGk => "registerWithAssignedGK",
    }
}
