//! What happens in rasline's own gatekeepers, as events: see docs/events.md.

use std::net::SocketAddr;

use rasline_core::{ZoneIndex, backup, proxy, registrar};
use serde_json::{Value, json};

/// Names of these events.
pub mod name {
    /// A zone is served by rasline itself.
    pub const SERVING: &str = "serving";
    /// It is not any more.
    pub const RETIRED: &str = "retired";
    /// It would be, but may not be.
    pub const REFUSING: &str = "refusing";
    /// Requests were rejected for that.
    pub const REFUSED: &str = "refused";
    /// An endpoint registered with rasline.
    pub const ENDPOINT_REGISTERED: &str = "endpoint_registered";
    /// It is not registered any more.
    pub const ENDPOINT_UNREGISTERED: &str = "endpoint_unregistered";
    /// A request was rejected.
    pub const REQUEST_REJECTED: &str = "request_rejected";
    /// Failures of a source are answered seldom for a while.
    pub const SOURCE_LOCKED: &str = "source_locked";
    /// A call was admitted.
    pub const CALL_STARTED: &str = "call_started";
    /// A call is over.
    pub const CALL_ENDED: &str = "call_ended";
    /// A proxy registers its endpoints with another gatekeeper.
    pub const UPSTREAM_MOVING: &str = "upstream_moving";
    /// It has.
    pub const UPSTREAM_MOVED: &str = "upstream_moved";
    /// A proxied zone's gatekeeper rejects callSignalAddresses that are not where the RRQ comes from.
    pub const UPSTREAM_ADDRESS_REFUSED: &str = "upstream_address_refused";
    /// A proxied zone's gatekeeper has never answered what came from its endpoints' addresses.
    pub const UPSTREAM_UNANSWERED: &str = "upstream_unanswered";
    /// A proxied zone's gatekeeper named its alternates.
    pub const UPSTREAM_ALTERNATES: &str = "upstream_alternates";
    /// Profiles could not be read, or can be again.
    pub const PROFILES: &str = "profiles";
    /// More comes than can be handled.
    pub const OVERLOAD: &str = "overload";
    /// Not any more.
    pub const OVERLOAD_OVER: &str = "overload_over";
    /// All of them.
    pub const ALL: [&str; 18] = [
        SERVING,
        RETIRED,
        REFUSING,
        REFUSED,
        ENDPOINT_REGISTERED,
        ENDPOINT_UNREGISTERED,
        REQUEST_REJECTED,
        SOURCE_LOCKED,
        CALL_STARTED,
        CALL_ENDED,
        UPSTREAM_MOVING,
        UPSTREAM_MOVED,
        UPSTREAM_ADDRESS_REFUSED,
        UPSTREAM_UNANSWERED,
        UPSTREAM_ALTERNATES,
        PROFILES,
        OVERLOAD,
        OVERLOAD_OVER,
    ];
}

