//! Every metric: name, kind, help text and source of its samples. docs/metrics.md lists the same metrics.
//!
//! Invariant: labels come from the configuration, from lists of names in the code, or from interfaces; never from what
//! endpoints or gatekeepers send, so that the number of series is bounded.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

use super::{Snapshot, samples, serving};

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Never decreases while the controller runs; its samples end in `_total`.
    Counter,
    /// Can increase and decrease.
    Gauge,
    /// Always 1, with the information in its labels; its samples end in `_info`.
    Info,
}

/// One metric with all its label sets.
#[derive(Clone, Copy)]
pub struct Family {
    /// Name, without the suffix of its kind.
    pub name: &'static str,
    /// Kind of the metric.
    pub kind: Kind,
    /// Description of what it measures.
    pub help: &'static str,
    samples: fn(&Seen<'_>, &mut Samples),
}

/// A snapshot and the time of the scrape.
pub(super) struct Seen<'a> {
    pub(super) all: &'a Snapshot,
    pub(super) now_ns: u64,
}

/// Label names and values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// The samples of a family.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<(Labels, Value)>);

#[derive(Clone, Copy, Debug)]
enum Value {
    Count(u64),
    Gauge(f64),
    Info,
}

impl Samples {
    /// Adds a sample of a counter.
    pub(super) fn count(&mut self, labels: Labels, value: u64) {
        self.0.push((labels, Value::Count(value)));
    }

    /// Adds a sample of a gauge.
    pub(super) fn gauge(&mut self, labels: Labels, value: f64) {
        self.0.push((labels, Value::Gauge(value)));
    }

    /// Adds a sample of an info.
    pub(super) fn info(&mut self, labels: Labels) {
        self.0.push((labels, Value::Info));
    }
}

