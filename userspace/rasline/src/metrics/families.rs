//! Every metric: its name, what it is, and where its samples come from. docs/metrics.md lists the same.
//!
//! Invariant: labels come from the configuration, from lists of names in the code, or from interfaces; never from what
//! endpoints or gatekeepers send, so that nobody outside can make series without end.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

use super::{Snapshot, samples, serving};

/// What a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only counts up while the controller runs; its samples end in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Always 1, its labels say it; its samples end in `_info`.
    Info,
}

/// One metric with all its label sets.
#[derive(Clone, Copy)]
pub struct Family {
    /// Name, without the ending of its kind.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it says, for people.
    pub help: &'static str,
    samples: fn(&Seen<'_>, &mut Samples),
}

/// A snapshot, and when it is looked at.
pub(super) struct Seen<'a> {
    pub(super) all: &'a Snapshot,
    pub(super) now_ns: u64,
}

/// Label names and values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// What a family's samples are.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<(Labels, Value)>);

#[derive(Clone, Copy, Debug)]
enum Value {
    Count(u64),
    Gauge(f64),
    Info,
}

impl Samples {
    /// A counter's.
    pub(super) fn count(&mut self, labels: Labels, value: u64) {
        self.0.push((labels, Value::Count(value)));
    }

    /// A gauge's.
    pub(super) fn gauge(&mut self, labels: Labels, value: f64) {
        self.0.push((labels, Value::Gauge(value)));
    }

    /// An info's.
    pub(super) fn info(&mut self, labels: Labels) {
        self.0.push((labels, Value::Info));
    }
}

