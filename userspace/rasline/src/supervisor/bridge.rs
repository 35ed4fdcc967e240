//! The kernel's and the configuration's types as the core has them, and back.

use std::net::SocketAddr;

use rasline_core::{Reason, Refusal};
use rasline_kernel::{Limits, Refused, Settings, Sizes};

use crate::{
    config::{Answer, Config, Daemon},
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

/// The settings that the program is loaded with.
pub(super) fn dataplane_settings(config: &Config) -> Settings {
    let daemon = &config.daemon;
    Settings {
        bpffs: daemon.bpffs.clone(),
        sizes: Sizes {
            max_registrations: daemon.max_registrations,
            patched_rcfs: config.zones.iter().any(|z| z.endpoint_ttl.is_some()),
            ring_buffer: daemon.ring_buffer,
            flows: daemon.flows,
        },
        limits: dataplane_limits(daemon),
    }
}

/// The program's limits.
pub(super) const fn dataplane_limits(daemon: &Daemon) -> Limits {
    Limits {
        heartbeat_timeout: daemon.heartbeat_timeout,
        copies_per_second: daemon.copies_per_second,
        copies_per_source: daemon.copies_per_source,
    }
}

/// When the program answers keep-alives.
pub(super) const fn answer_policy(answer: Answer) -> rasline_kernel::Answer {
    match answer {
        Answer::Off => rasline_kernel::Answer::Off,
        Answer::Hold => rasline_kernel::Answer::Hold,
        Answer::Offload => rasline_kernel::Answer::Offload,
    }
}

/// Why a message is here.
pub(super) const fn reason(reason: rasline_kernel::Reason) -> Reason {
    match reason {
        rasline_kernel::Reason::UnknownRrq => Reason::UnknownRrq,
        rasline_kernel::Reason::FromEndpoint => Reason::FromEndpoint,
        rasline_kernel::Reason::FromGatekeeper => Reason::FromGatekeeper,
        rasline_kernel::Reason::Diverted => Reason::Diverted,
        rasline_kernel::Reason::ChangedRcf => Reason::ChangedRcf,
        rasline_kernel::Reason::Withdrawn => Reason::Withdrawn,
        rasline_kernel::Reason::Standby => Reason::Standby,
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
