//! The configuration as written in the file, with positions for errors. Unknown keys are refused here.

use std::{net::IpAddr, path::PathBuf};

use ipnet::IpNet;
use rasline_core::agent::{Answers, Discovery, Kind, Signalling, Strategy};
use serde::Deserialize;
use toml::Spanned;

use super::{
    Answer, OnLoss, OnStop, Ras, RasProbe, Shape, Side, Standby, Upstream, UpstreamSource, XdpMode,
    units::{Size, Span},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    #[serde(default)]
    pub(super) daemon: Daemon,
    #[serde(default)]
    pub(super) metrics: Metrics,
    pub(super) backup: Option<Spanned<Backup>>,
    #[serde(default)]
    pub(super) interface: Vec<Spanned<Interface>>,
    #[serde(default)]
    pub(super) zone: Vec<Spanned<Zone>>,
    #[serde(default)]
    pub(super) agent: Vec<Spanned<Agent>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Daemon {
    pub(super) control_socket: Option<Spanned<PathBuf>>,
    pub(super) control_group: Option<String>,
    pub(super) state_dir: Option<Spanned<PathBuf>>,
    pub(super) bpffs: Option<Spanned<PathBuf>>,
    pub(super) max_registrations: Option<Spanned<u32>>,
    pub(super) ring_buffer: Option<Spanned<Size>>,
    pub(super) flows: Option<Spanned<u32>>,
    pub(super) copies_per_second: Option<Spanned<u32>>,
    pub(super) copies_per_source: Option<Spanned<u32>>,
    pub(super) heartbeat_timeout: Option<Spanned<Span>>,
    pub(super) on_stop: Option<OnStop>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metrics {
    pub(super) listen: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Backup {
    #[serde(default)]
    pub(super) address: Vec<Spanned<IpAddr>>,
    pub(super) ras_port: Option<Spanned<u16>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Interface {
    pub(super) name: Spanned<String>,
    pub(super) side: Side,
    #[serde(default)]
    pub(super) xdp_mode: XdpMode,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Zone {
    pub(super) name: Spanned<String>,
    pub(super) ras: Option<Spanned<Ras>>,
    pub(super) upstream: Option<Spanned<Upstream>>,
    pub(super) backup: Option<Spanned<bool>>,
    pub(super) gatekeeper_identifier: Option<Spanned<String>>,
    pub(super) upstream_source: Option<Spanned<UpstreamSource>>,
    pub(super) upstream_address: Option<Spanned<IpAddr>>,
    pub(super) multicast: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) answer: Answer,
    pub(super) endpoint_ttl: Option<Spanned<Span>>,
    pub(super) refresh_every: Option<Spanned<Span>>,
    pub(super) hold_for: Option<Spanned<Span>>,
    pub(super) silent_after: Option<Spanned<Span>>,
    pub(super) dead_after: Option<Spanned<Span>>,
    #[serde(default)]
    pub(super) standby: Standby,
    pub(super) migrate_rate: Option<Spanned<u32>>,
    pub(super) unknown_rate: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) on_loss: OnLoss,
    #[serde(default)]
    pub(super) shape: Shape,
    pub(super) rip_delay: Option<Spanned<Span>>,
    #[serde(default)]
    pub(super) service_address: Vec<Spanned<IpAddr>>,
    #[serde(default)]
    pub(super) learn_alternates: bool,
    #[serde(default)]
    pub(super) allowed_alternates: Vec<Spanned<IpNet>>,
    pub(super) failback: Option<Spanned<Failback>>,
    #[serde(default)]
    pub(super) probe: Probe,
    #[serde(default)]
    pub(super) endpoints: Vec<Spanned<IpNet>>,
    #[serde(default)]
    pub(super) gatekeeper: Vec<Spanned<Gatekeeper>>,
}

/// `"none"`, `"after_calls"`, `"after 60s"` or `"window 02:00-04:00"`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Failback(pub(super) String);

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    #[serde(default)]
    pub(super) ras: RasProbe,
    #[serde(default)]
    pub(super) tcp: bool,
    pub(super) interval: Option<Spanned<Span>>,
    pub(super) dead_time: Option<Spanned<Span>>,
    pub(super) fall: Option<Spanned<u32>>,
    pub(super) rise: Option<Spanned<u32>>,
    pub(super) stable: Option<Spanned<Span>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gatekeeper {
    pub(super) id: Spanned<String>,
    pub(super) address: Spanned<IpAddr>,
    pub(super) ras_port: Option<Spanned<u16>>,
    pub(super) call_signal_port: Option<Spanned<u16>>,
    pub(super) priority: Option<Spanned<u8>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    pub(super) name: Spanned<String>,
    pub(super) ras_address: Spanned<String>,
    pub(super) call_signal_address: Option<Spanned<String>>,
    pub(super) kind: Option<Kind>,
    #[serde(default)]
    pub(super) gatekeepers: Vec<Spanned<String>>,
    pub(super) discovery: Option<Discovery>,
    pub(super) alternates: Option<Strategy>,
    pub(super) time_to_live: Option<Spanned<Span>>,
    pub(super) t1: Option<Spanned<Span>>,
    pub(super) signalling: Option<AgentSignalling>,
    pub(super) allowed_alternates: Option<Vec<Spanned<IpNet>>>,
    pub(super) status_enquiry: Option<Spanned<Span>>,
    pub(super) silence: Option<Spanned<Span>>,
    pub(super) password: Option<Spanned<String>>,
    pub(super) identifier: Option<Spanned<String>>,
    pub(super) h235: Option<Spanned<H235>>,
    pub(super) answers: Option<Spanned<Answers>>,
    #[serde(default)]
    pub(super) device: Vec<Spanned<Device>>,
}

/// When an agent has a call-signalling connection; earlier versions used `true` and `false`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum AgentSignalling {
    Flag(bool),
    Mode(Signalling),
}

/// How an agent authenticates itself.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum H235 {
    Md5,
    HmacSha1,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Device {
    #[serde(default)]
    pub(super) aliases: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) prefixes: Vec<Spanned<String>>,
}