impl Family {
    /// The name that a sample has, and that queries use.
    #[must_use]
    pub fn sample_name(&self) -> String {
        let ending = match self.kind {
            Kind::Counter => "_total",
            Kind::Gauge => "",
            Kind::Info => "_info",
        };
        format!("{}{ending}", self.name)
    }
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! families {
    ($($kind:ident $name:ident: $help:literal, $samples:path;)*) => {
        /// All of them.
        pub const FAMILIES: &[Family] = &[$(Family {
            name: concat!("rasline_", stringify!($name)),
            kind: Kind::$kind,
            help: $help,
            samples: $samples,
        }),*];
    };
}

families! {
    Info build: "Version of the controller", samples::build;
    Gauge start_time_seconds: "When the controller started, seconds since 1970", samples::start_time;
    Gauge heartbeat_age_seconds: "How long ago the event loop last turned; the kernel lets go of a controller that is silent for longer than its timeout", samples::heartbeat_age;
    Gauge heartbeat_timeout_seconds: "heartbeat_timeout of the configuration", samples::heartbeat_timeout;
    Counter packets: "Frames by what the data path decided (verdict), as in rasline counters", samples::packets;
    Gauge interface_attached: "1: the program is on the interface", samples::attached;
    Gauge interface_trouble: "1: something is wrong with the interface, see rasline status", samples::trouble;
    Gauge registrations: "Registrations by state, and why the kernel does not answer", samples::registrations;
    Gauge registrations_answered: "Registrations whose keep-alives the kernel answers now, by its zone's policy", samples::answered;
    Gauge endpoints: "Registrations by what is known of their endpoint: alive, late, silent, gone, back, unknown", samples::endpoints;
    Gauge gatekeeper_state: "1: the gatekeeper is in this state", samples::gatekeeper_state;
    Gauge gatekeeper_up: "1: alive by probes, or by its traffic if it is not probed; 0: dead or silent; absent: not known", samples::gatekeeper_up;
    Gauge gatekeeper_last_reply_age_seconds: "How long ago it last answered an endpoint by the data path", samples::last_reply;
    Gauge gatekeeper_silent_seconds: "For how long it has left requests unanswered; 0: it is not silent", samples::silent;
    Gauge gatekeeper_outstanding_requests: "Keep-alives let through since its last answer", samples::outstanding;
    Counter gatekeeper_requests: "Keep-alives let through to it", samples::requests;
    Counter gatekeeper_replies: "RAS messages from it", samples::replies;
    Gauge gatekeeper_registrations: "Registrations at it", samples::at_gatekeeper;
    Counter gatekeeper_probes_sent: "Probes sent to it", samples::probes_sent;
    Counter gatekeeper_probes_answered: "Probes that it answered", samples::probes_answered;
    Counter gatekeeper_probe_late_timers: "Timers that fired too late, so that what they found was no evidence", samples::probes_late;
    Gauge gatekeeper_probe_round_trip_seconds: "Smoothed round trip of probes", samples::round_trip;
    Info zone_active_gatekeeper: "The gatekeeper that serves the zone", samples::active;
    Gauge zone_on_preferred_gatekeeper: "1: the gatekeeper that comes first serves the zone", samples::on_preferred;
    Gauge zone_dark: "1: no gatekeeper of the zone lives", samples::dark;
    Gauge zone_manual: "1: a decision of the operator is in force", samples::manual;
    Counter zone_failovers: "Moves of the zone to another gatekeeper, by cause", samples::failovers;
    Counter zone_kernel_decisions: "Decisions that the kernel program made by itself", samples::kernel_decisions;
    Counter zone_migrated: "Keep-alives let through to move their registrations since the program was loaded", samples::migrated;
    Counter zone_shaped: "RRQs held back by migrate_rate since the program was loaded", samples::shaped;
    Counter zone_unknown_limited: "Messages of sources without a registration held back by unknown_rate since the program was loaded", samples::limited;
    Gauge zone_standby_registrations: "Registrations of a warm zone at its standby gatekeeper, by state", samples::standby;
    Gauge agent_registered: "1: the agent is registered", samples::agent_registered;
    Gauge agent_signalling_connected: "1: the agent's call-signalling connection is there", samples::agent_connected;
    Counter agent_signalling_losses: "Call-signalling connections that the agent lost, by how", samples::agent_losses;
    Counter agent_recoveries: "Losses after which the agent was registered again", samples::agent_recoveries;
    Gauge agent_last_recovery_seconds: "How long the last of these took, from the loss to the RCF", samples::agent_last_recovery;
    Counter agent_registrations: "Registrations of the agent that were confirmed: full ones, and lightweight RRQs", samples::agent_registrations;
    Counter agent_messages: "Messages of the agent that came to nothing", samples::agent_messages;
    Counter agent_unproved: "Messages in the name of the agent's gatekeepers that were not proved, and came to nothing (H.235.1)", samples::agent_unproved;
    Gauge zone_serving: "1: how far rasline serves the zone itself", serving::zone_serving;
    Gauge served_registrations: "Registrations at rasline itself", serving::served_registrations;
    Gauge served_calls: "Calls that rasline admitted, or that a proxy passed on, and that go on", serving::served_calls;
    Counter served_calls_restored: "Calls that an earlier controller admitted and that went on", serving::served_calls_restored;
    Counter served_calls_lost: "Calls that an earlier controller admitted and that did not hold any more", serving::served_calls_lost;
    Gauge served_registered_upstream: "Endpoints that a proxy has registered with the zone's gatekeeper", serving::served_upstream;
    Counter served_requests_rejected: "Requests that rasline rejected as a gatekeeper", serving::served_rejected;
    Counter served_malformed: "RAS messages to rasline as a gatekeeper that could not be read", serving::served_malformed;
    Counter served_denied: "RAS messages whose tokens did not hold (H.235)", serving::served_denied;
    Counter served_put_off: "Full registrations put off (RIP) while more came than could be handled", serving::served_put_off;
    Counter events: "Events by name, as in rasline events", samples::events;
    Gauge table_slots: "Registrations published to the kernel", samples::slots;
    Gauge table_slots_max: "Registrations that can be published (max_registrations)", samples::slots_max;
    Gauge table_profiles: "RCFs published to the kernel", samples::profiles;
    Gauge table_profiles_max: "RCFs that can be published", samples::profiles_max;
    Counter table_refusals: "Registrations that could not be published", samples::refusals;
    Gauge table_unclaimed: "Registrations of an earlier controller that are answered and not known yet", samples::unclaimed;
    Gauge learner_pending: "Requests that wait for their confirm", samples::pending;
    Counter learner_messages: "Messages that the learner took, and what became of some of them", samples::learner;
    Counter losses: "Messages lost between kernel, controller and network", samples::losses;
    Gauge profiles_up: "1: the profiles of zones were read from their database", samples::profiles_up;
    Gauge store_up: "1: the store on disk works", samples::store_up;
    Gauge store_registrations: "Registrations in the store", samples::store_registrations;
    Gauge store_restored: "Registrations restored from it when the controller started", samples::store_restored;
    Gauge store_waiting: "Changes that wait to be written", samples::store_waiting;
    Gauge store_last_write_age_seconds: "How long ago the store was last written", samples::store_written;
    Counter store_overflows: "How often more had changed than could wait, so that everything was written again", samples::store_overflows;
}

/// The snapshot in the text format of OpenMetrics, as of now.
///
/// # Errors
/// Never, as far as memory goes.
pub fn encode(snapshot: &Snapshot, now_ns: u64) -> Result<String, fmt::Error> {
    let seen = Seen {
        all: snapshot,
        now_ns,
    };
    let families = FAMILIES.iter().map(|family| {
        let mut samples = Samples::default();
        (family.samples)(&seen, &mut samples);
        (*family, samples)
    });
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Collected(families.collect())));
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

/// Families and their samples.
#[derive(Debug)]
struct Collected(Vec<(Family, Samples)>);

impl prometheus_client::collector::Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (family, samples) in &self.0 {
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Info => MetricType::Info,
            };
            let mut metric = encoder.encode_descriptor(family.name, family.help, None, kind)?;
            for (labels, value) in &samples.0 {
                sample(&mut metric, labels, *value)?;
            }
        }
        Ok(())
    }
}

fn sample(metric: &mut MetricEncoder<'_>, labels: &Labels, value: Value) -> fmt::Result {
    match value {
        Value::Info => metric.encode_info(labels),
        _ if labels.is_empty() => plain(metric, value),
        _ => {
            let mut labelled = metric.encode_family(labels)?;
            plain(&mut labelled, value)
        }
    }
}

fn plain(metric: &mut MetricEncoder<'_>, value: Value) -> fmt::Result {
    match value {
        Value::Count(n) => metric.encode_counter::<NoLabelSet, u64, u64>(&n, None),
        Value::Gauge(x) => metric.encode_gauge(&x),
        Value::Info => metric.encode_info(&Labels::new()),
    }
}