/// Its name, its text without the zone, and its details.
pub(super) type Said = (&'static str, String, Value);

/// Of the control unit: the zone, and the event.
pub(super) fn backup(event: &backup::Event) -> (ZoneIndex, Said) {
    use backup::Event;
    match event {
        Event::Started {
            zone,
            known,
            restored,
        } => (ZoneIndex(*zone), started(*known, *restored)),
        Event::Retired {
            zone,
            why,
            registrations,
        } => (ZoneIndex(*zone), retired(*why, *registrations)),
        Event::Refusing { zone, why } => {
            let said = (
                name::REFUSING,
                format!("not served: {}", refusal(*why)),
                json!({"cause": why}),
            );
            (ZoneIndex(*zone), said)
        }
        Event::Refused {
            zone,
            from,
            request,
            reason,
            count,
        } => {
            let text =
                format!("{request} of {from} rejected: {reason}; {count} since the last time");
            let details =
                json!({"from": from, "request": request, "reason": reason, "count": count});
            (ZoneIndex(*zone), (name::REFUSED, text, details))
        }
    }
}

/// Of a proxy: what it is about, and the event.
pub(super) fn proxy(event: &proxy::Event) -> (&'static str, Said) {
    let said = match event {
        proxy::Event::Endpoint(event) => return registrar(event),
        proxy::Event::Moving {
            gatekeeper,
            endpoints,
        } => (
            name::UPSTREAM_MOVING,
            format!("{endpoints} endpoints are registered with {gatekeeper}"),
            json!({"upstream": gatekeeper, "endpoints": endpoints}),
        ),
        proxy::Event::AddressRefused {
            gatekeeper,
            endpoint,
            source,
        } => address_refused(*gatekeeper, *endpoint, *source),
        proxy::Event::Unanswered {
            gatekeeper,
            endpoint,
            source,
        } => unanswered(*gatekeeper, *endpoint, *source),
        proxy::Event::Moved {
            gatekeeper,
            registered,
            rejected,
        } => (
            name::UPSTREAM_MOVED,
            format!(
                "{registered} endpoints are registered with {gatekeeper}; {rejected} were rejected"
            ),
            json!({"upstream": gatekeeper, "registered": registered, "rejected": rejected}),
        ),
        proxy::Event::Alternates { gatekeeper, list } => {
            let addresses: Vec<String> = list.iter().map(|a| a.address.to_string()).collect();
            let text = format!("{gatekeeper} names as alternates: {}", addresses.join(", "));
            let details = json!({"upstream": gatekeeper, "addresses": addresses});
            (name::UPSTREAM_ALTERNATES, text, details)
        }
    };
    ("zone", said)
}

/// More RAS waits than can be handled, or it does not any more.
pub(super) fn overload(waiting: Option<usize>) -> (&'static str, String) {
    let Some(waiting) = waiting else {
        let text = "full registrations are taken again".to_owned();
        return (name::OVERLOAD_OVER, text);
    };
    let text = format!("{waiting} RAS messages wait: full registrations are put off (RIP)");
    (name::OVERLOAD, text)
}

/// What can be done depends on where the RRQ came from.
fn address_refused(gatekeeper: SocketAddr, endpoint: SocketAddr, source: SocketAddr) -> Said {
    let advice = if source.ip() == endpoint.ip() {
        "which is the endpoint's own address: the endpoint must name a callSignalAddress there"
    } else {
        "which is rasline for all endpoints: use upstream_source = \"endpoint\" if this machine routes between both \
         sides, or switch that check off at the gatekeeper"
    };
    let text = format!(
        "{gatekeeper} rejects {endpoint} (invalidCallSignalAddress): it wants a callSignalAddress where the RRQ comes \
         from, here {source}, {advice}"
    );
    let details = json!({"upstream": gatekeeper, "endpoint": endpoint, "source": source});
    (name::UPSTREAM_ADDRESS_REFUSED, text, details)
}

fn unanswered(gatekeeper: SocketAddr, endpoint: SocketAddr, source: SocketAddr) -> Said {
    let text = format!(
        "{gatekeeper} does not answer what comes from {source}: its way to endpoints must lead through this machine; \
         else use upstream_source = \"own\" with an upstream_address"
    );
    let details = json!({"upstream": gatekeeper, "endpoint": endpoint, "source": source});
    (name::UPSTREAM_UNANSWERED, text, details)
}

fn started(known: usize, restored: usize) -> Said {
    let text =
        format!("served by rasline: {known} endpoints known, {restored} registrations restored");
    (
        name::SERVING,
        text,
        json!({"known": known, "restored": restored}),
    )
}

fn retired(why: backup::Why, registrations: u64) -> Said {
    let (cause, because) = match why {
        backup::Why::Returned => ("returned", "a gatekeeper of its own is back"),
        backup::Why::Refused(why) => ("refused", refusal(why)),
        backup::Why::Reconfigured => ("reconfigured", "its configuration changed"),
    };
    let text = format!("no longer served by rasline: {because}; {registrations} registrations");
    (
        name::RETIRED,
        text,
        json!({"cause": cause, "registrations": registrations}),
    )
}

/// Why a zone is not served, as people read it.
#[must_use]
pub const fn refusal(why: backup::Refusal) -> &'static str {
    match why {
        backup::Refusal::NoProfile => "it has no profile",
        backup::Refusal::NotSubscribed => "its profile says that it is not subscribed",
    }
}

/// Of a registrar, or of a proxy's endpoints: what it is about, and the event.
pub(super) fn registrar(event: &registrar::Event) -> (&'static str, Said) {
    use registrar::Event;
    match event {
        Event::Registered {
            endpoint_identifier,
            endpoint,
            aliases,
        } => {
            let text = format!("{} at {endpoint} is registered", aliases.join(", "));
            let details = json!({"endpoint": endpoint, "endpoint_identifier": endpoint_identifier, "aliases": aliases});
            ("registration", (name::ENDPOINT_REGISTERED, text, details))
        }
        Event::Unregistered {
            endpoint_identifier,
            endpoint,
            why,
        } => {
            let text = format!(
                "{endpoint_identifier} at {endpoint} is no longer registered: {}",
                ended(*why)
            );
            let details = json!({"endpoint": endpoint, "endpoint_identifier": endpoint_identifier, "cause": why});
            ("registration", (name::ENDPOINT_UNREGISTERED, text, details))
        }
        Event::Rejected {
            from,
            request,
            reason,
        } => {
            let text = format!("{request} of {from} rejected: {reason}");
            let details = json!({"from": from, "request": request, "reason": reason});
            ("registration", (name::REQUEST_REJECTED, text, details))
        }
        Event::Locked { source } => {
            let text = format!(
                "{}: repeated authentication failures; further ones are answered once a second for a while",
                source.ip()
            );
            ("zone", (name::SOURCE_LOCKED, text, json!({"from": source})))
        }
        Event::CallStarted { call, from, to } => {
            let text = format!("call {call} from {from} to {to}");
            (
                "call",
                (
                    name::CALL_STARTED,
                    text,
                    json!({"call": call, "caller": from, "callee": to}),
                ),
            )
        }
        Event::CallEnded { call, seconds } => {
            let text = format!("call {call} is over after {seconds} s");
            (
                "call",
                (
                    name::CALL_ENDED,
                    text,
                    json!({"call": call, "seconds": seconds}),
                ),
            )
        }
    }
}

const fn ended(why: registrar::Ended) -> &'static str {
    match why {
        registrar::Ended::Left => "it unregistered",
        registrar::Ended::Expired => "its timeToLive ran out",
        registrar::Ended::Replaced => {
            "it registered again, or its aliases moved to another endpoint"
        }
        registrar::Ended::Dropped => "dropped by the operator",
        registrar::Ended::NotAllowed => "its profile no longer allows it",
    }
}
