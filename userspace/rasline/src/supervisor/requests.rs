//! What the CLI asks for.

use crate::{
    control::{Command, PAGE, Reply, filter::EventFilter, server::Call},
    failure::{Failure, Result},
    host::monotonic_ns,
    supervisor::{Next, Stop, StopRequest, Supervisor, events::name, failover::ByHand},
};

impl Supervisor {
    /// Answers a request.
    pub(super) fn request(&mut self, call: Call) -> Next {
        if let Command::Stop { stay } = call.command {
            return Next::Stop(Stop {
                stay,
                request: Some(StopRequest {
                    reply: call.reply,
                    written: call.written,
                }),
            });
        }
        let reply = self.reply(call.command);
        // A client that has gone needs no reply.
        let _ = call.reply.send(reply);
        Next::GoOn
    }

    fn reply(&mut self, command: Command) -> Reply {
        match command {
            Command::Status => Reply::data(&self.show_status()),
            Command::ZoneList => Reply::data(&self.show_zones()),
            Command::ZoneShow { zone } => or_error(self.show_zone(&zone).map(|z| Reply::data(&z))),
            Command::ZoneSwitch { zone, gatekeeper } => {
                or_error(self.decide_by_hand(&zone, ByHand::Switch(gatekeeper)))
            }
            Command::ZoneHold { zone } => or_error(self.decide_by_hand(&zone, ByHand::Hold)),
            Command::ZoneRelease { zone } => or_error(self.decide_by_hand(&zone, ByHand::Release)),
            Command::GatekeeperList => {
                let all: Vec<_> = self
                    .show_zones()
                    .into_iter()
                    .flat_map(|z| z.gatekeepers)
                    .collect();
                Reply::data(&all)
            }
            Command::RegistrationList {
                zone,
                after,
                silent,
            } => or_error(self.list(zone.as_deref(), after, silent)),
            Command::RegistrationShow { id } => {
                let found = self
                    .show_registration(monotonic_ns(), id)
                    .ok_or_else(|| no_registration(id));
                or_error(found.map(|r| Reply::data(&r)))
            }
            Command::RegistrationDrop { id } => {
                let dropped = self.drop_registration(id);
                or_error(
                    dropped
                        .then(|| Reply::done(format!("registration {id}: dropped")))
                        .ok_or_else(|| no_registration(id)),
                )
            }
            Command::AgentList => Reply::data(&self.show_agents()),
            Command::AgentShow { agent } => {
                or_error(self.show_agent(&agent).map(|a| Reply::data(&a)))
            }
            Command::AgentReregister { agent } => or_error(self.reregister(&agent)),
            Command::Counters => or_error(self.show_counters().map(|rows| Reply::data(&rows))),
            Command::Events { last, filter, .. } => {
                or_error(self.show_events(&filter, last.unwrap_or(usize::MAX)))
            }
            Command::Attach { interface } => {
                let done =
                    self.ports
                        .attach(&mut self.dataplane, &self.config.interfaces, &interface);
                self.said(name::ATTACHED, &interface, done)
            }
            Command::Detach { interface } => {
                let done =
                    self.ports
                        .detach(&mut self.dataplane, &self.config.interfaces, &interface);
                self.said(name::DETACHED, &interface, done)
            }
            Command::Reload => or_error(self.reload().map(Reply::done)),
            Command::Stop { .. } => Reply::done("stopping"),
        }
    }

    /// The last events that are wanted. A zone of which nothing is known at all is a mistake.
    fn show_events(&self, filter: &EventFilter, last: usize) -> Result<Reply> {
        let all = self.events.last(filter, last);
        if all.is_empty()
            && let Some(zone) = &filter.zone
        {
            self.show_zone(zone)?;
        }
        Ok(Reply::data(&all))
    }

    fn said(&mut self, event: &str, interface: &str, done: Result<String>) -> Reply {
        match done {
            Ok(text) => {
                self.events.interface(event, interface, "by hand");
                Reply::done(text)
            }
            Err(e) => Reply::error(e),
        }
    }

    fn list(&self, zone: Option<&str>, after: Option<u64>, silent: bool) -> Result<Reply> {
        if let Some(zone) = zone {
            self.show_zone(zone)?;
        }
        if silent {
            let zone = zone.and_then(|zone| self.layout.zone(zone));
            let all = self.show_silent(monotonic_ns(), zone, after, PAGE);
            return Ok(Reply::data(&all));
        }
        Ok(Reply::data(&self.show_registrations(
            monotonic_ns(),
            zone,
            after,
            PAGE,
        )))
    }
}

fn or_error(reply: Result<Reply>) -> Reply {
    reply.unwrap_or_else(Reply::error)
}

fn no_registration(id: u64) -> Failure {
    Failure::new(
        format!("registration {id}"),
        "no such registration",
        "see `rasline registration list`",
    )
}
