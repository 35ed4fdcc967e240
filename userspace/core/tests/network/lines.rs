//! TCP connections: made, refused, reset, or silent.

use std::collections::BTreeMap;

use rasline_core::agent::{AgentId, ConnectionId, Loss};

/// Connections that agents asked for and have not closed.
#[derive(Debug, Default)]
pub struct Lines(BTreeMap<ConnectionId, Line>);

#[derive(Debug)]
struct Line {
    agent: AgentId,
    /// Gatekeeper and site.
    between: (usize, usize),
}

/// Something that happens to a connection later.
#[derive(Debug)]
pub struct Step {
    connection: ConnectionId,
    what: What,
}

#[derive(Debug)]
enum What {
    /// The other side answers, if it still can.
    Answer,
    Break(Loss),
    /// It is noticed that nothing comes, if nothing does by then.
    Notice(Loss),
}

impl Lines {
    pub fn open(
        &mut self,
        agent: AgentId,
        connection: ConnectionId,
        between: (usize, usize),
        answers: bool,
    ) -> Step {
        self.0.insert(connection, Line { agent, between });
        let what = if answers {
            What::Answer
        } else {
            What::Break(Loss::Refused)
        };
        Step { connection, what }
    }

    /// Whose it was.
    pub fn close(&mut self, connection: ConnectionId) -> Option<AgentId> {
        self.0.remove(&connection).map(|line| line.agent)
    }

    pub fn all(&self) -> Vec<(AgentId, ConnectionId)> {
        let all = self.0.iter();
        all.map(|(connection, line)| (line.agent, *connection))
            .collect()
    }

    /// What is to happen to all connections between such.
    pub fn break_all(&self, why: Loss, which: impl Fn(usize, usize) -> bool) -> Vec<Step> {
        let hit = self
            .0
            .iter()
            .filter(|(_, line)| which(line.between.0, line.between.1));
        hit.map(|(connection, _)| Step {
            connection: *connection,
            what: if why == Loss::Silent {
                What::Notice(why)
            } else {
                What::Break(why)
            },
        })
        .collect()
    }

    /// Whose connection it is, and how it was lost, or that it was made; `None`: nothing happens.
    pub fn take(
        &mut self,
        step: &Step,
        whole: impl Fn(usize, usize) -> bool,
    ) -> Option<(AgentId, ConnectionId, Option<Loss>)> {
        let line = self.0.get(&step.connection)?;
        let agent = line.agent;
        let whole = whole(line.between.0, line.between.1);
        let lost = match step.what {
            What::Answer => (!whole).then_some(Loss::Refused),
            What::Notice(_) if whole => return None,
            What::Break(why) | What::Notice(why) => Some(why),
        };
        if lost.is_some() {
            self.0.remove(&step.connection);
        }
        Some((agent, step.connection, lost))
    }
}
