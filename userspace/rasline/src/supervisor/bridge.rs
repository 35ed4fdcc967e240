//! The kernel's and the configuration's types as the core has them, and back.

use std::net::SocketAddr;

use rasline_core::{Reason, Refusal};

use crate::{
    bpf::{self, Refused},
    config::{Answer, Config},
    supervisor::layout::Layout,
};

/// Requests at most that the learner lets wait for their confirm.
const MAX_PENDING: usize = 65_536;

/// The configuration as the core has it.
pub(super) fn core_config(config: &Config, layout: &Layout) -> rasline_core::Config {
    let zone = |z: &crate::config::Zone| {
        Some(rasline_core::Zone {
            index: layout.zone(&z.name)?,
            name: z.name.clone(),
            answer: match z.answer {
                Answer::Off => rasline_core::Answer::Off,
                Answer::Hold => rasline_core::Answer::Hold,
                Answer::Offload => rasline_core::Answer::Offload,
            },
            endpoint_ttl: z.endpoint_ttl,
            refresh_every: z.refresh_every,
            hold_for: z.hold_for,
            gatekeepers: z
                .gatekeepers
                .iter()
                .filter(|g| !g.is_own())
                .filter_map(|g| {
                    let address = SocketAddr::new(g.address, g.ras_port);
                    Some(rasline_core::Gatekeeper {
                        index: layout.gatekeeper(z, g)?,
                        id: g.id.clone(),
                        address,
                    })
                })
                .collect(),
        })
    };
    let max_registrations = config.daemon.max_registrations as usize;
    rasline_core::Config {
        // Where rasline is the gatekeeper itself there is nothing to learn.
        zones: (config.zones.iter())
            .filter(|z| z.mode.is_transparent())
            .filter_map(zone)
            .collect(),
        max_registrations,
        max_pending: max_registrations.clamp(1024, MAX_PENDING),
    }
}

/// Why a message is here.
pub(super) const fn reason(reason: bpf::Reason) -> Reason {
    match reason {
        bpf::Reason::UnknownRrq => Reason::UnknownRrq,
        bpf::Reason::FromEndpoint => Reason::FromEndpoint,
        bpf::Reason::FromGatekeeper => Reason::FromGatekeeper,
        bpf::Reason::Diverted => Reason::Diverted,
        bpf::Reason::ChangedRcf => Reason::ChangedRcf,
        bpf::Reason::Withdrawn => Reason::Withdrawn,
        bpf::Reason::Standby => Reason::Standby,
    }
}

/// Why something could not be published.
pub(super) const fn refusal(refused: Refused) -> Refusal {
    match refused {
        Refused::Full | Refused::RcfTemplates => Refusal::TableFull,
        Refused::Crowded => Refusal::Crowded,
        Refused::Twice | Refused::Rrq | Refused::Rcf => Refusal::Unfit,
    }
}
