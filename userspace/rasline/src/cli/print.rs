//! Prints the replies of the controller as text or JSON.

use super::table::{
    ago, ahead, clock, or_dash, put, put_json, put_json_line, put_table, span, table,
};
use crate::control::severity::Severity;
use crate::control::view::{
    Counters, Event, Gatekeeper, PresenceCounts, Profiles, Registration, Serving, Status, Steering,
    Store, Zone,
};

pub(super) fn status(status: &Status, json: bool) {
    if json {
        return put_json(status);
    }
    put(&format!(
        "controller {} up {}, process {}, configuration {}",
        status.version,
        span(Some(status.uptime)),
        status.pid,
        status.config
    ));
    put("");
    let mut interfaces = table(&[
        "INTERFACE",
        "SIDE",
        "MODE",
        "LINK",
        "ATTACHED",
        "PROGRAM",
        "TROUBLE",
    ]);
    for i in &status.interfaces {
        let program = if i.program == 0 {
            "-".to_owned()
        } else {
            i.program.to_string()
        };
        interfaces.add_row([
            &*i.name,
            &i.side,
            &i.mode,
            &or_dash(&i.link),
            yes(i.attached),
            &program,
            &or_dash(&i.trouble),
        ]);
    }
    put_table(&interfaces);
    for waiting in &status.waiting {
        put(&format!("waiting for {waiting}"));
    }
    put("");
    put_zones(&status.zones);
    put("");
    let all: Vec<&Gatekeeper> = status.zones.iter().flat_map(|z| &z.gatekeepers).collect();
    put_gatekeepers(&all);
    put("");
    let mut presence = PresenceCounts::default();
    for zone in &status.zones {
        presence.add(&zone.presence);
    }
    put(&format!("presence {}", self::presence(&presence)));
    put(&format!(
        "rates    {:.0} answers/s, {:.0} passes/s",
        status.rates.answers, status.rates.passes
    ));
    let t = &status.tables;
    put(&format!(
        "tables   registrations {} of {}, RCFs {} of {}",
        t.slots, t.slots_max, t.profiles, t.profiles_max
    ));
    if t.refusals > 0 {
        put(&format!(
            "         {} registrations could not be published; the last: {}",
            t.refusals, t.refused
        ));
    }
    if t.unclaimed > 0 {
        put(&format!(
            "         {} unclaimed: answered as published by an earlier controller, relearned gradually",
            t.unclaimed
        ));
    }
    let n = &status.learning;
    put(&format!(
        "learning {} messages, {} pairs, {} pending, {} unanswered, {} undecodable, {} RCFs patched",
        n.messages, n.paired, n.pending, n.unanswered, n.undecodable, n.patched
    ));
    if n.refused > 0 {
        put(&format!(
            "         {} registrations not kept, table full: raise max_registrations",
            n.refused
        ));
    }
    super::agent::put_summary(&status.agents);
    put_store(&status.store);
    put_profiles(&status.profiles);
    let l = &status.losses;
    put(&format!(
        "losses   ring buffer {}, source limit {}, total limit {}, strangers {}, crowded out {}, behind {}, not sent {}",
        l.copy_lost,
        l.copy_limited_source,
        l.copy_limited_total,
        l.strangers,
        l.crowded_out,
        l.behind,
        l.send_failed
    ));
}

fn put_profiles(p: &Profiles) {
    if p.zones > 0 || !p.error.is_empty() {
        let zones = if p.zones == 1 { "zone" } else { "zones" };
        put(&format!(
            "profiles of {} {zones}, from {}",
            p.zones, p.source
        ));
    }
    if !p.error.is_empty() {
        put(&format!("         {}", p.error));
    }
}

fn put_store(s: &Store) {
    put(&format!(
        "store    {}: {} registrations, {} restored, {} changes pending, last written {}",
        s.path,
        s.registrations,
        s.restored,
        s.waiting,
        ago(s.last_write)
    ));
    if !s.set_aside.is_empty() {
        put(&format!(
            "         a corrupt file was moved to {}",
            s.set_aside
        ));
    }
    if !s.error.is_empty() {
        put(&format!("         {}", s.error));
    }
}

const fn yes(b: bool) -> &'static str {
    if b { "yes" } else { "no" }
}

fn put_zones(zones: &[Zone]) {
    let mut t = table(&[
        "ZONE",
        "ANSWER",
        "ENDPOINT TTL",
        "REFRESH",
        "HOLD",
        "ANSWERED",
        "KNOWN",
        "SILENT",
        "SERVED BY",
        "BECAUSE",
    ]);
    for z in zones {
        t.add_row([
            z.name.clone(),
            z.answer.clone(),
            z.endpoint_ttl
                .map_or_else(|| "gatekeeper's".to_owned(), |s| span(Some(s))),
            z.refresh_every
                .map_or_else(|| "ttl/2".to_owned(), |s| span(Some(s))),
            span(Some(z.hold_for)),
            z.answered.to_string(),
            z.known.to_string(),
            z.presence.missing().to_string(),
            served_by(z),
            because(z),
        ]);
    }
    put_table(&t);
}

