//! `[backup]`: rasline's own gatekeeper, the last candidate of the zones that it backs up.

use std::{net::IpAddr, ops::Range};

use serde::Deserialize;
use toml::Spanned;

use super::checker::Checker;

/// The `[backup]` table: where rasline serves zones whose gatekeepers are all down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Addresses of this machine, at most one of each family.
    pub addresses: Vec<IpAddr>,
    /// UDP port for RAS.
    pub ras_port: u16,
}

/// `[backup]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename = "Backup")]
pub(super) struct RawBackup {
    #[serde(default)]
    address: Vec<Spanned<IpAddr>>,
    ras_port: Option<Spanned<u16>>,
}

impl RawBackup {
    /// Checks the table, which starts at `span`.
    pub(super) fn check(self, span: Range<usize>, c: &mut Checker<'_>) -> Backup {
        let mut addresses: Vec<IpAddr> = Vec::new();
        if self.address.is_empty() {
            c.fail(
                Some(span),
                "address",
                "no addresses configured; add an address of this machine that endpoints can reach",
            );
        }
        for address in self.address {
            let a = *address.get_ref();
            let what = if a.is_unspecified() || a.is_multicast() {
                format!("{a} is not a unicast address; use an address of this machine")
            } else if addresses.iter().any(|b| b.is_ipv4() == a.is_ipv4()) {
                format!("second address of this family: {a}; remove one")
            } else {
                addresses.push(a);
                continue;
            };
            c.fail(Some(address.span()), "address", what);
        }
        Backup {
            addresses,
            ras_port: c.number("ras_port", self.ras_port, (1, 65_535), 1719),
        }
    }
}