impl Family {
    /// The name of its samples, which queries use.
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
        /// All metrics, in the order in which they are written.
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
    Gauge heartbeat_age_seconds: "Time since the last turn of the event loop; above heartbeat_timeout the kernel treats the controller as dead", samples::heartbeat_age;
    Gauge heartbeat_timeout_seconds: "heartbeat_timeout in the configuration", samples::heartbeat_timeout;
    Counter packets: "Frames by verdict of the data path, as in rasline counters", samples::packets;
    Gauge interface_attached: "1: the program is attached to the interface", samples::attached;
    Gauge interface_trouble: "1: the interface has a problem; see rasline status", samples::trouble;
    Gauge registrations: "Registrations by state and, if the kernel does not answer them, by reason", samples::registrations;
    Gauge registrations_answered: "Registrations whose keep-alives the kernel answers now, under the policy of their zone", samples::answered;
    Gauge endpoints: "Registrations by state of their endpoint: alive, late, silent, gone, back, unknown", samples::endpoints;
    Gauge gatekeeper_state: "1: the gatekeeper is in this state", samples::gatekeeper_state;
    Gauge gatekeeper_up: "1: alive according to probes, or to its traffic if it is not probed; 0: dead or silent; absent: unknown", samples::gatekeeper_up;
    Gauge gatekeeper_last_reply_age_seconds: "Time since the gatekeeper last answered an endpoint, as seen by the data path", samples::last_reply;
    Gauge gatekeeper_silent_seconds: "Time for which the gatekeeper has left requests unanswered; 0: it is not silent", samples::silent;
    Gauge gatekeeper_outstanding_requests: "Keep-alives let through to the gatekeeper since its last answer", samples::outstanding;
    Counter gatekeeper_requests: "Keep-alives let through to the gatekeeper", samples::requests;
    Counter gatekeeper_replies: "RAS messages received from the gatekeeper", samples::replies;
    Gauge gatekeeper_registrations: "Registrations with the gatekeeper", samples::at_gatekeeper;
    Counter gatekeeper_probes_sent: "Probes sent to the gatekeeper", samples::probes_sent;
    Counter gatekeeper_probes_answered: "Probes answered by the gatekeeper", samples::probes_answered;
    Counter gatekeeper_probe_late_timers: "Probe timers that fired too late for the result to count as evidence", samples::probes_late;
    Gauge gatekeeper_probe_round_trip_seconds: "Smoothed round-trip time of probes", samples::round_trip;
    Info zone_active_gatekeeper: "The gatekeeper that serves the zone", samples::active;
    Gauge zone_on_preferred_gatekeeper: "1: the preferred gatekeeper serves the zone", samples::on_preferred;
    Gauge zone_dark: "1: no gatekeeper of the zone is alive", samples::dark;
    Gauge zone_manual: "1: the zone was switched or held by the operator", samples::manual;
    Counter zone_failovers: "Moves of the zone to another gatekeeper, by cause", samples::failovers;
    Counter zone_kernel_decisions: "Moves that the kernel program decided without the controller", samples::kernel_decisions;
    Counter zone_migrated: "Keep-alives let through to move their registrations, since the program was loaded", samples::migrated;
    Counter zone_shaped: "RRQs held back by migrate_rate, since the program was loaded", samples::shaped;
    Counter zone_unknown_limited: "Messages from unregistered sources held back by unknown_rate, since the program was loaded", samples::limited;
    Gauge zone_standby_registrations: "Registrations of a warm zone at its standby gatekeeper, by state", samples::standby;
    Gauge agent_registered: "1: the agent is registered", samples::agent_registered;
    Gauge agent_signalling_connected: "1: the agent's call-signalling connection is established", samples::agent_connected;
    Counter agent_signalling_losses: "Call-signalling connections that the agent lost, by cause", samples::agent_losses;
    Counter agent_recoveries: "Losses of the connection after which the agent registered again", samples::agent_recoveries;
    Gauge agent_last_recovery_seconds: "Duration of the last recovery, from the loss of the connection to the RCF", samples::agent_last_recovery;
    Counter agent_registrations: "Confirmed registrations of the agent, by kind: full or lightweight RRQ", samples::agent_registrations;
    Counter agent_messages: "Messages that the agent ignored or could not send", samples::agent_messages;
    Counter agent_unproved: "Messages discarded because they were not proved to come from the agent's gatekeeper (H.235.1)", samples::agent_unproved;
    Gauge zone_serving: "1: rasline's own gatekeeper of the zone is in this phase", serving::zone_serving;
    Gauge served_registrations: "Registrations with rasline's own gatekeeper", serving::served_registrations;
    Gauge served_calls: "Active calls that rasline admitted, or that a proxy passed on", serving::served_calls;
    Counter served_calls_restored: "Calls admitted by an earlier controller that were restored", serving::served_calls_restored;
    Counter served_calls_lost: "Calls admitted by an earlier controller that could not be restored", serving::served_calls_lost;
    Gauge served_registered_upstream: "Endpoints that the proxy has registered with the zone's gatekeeper", serving::served_upstream;
    Counter served_requests_rejected: "Requests rejected by rasline's own gatekeeper", serving::served_rejected;
    Counter served_malformed: "RAS messages to rasline's own gatekeeper that could not be decoded", serving::served_malformed;
    Counter served_denied: "RAS messages that failed authentication (H.235)", serving::served_denied;
    Counter served_put_off: "Full registrations deferred (RIP) during overload", serving::served_put_off;
    Counter events: "Events by name, as in rasline events", samples::events;
    Gauge table_slots: "Registrations published to the kernel", samples::slots;
    Gauge table_slots_max: "Maximum number of registrations that can be published (max_registrations)", samples::slots_max;
    Gauge table_profiles: "RCFs published to the kernel", samples::profiles;
    Gauge table_profiles_max: "Maximum number of RCFs that can be published", samples::profiles_max;
    Counter table_refusals: "Registrations that could not be published", samples::refusals;
    Gauge table_unclaimed: "Registrations of an earlier controller that are answered but not yet known to this one", samples::unclaimed;
    Gauge learner_pending: "Requests waiting for their confirm", samples::pending;
    Counter learner_messages: "Messages processed by the learner, by outcome; taken counts all of them", samples::learner;
    Gauge calls: "Running calls whose signalling rasline ends", samples::calls;
    Gauge calls_joined: "Running calls whose endpoints are connected to each other without a gatekeeper", samples::calls_joined;
    Gauge call_connections: "Connections of call signalling and H.245 that rasline ends", samples::call_connections;
    Counter calls_started: "Calls whose signalling rasline ended", samples::calls_started;
    Counter call_messages_relayed: "Messages of call signalling and H.245 relayed", samples::call_messages;
    Counter call_refused: "Connections and Setups of call signalling refused", samples::call_refused;
    Counter call_messages_unchanged: "Messages of call signalling whose addresses could not be replaced", samples::call_unchanged;
    Counter losses: "Messages lost between kernel, controller and network", samples::losses;
    Gauge profiles_up: "1: the profiles of zones were read from the database", samples::profiles_up;
    Gauge store_up: "1: the store on disk is working", samples::store_up;
    Gauge store_registrations: "Registrations in the store", samples::store_registrations;
    Gauge store_restored: "Registrations restored from the store when the controller started", samples::store_restored;
    Gauge store_waiting: "Changes waiting to be written to the store", samples::store_waiting;
    Gauge store_last_write_age_seconds: "Time since the store was last written", samples::store_written;
    Counter store_overflows: "Overflows of the queue of changes; after each one the whole store is written again", samples::store_overflows;
}

/// Encodes the snapshot in the text format of OpenMetrics, with ages as of now.
///
/// # Errors
/// Formatting errors; none occur, as the output is a string in memory.
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