/// The cell SERVED BY: the active gatekeeper, and `DEAD` if no gatekeeper of the zone lives.
fn served_by(zone: &Zone) -> String {
    match &zone.steering {
        Some(s) if s.dark => format!("{}, DEAD", or_dash(s.active.as_deref().unwrap_or(""))),
        Some(s) => or_dash(s.active.as_deref().unwrap_or("")),
        None => or_dash(zone.gatekeepers.first().map_or("", |g| &g.id)),
    }
}

/// The cell BECAUSE: cause and time of the last move, manual decision, and what a return waits for.
fn because(zone: &Zone) -> String {
    let Some(s) = &zone.steering else {
        return "-".to_owned();
    };
    let mut parts = vec![format!("{} ({})", s.cause, ago(Some(s.since)))];
    if !s.manual.is_empty() {
        parts.push(s.manual.clone());
    }
    if !s.waiting_for.is_empty() {
        parts.push(format!("waits for {}", s.waiting_for));
    }
    parts.join(", ")
}

/// Number of endpoints in each state of presence.
fn presence(counts: &PresenceCounts) -> String {
    let parts: Vec<String> = (counts.all().iter())
        .map(|(name, n)| format!("{n} {name}"))
        .collect();
    parts.join(", ")
}

fn put_steering(s: &Steering) {
    if !s.steered.is_empty() {
        put(&format!("steered     {}", s.steered.join(", ")));
    }
    if s.migrated + s.shaped > 0 || s.kernel_decisions > 0 {
        put(&format!(
            "moves       {} decided by the kernel, {} keep-alives let through, {} RRQs held back",
            s.kernel_decisions, s.migrated, s.shaped
        ));
    }
    if let Some(standby) = &s.standby {
        put(&format!(
            "standby     {standby}: {} warm, {} warming, {} cold",
            s.warm, s.warming, s.cold
        ));
    }
}

