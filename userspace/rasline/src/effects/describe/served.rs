//! What happens in rasline's own gatekeepers, as events: see docs/events.md.

use std::net::SocketAddr;

use rasline_core::{ZoneIndex, backup, proxy, registrar};
use serde_json::{Value, json};

/// Names of these events.
pub mod name {
    crate::effects::event_names::event_names! {
        /// A zone is served by rasline itself.
        SERVING = "serving";
        /// It is not any more.
        RETIRED = "retired";
        /// It would be, but may not be.
        REFUSING = "refusing";
        /// Requests were rejected for that.
        REFUSED = "refused";
        /// An endpoint registered with rasline.
        ENDPOINT_REGISTERED = "endpoint_registered";
        /// It is not registered any more.
        ENDPOINT_UNREGISTERED = "endpoint_unregistered";
        /// A request was rejected.
        REQUEST_REJECTED = "request_rejected";
        /// Failures of a source are answered seldom for a while.
        SOURCE_LOCKED = "source_locked";
        /// A call was admitted.
        CALL_STARTED = "call_started";
        /// A call is over.
        CALL_ENDED = "call_ended";
        /// A proxy registers its endpoints with another gatekeeper.
        UPSTREAM_MOVING = "upstream_moving";
        /// It has.
        UPSTREAM_MOVED = "upstream_moved";
        /// A proxied zone's gatekeeper rejects callSignalAddresses that are not where the RRQ comes from.
        UPSTREAM_ADDRESS_REFUSED = "upstream_address_refused";
        /// A proxied zone's gatekeeper has never answered what came from its endpoints' addresses.
        UPSTREAM_UNANSWERED = "upstream_unanswered";
        /// A proxied zone's gatekeeper named its alternates.
        UPSTREAM_ALTERNATES = "upstream_alternates";
        /// Profiles could not be read, or can be again.
        PROFILES = "profiles";
        /// More comes than can be handled.
        OVERLOAD = "overload";
        /// Not any more.
        OVERLOAD_OVER = "overload_over";
    }
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
