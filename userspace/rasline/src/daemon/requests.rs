//! What the CLI asks for.

use rasline_core::{
    GatekeeperIndex, RegistrationId, RegistrationKey, ZoneIndex,
    site::{ByHand, Input},
};

use super::{
    Daemon, agents,
    calls::{self, Question},
    event_loop::{Next, Stop, StopRequest},
    show::Showing,
};
use crate::{
    config,
    control::{Command, PAGE, Reply, filter::EventFilter, server::Call},
    effects::events::name,
    failure::{Failure, Result},
    host::monotonic_ns,
    suggest::did_you_mean,
};

/// Answers a request.
pub(super) fn answer(daemon: &mut Daemon, call: Call) -> Next {
    let reply = match reply(daemon, call.command) {
        Ok(Answer::Stop { stay }) => {
            return Next::Stop(Stop {
                stay,
                request: Some(StopRequest {
                    reply: call.reply,
                    written: call.written,
                }),
            });
        }
        Ok(Answer::Later(question)) => {
            calls::ask(daemon, question, call.reply);
            return Next::GoOn;
        }
        Ok(Answer::Now(reply)) => reply,
        Err(e) => Reply::error(e),
    };
    // A client that has gone needs no reply.
    let _ = call.reply.send(reply);
    Next::GoOn
}

/// How a request is answered.
enum Answer {
    Now(Reply),
    /// The signalling thread has the answer.
    Later(Question),
    /// When the controller has stopped.
    Stop {
        stay: Option<bool>,
    },
}

fn reply(daemon: &mut Daemon, command: Command) -> Result<Answer> {
    let now_ns = monotonic_ns();
    let showing = Showing::new(daemon);
    Ok(Answer::Now(match command {
        Command::Status => Reply::data(&showing.show_status()),
        Command::ZoneList => Reply::data(&showing.show_zones()),
        Command::ZoneShow { zone } => Reply::data(&showing.show_zone(&zone)?),
        Command::ZoneSwitch { zone, gatekeeper } => {
            decide(daemon, &zone, Wanted::Switch(gatekeeper))?
        }
        Command::ZoneHold { zone } => decide(daemon, &zone, Wanted::Hold)?,
        Command::ZoneRelease { zone } => decide(daemon, &zone, Wanted::Release)?,
        Command::GatekeeperList => {
            let zones = showing.show_zones().into_iter();
            Reply::data(&zones.flat_map(|zone| zone.gatekeepers).collect::<Vec<_>>())
        }
        Command::RegistrationList {
            zone,
            after,
            silent,
        } => list_registrations(&showing, daemon, zone.as_deref(), after, silent)?,
        Command::RegistrationShow { id } => {
            let found = showing.show_registration(now_ns, id);
            Reply::data(&found.ok_or_else(|| no_registration(id))?)
        }
        Command::RegistrationDrop { id } => drop_registration(daemon, id)?,
        Command::CallList { zone } => {
            let zone = zone.map(|zone| find_zone(daemon, &zone)).transpose()?;
            return Ok(Answer::Later(Question::List(zone.flatten())));
        }
        Command::CallShow { number } => return Ok(Answer::Later(Question::Show(number))),
        Command::CallRelease { number } => calls::release(daemon, number)?,
        Command::AgentList => Reply::data(&agents::show_all(daemon)),
        Command::AgentShow { agent } => Reply::data(&agents::show_one(daemon, &agent)?),
        Command::AgentReregister { agent } => agents::reregister(daemon, &agent)?,
        Command::Counters => Reply::data(&showing.show_counters()?),
        Command::Events { last, filter, .. } => {
            show_events(daemon, &filter, last.unwrap_or(usize::MAX))?
        }
        Command::Attach { interface } => {
            let (dataplane, interfaces) =
                (&mut daemon.effects.dataplane, &daemon.config.interfaces);
            let done = daemon.ports.attach(dataplane, interfaces, &interface)?;
            note_by_hand(daemon, name::ATTACHED, &interface, done)
        }
        Command::Detach { interface } => {
            let (dataplane, interfaces) =
                (&mut daemon.effects.dataplane, &daemon.config.interfaces);
            let done = daemon.ports.detach(dataplane, interfaces, &interface)?;
            note_by_hand(daemon, name::DETACHED, &interface, done)
        }
        Command::Reload => Reply::done(daemon.reload()?),
        Command::Stop { stay } => return Ok(Answer::Stop { stay }),
    }))
}

fn note_by_hand(daemon: &mut Daemon, event: &str, interface: &str, done: String) -> Reply {
    let events = &mut daemon.effects.events;
    events.interface(event, interface, "by hand");
    Reply::done(done)
}