fn put_serving(s: &Serving) {
    let mut parts = vec![s.phase.clone()];
    if !s.why.is_empty() {
        parts.push(s.why.clone());
    }
    parts.push(format!("{} registrations", s.registrations));
    match s.registered_upstream {
        Some(upstream) => parts.push(format!(
            "{upstream} of them registered with the gatekeeper, {} calls",
            s.calls
        )),
        None => parts.push(format!("{} calls, {} endpoints known", s.calls, s.known)),
    }
    for (n, what) in [
        (s.rejected, "rejected"),
        (s.malformed, "malformed"),
        (s.denied, "denied"),
        (s.put_off, "put off"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    put(&format!("rasline     {}", parts.join("; ")));
}

fn put_gatekeepers(all: &[&Gatekeeper]) {
    let mut t = table(&[
        "GATEKEEPER",
        "ZONE",
        "ADDRESS",
        "PRIORITY",
        "STATE",
        "PROBES",
        "ANSWERS",
        "LAST REPLY",
        "SILENT FOR",
        "REQUESTS",
        "REPLIES",
        "REGISTRATIONS",
        "FROM",
    ]);
    for g in all {
        t.add_row([
            g.id.clone(),
            g.zone.clone(),
            g.address.clone(),
            g.priority.to_string(),
            g.state.clone(),
            probes(g),
            answers(g),
            ago(g.last_reply),
            span(g.silent_for),
            g.requests.to_string(),
            g.replies.to_string(),
            g.registrations.to_string(),
            g.origin.clone(),
        ]);
    }
    put_table(&t);
}

/// The cell PROBES: answered of sent, and the round trip.
fn probes(g: &Gatekeeper) -> String {
    let Some(p) = &g.probe else {
        return "-".to_owned();
    };
    match p.round_trip {
        Some(rtt) => format!("{}/{}, {:.1} ms", p.answered, p.sent, rtt * 1e3),
        None => format!("{}/{}", p.answered, p.sent),
    }
}

/// The cell ANSWERS: kinds of requests it has answered, and the source address if it differs from the configured one.
fn answers(g: &Gatekeeper) -> String {
    let Some(p) = &g.probe else {
        return "-".to_owned();
    };
    let from = p.answers_from.as_ref();
    let from = from.map_or_else(String::new, |from| format!(" from {from}"));
    if p.answers.is_empty() {
        return "nothing yet".to_owned();
    }
    format!("{}{from}", p.answers.join(", "))
}

pub(super) fn zones(zones: &[Zone], json: bool) {
    if json {
        return put_json(&zones);
    }
    put_zones(zones);
}

pub(super) fn zone(zone: &Zone, json: bool) {
    if json {
        return put_json(zone);
    }
    put_zones(std::slice::from_ref(zone));
    put("");
    put(&format!("endpoints   {}", zone.endpoints.join(", ")));
    put(&format!("dead after  {}", span(Some(zone.dead_after))));
    put(&format!("presence    {}", presence(&zone.presence)));
    if zone.silent_after.is_some() {
        put(&format!("silent after {}", span(zone.silent_after)));
    }
    if zone.limited > 0 {
        put(&format!(
            "unknown     {} messages from unregistered sources held back by unknown_rate",
            zone.limited
        ));
    }
    if let Some(steering) = &zone.steering {
        put_steering(steering);
    }
    if let Some(serving) = &zone.serving {
        put_serving(serving);
    }
    put("");
    put_gatekeepers(&zone.gatekeepers.iter().collect::<Vec<_>>());
    for refused in &zone.refused_alternates {
        put(&format!("refused     {refused}"));
    }
}

pub(super) fn gatekeepers(all: &[Gatekeeper], json: bool) {
    if json {
        return put_json(&all);
    }
    put_gatekeepers(&all.iter().collect::<Vec<_>>());
}

pub(super) fn registrations(all: &[Registration], json: bool) {
    if json {
        return put_json(&all);
    }
    let mut t = table(&[
        "ID",
        "ALIASES",
        "ADDRESS",
        "ENDPOINTIDENTIFIER",
        "ZONE",
        "GATEKEEPER",
        "LAST SEEN",
        "PRESENCE",
        "ANSWERED BY",
        "REFRESH",
        "TIME LEFT",
        "WHY NOT",
    ]);
    for r in all {
        t.add_row([
            r.id.to_string(),
            or_dash(&r.aliases.join(",")),
            r.address.map_or_else(|| "-".to_owned(), |a| a.to_string()),
            or_dash(&r.endpoint_identifier),
            r.zone.clone(),
            r.gatekeeper.clone(),
            ago(r.last_seen),
            or_dash(&r.presence),
            r.answered_by.clone(),
            ahead(r.next_refresh),
            span(r.time_left),
            or_dash(&r.why_not),
        ]);
    }
    put_table(&t);
}

pub(super) fn registration(r: &Registration, json: bool) {
    if json {
        return put_json(r);
    }
    let rows = [
        ("id", r.id.to_string()),
        ("aliases", or_dash(&r.aliases.join(", "))),
        (
            "address",
            r.address.map_or_else(|| "-".to_owned(), |a| a.to_string()),
        ),
        ("endpointIdentifier", or_dash(&r.endpoint_identifier)),
        ("zone", r.zone.clone()),
        ("gatekeeper", r.gatekeeper.clone()),
        ("last seen", ago(r.last_seen)),
        (
            "presence",
            match r.silent_for {
                Some(quiet) => format!("{}, quiet for {}", r.presence, span(Some(quiet))),
                None => or_dash(&r.presence),
            },
        ),
        ("silent after", span(r.silent_after)),
        (
            "answered by",
            format!("{} ({} by the kernel)", r.answered_by, r.answered),
        ),
        ("next refresh", ahead(r.next_refresh)),
        (
            "timeToLive",
            format!(
                "{}, endpoint's {}",
                span(r.time_to_live),
                span(r.endpoint_ttl.or(r.time_to_live))
            ),
        ),
        ("time left", span(r.time_left)),
        ("why not", or_dash(&r.why_not)),
    ];
    for (name, value) in rows {
        put(&format!("{name:<19} {value}"));
    }
}

pub(super) fn counters(rows: &[Counters], all: bool, json: bool) {
    if json {
        return put_json(&rows);
    }
    let mut head = vec!["COUNTER"];
    head.extend(rows.iter().map(|r| r.interface.as_str()));
    head.push("WHAT");
    let mut t = table(&head);
    let names = rows
        .first()
        .map(|r| r.counters.as_slice())
        .unwrap_or_default();
    for (i, counter) in names.iter().enumerate() {
        let values: Vec<u64> = rows
            .iter()
            .map(|r| r.counters.get(i).map_or(0, |c| c.value))
            .collect();
        if all || values.iter().any(|v| *v > 0) {
            let mut row = vec![counter.name.clone()];
            row.extend(values.iter().map(u64::to_string));
            row.push(counter.help.clone());
            t.add_row(row);
        }
    }
    put_table(&t);
}

pub(super) fn event(e: &Event, json: bool) {
    if json {
        return put_json_line(e);
    }
    let severity = e.severity.map_or("", Severity::name);
    put(&format!(
        "{}  {severity:<7}  {:<12}  {}",
        clock(e.time),
        e.about,
        e.text
    ));
}
