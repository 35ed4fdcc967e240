//! What the CLI asks of calls: answered by the signalling thread, for which the main loop does not wait.

use std::collections::HashMap;

use rasline_core::{
    Time, ZoneIndex,
    call::{self, CallId, Place, Progress},
};
use tokio::sync::oneshot;

use super::Daemon;
use crate::{
    control::Reply,
    effects::describe::calls::format_identifier,
    failure::{Failure, Result},
    host::monotonic_ns,
    view::{Call, Leg},
};

/// A question about calls.
pub(super) enum Question {
    /// All calls, or those of a zone.
    List(Option<ZoneIndex>),
    /// One call.
    Show(u64),
}

/// Has a question answered once the signalling thread has.
pub(super) fn ask(daemon: &Daemon, question: Question, reply: oneshot::Sender<Reply>) {
    let answer = match daemon.effects.calls.ask() {
        Ok(answer) => answer,
        Err(e) => return send(reply, Err(e)),
    };
    let zones = daemon.site.config().zones.iter();
    let zones: HashMap<ZoneIndex, String> =
        zones.map(|zone| (zone.index, zone.name.clone())).collect();
    tokio::spawn(async move {
        let found = answer.await;
        let found = found.map_err(|_| Failure::plain("call signalling", "its thread has ended"));
        let answered = found.and_then(|snapshot| {
            let calls = snapshot.calls.iter();
            answer_question(&question, calls, &zones)
        });
        send(reply, answered);
    });
}

fn send(reply: oneshot::Sender<Reply>, answered: Result<Reply>) {
    // A client that has gone needs no reply.
    let _ = reply.send(answered.unwrap_or_else(Reply::error));
}

fn answer_question<'a>(
    question: &Question,
    mut calls: impl Iterator<Item = &'a call::View>,
    zones: &HashMap<ZoneIndex, String>,
) -> Result<Reply> {
    let now = Time(monotonic_ns());
    Ok(match question {
        Question::List(zone) => {
            let wanted = calls.filter(|call| zone.is_none_or(|zone| call.zone == zone));
            let all: Vec<Call> = wanted.map(|call| show(call, now, zones)).collect();
            Reply::data(&all)
        }
        Question::Show(number) => {
            let found = calls.find(|call| call.call.0 == *number);
            let found = found.ok_or_else(|| no_call(*number))?;
            Reply::data(&show(found, now, zones))
        }
    })
}

/// Ends a call.
pub(super) fn release(daemon: &Daemon, number: u64) -> Result<Reply> {
    daemon.effects.calls.release(CallId(number))?;
    Ok(Reply::done(format!("call {number}: released")))
}

fn no_call(number: u64) -> Failure {
    Failure::new(
        format!("call {number}"),
        "no such call",
        "see `rasline call list`",
    )
}

fn show(call: &call::View, now: Time, zones: &HashMap<ZoneIndex, String>) -> Call {
    let since = |at: Time| now.since(at).as_secs_f64();
    Call {
        number: call.call.0,
        zone: zones.get(&call.zone).cloned().unwrap_or_default(),
        call: call.identifier.map(format_identifier),
        caller: call.caller.clone(),
        callee: call.callee.clone(),
        state: match call.progress {
            Progress::SettingUp => "setting-up",
            Progress::Ringing => "ringing",
            Progress::Up => "connected",
        }
        .to_owned(),
        age: since(call.started),
        connected_for: call.connected.map(since),
        gatekeeper: call.controller.map(|at| at.to_string()),
        joined: call.is_joined,
        legs: call.legs.iter().map(show_leg).collect(),
    }
}

fn show_leg(leg: &call::LegView) -> Leg {
    Leg {
        leg: match leg.place {
            Place::Caller => "caller",
            Place::CallerGatekeeper => "caller-gatekeeper",
            Place::CalledGatekeeper => "called-gatekeeper",
            Place::Called => "called",
        }
        .to_owned(),
        peer: leg.peer.to_string(),
        own: leg.own.to_string(),
        call_reference: leg.reference,
        h245_connection: leg.has_control,
    }
}