/// The last events that are wanted. A zone of which nothing is known at all is a mistake.
fn show_events(daemon: &Daemon, filter: &EventFilter, last: usize) -> Result<Reply> {
    let all = daemon.effects.events.last(filter, last);
    if all.is_empty()
        && let Some(zone) = &filter.zone
    {
        Showing::new(daemon).show_zone(zone)?;
    }
    Ok(Reply::data(&all))
}

fn list_registrations(
    showing: &Showing<'_>,
    daemon: &Daemon,
    zone: Option<&str>,
    after: Option<u64>,
    silent: bool,
) -> Result<Reply> {
    if let Some(zone) = zone {
        showing.show_zone(zone)?;
    }
    let now_ns = monotonic_ns();
    Ok(if silent {
        let zone = zone.and_then(|zone| daemon.effects.layout.zone(zone));
        Reply::data(&showing.show_silent(now_ns, zone, after, PAGE))
    } else {
        Reply::data(&showing.show_registrations(now_ns, zone, after, PAGE))
    })
}

fn drop_registration(daemon: &mut Daemon, id: u64) -> Result<Reply> {
    let key = RegistrationKey::from_number(RegistrationId(id));
    if !daemon.site.has_registration(key) {
        return Err(no_registration(id));
    }
    daemon.handle(Input::Drop(key));
    Ok(Reply::done(format!("registration {id}: dropped")))
}

/// What the operator wants of a zone.
enum Wanted {
    /// That it goes to this gatekeeper, by id.
    Switch(String),
    Hold,
    Release,
}

/// The index of a zone that is known; `None`: it is not in force.
fn find_zone(daemon: &Daemon, zone: &str) -> Result<Option<ZoneIndex>> {
    Showing::new(daemon).show_zone(zone)?;
    Ok(daemon.effects.layout.zone(zone).map(ZoneIndex))
}

/// `rasline zone switch`, `hold` and `release`.
fn decide(daemon: &mut Daemon, zone: &str, wanted: Wanted) -> Result<Reply> {
    let found = daemon.config.zones.iter().find(|one| one.name == zone);
    let index = daemon.effects.layout.zone(zone).map(ZoneIndex);
    let (Some(found), Some(index)) = (found, index) else {
        Showing::new(daemon).show_zone(zone)?;
        return Err(Failure::plain(format!("zone {zone}"), "not in force yet"));
    };
    if !found.is_decided() {
        return Err(Failure::new(
            format!("zone {zone}"),
            "only one gatekeeper configured, so there is nothing to decide",
            "add another [[zone.gatekeeper]]",
        ));
    }
    let (decision, done) = match wanted {
        Wanted::Switch(id) => switch(daemon, found, &id)?,
        Wanted::Hold => (
            ByHand::Hold,
            format!("{zone}: held where it is, until `rasline zone release {zone}`"),
        ),
        Wanted::Release => (
            ByHand::Release,
            format!("{zone}: released; it moves as its policy says"),
        ),
    };
    daemon.handle(Input::Decide {
        zone: index,
        decision,
    });
    Ok(Reply::done(done))
}

/// A switch to a gatekeeper by its id, and the reply to the client.
fn switch(daemon: &Daemon, zone: &config::Zone, id: &str) -> Result<(ByHand, String)> {
    let found = zone.gatekeepers.iter().find(|one| one.id == id);
    let index = found.and_then(|one| daemon.effects.layout.gatekeeper(zone, one));
    let gatekeeper = GatekeeperIndex(index.ok_or_else(|| no_gatekeeper(zone, id))?);
    let name = &zone.name;
    let done = if daemon.site.steering().is_down(gatekeeper) {
        format!("{name}: {id} is down; the zone moves there as soon as it is up")
    } else {
        format!("{name}: switched to {id}, until `rasline zone release {name}`")
    };
    Ok((ByHand::Switch(gatekeeper), done))
}

fn no_gatekeeper(zone: &config::Zone, id: &str) -> Failure {
    let close = did_you_mean(id, zone.gatekeepers.iter().map(|g| g.id.as_str()));
    let zone = &zone.name;
    Failure::new(
        format!("gatekeeper {id}"),
        format!("zone {zone} has no gatekeeper of this id"),
        format!("{close}see `rasline zone show {zone}`"),
    )
}

fn no_registration(id: u64) -> Failure {
    Failure::new(
        format!("registration {id}"),
        "no such registration",
        "see `rasline registration list`",
    )
}
