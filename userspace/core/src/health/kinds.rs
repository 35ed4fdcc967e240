//! Which kinds of request a gatekeeper has been seen to answer, and which one it is asked next.
//!
//! Gatekeepers are asked by GRQ first. Field gatekeepers may ignore those (discovery is switched off), so that a
//! lightweight RRQ of nobody is tried too, which any gatekeeper rejects (H.225.0 7.9.2). Where neither is answered,
//! connections to the call-signalling port show life; where none of these are, only what it answers to endpoints does.
//!
//! Invariant: silence counts only in a kind of request that was answered before, or as long as no sign of life of any
//! kind has come.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A request that asks whether a gatekeeper lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A GRQ.
    Grq,
    /// A lightweight RRQ.
    Rrq,
}

/// Signs of life that a gatekeeper is known to give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a sign of its own, and any of them may be there"
)]
pub struct Answers {
    /// It answers GRQs.
    pub grq: bool,
    /// It answers lightweight RRQs, if only by RRJ.
    pub rrq: bool,
    /// It accepts connections at its call-signalling port. Tried only if it answers neither of the above.
    pub tcp: bool,
    /// The data path has seen its answers to endpoints.
    pub traffic: bool,
}

impl Answers {
    /// Whether it answers this kind of request.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        match kind {
            Kind::Grq => self.grq,
            Kind::Rrq => self.rrq,
        }
    }

    /// Whether it answers any RAS request of rasline's own.
    #[must_use]
    pub const fn ras(self) -> bool {
        self.grq || self.rrq
    }

    /// Whether it has given any sign of life.
    #[must_use]
    pub const fn any(self) -> bool {
        self.ras() || self.tcp || self.traffic
    }

    /// Whether it has given none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        !self.any()
    }

    /// The same, with those of another time.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            grq: self.grq || other.grq,
            rrq: self.rrq || other.rrq,
            tcp: self.tcp || other.tcp,
            traffic: self.traffic || other.traffic,
        }
    }

    const fn set(&mut self, kind: Kind, answers: bool) {
        match kind {
            Kind::Grq => self.grq = answers,
            Kind::Rrq => self.rrq = answers,
        }
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.grq, "GRQ"),
            (self.rrq, "RRQ"),
            (self.tcp, "TCP"),
            (self.traffic, "endpoints"),
        ];
        let mut first = true;
        for (_, name) in all.iter().filter(|(answers, _)| *answers) {
            f.write_str(if first { "" } else { ", " })?;
            f.write_str(name)?;
            first = false;
        }
        f.write_str(if first { "nothing yet" } else { "" })
    }
}

/// Probes of the first kind before another one is tried.
const FIRST: u32 = 10;
/// Probes in a row that another kind takes before this one is dropped for it.
const MISSED: u32 = 5;
/// Probes without answer after which a kind is not counted on any more, if there were other signs of life meanwhile.
const FORGOTTEN: u32 = 40;
/// How many of those that takes.
const OTHERWISE: u32 = 3;
/// Probes without any answer after which the rhythm is slower, and every eighth is of another kind.
const SELDOM: u32 = 400;

/// The kinds that one gatekeeper is asked, and answers.
#[derive(Debug)]
pub struct Kinds {
    asked: &'static [Kind],
    answers: Answers,
    /// Which of `asked` is asked now.
    current: usize,
    /// Probes since the current kind was last answered.
    missed: u32,
    /// Answers to endpoints since then.
    heard: u32,
}

impl Kinds {
    /// To be asked are these, in this order; `known` was found out earlier.
    pub fn new(asked: &'static [Kind], known: Answers) -> Self {
        let current = asked.iter().position(|kind| known.has(*kind));
        Self {
            asked,
            answers: known,
            current: current.unwrap_or(0),
            missed: 0,
            heard: 0,
        }
    }

    /// What it is known to answer.
    pub const fn answers(&self) -> Answers {
        self.answers
    }

    /// The kind of the next probe.
    pub fn next(&mut self) -> Kind {
        self.missed = self.missed.saturating_add(1);
        let Some(current) = self.asked.get(self.current).copied() else {
            return Kind::Grq;
        };
        let other = if self.answers.has(current) {
            self.missed > SELDOM && self.missed.is_multiple_of(8)
        } else {
            self.missed > FIRST && self.missed.is_multiple_of(2)
        };
        match self.other() {
            Some(kind) if other => kind,
            _ => current,
        }
    }

    /// Another kind, to be asked as well before silence in the current one is called death.
    pub fn other(&self) -> Option<Kind> {
        let others = self.asked.iter().enumerate();
        let mut others = others.filter(|(index, _)| *index != self.current);
        others.next().map(|(_, kind)| *kind)
    }

    /// Whether it is asked seldom, since it was never seen to answer what it is asked.
    pub const fn seldom(&self) -> bool {
        !self.answers.ras() && self.missed > SELDOM
    }

    /// Whether silence in this kind means anything.
    pub const fn counts(&self, kind: Kind) -> bool {
        self.answers.has(kind) || !self.answers.any()
    }

    /// An answer to a probe of this kind came.
    pub fn answered(&mut self, kind: Kind) {
        self.answers.set(kind, true);
        let current = self.asked.get(self.current).copied();
        if current == Some(kind) {
            (self.missed, self.heard) = (0, 0);
        } else if self.missed >= MISSED {
            // The current one is asked again when this one fails.
            if let Some(current) = current {
                self.answers.set(current, false);
            }
            self.current = self.asked.iter().position(|it| *it == kind).unwrap_or(0);
            (self.missed, self.heard) = (0, 0);
        }
    }

    /// The call-signalling port accepted.
    pub const fn connected(&mut self) {
        self.answers.tcp = true;
    }

    /// The data path has seen it answer an endpoint.
    pub fn heard(&mut self) {
        self.answers.traffic = true;
        self.heard = self.heard.saturating_add(1);
        if self.missed >= FORGOTTEN
            && self.heard >= OTHERWISE
            && let Some(current) = self.asked.get(self.current)
        {
            self.answers.set(*current, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answers, FIRST, FORGOTTEN, Kind, Kinds, SELDOM};

    const BOTH: &[Kind] = &[Kind::Grq, Kind::Rrq];

    fn asked(kinds: &mut Kinds, times: u32) -> Vec<Kind> {
        (0..times).map(|_| kinds.next()).collect()
    }

    #[test]
    fn another_kind_is_tried_where_the_first_is_ignored() {
        let mut kinds = Kinds::new(BOTH, Answers::default());
        assert_eq!(asked(&mut kinds, FIRST), [Kind::Grq; 10]);
        assert_eq!(
            asked(&mut kinds, 4),
            [Kind::Grq, Kind::Rrq, Kind::Grq, Kind::Rrq]
        );
        assert!(kinds.counts(Kind::Grq), "it may be dead");
        kinds.answered(Kind::Rrq);
        assert!(kinds.counts(Kind::Rrq) && !kinds.counts(Kind::Grq));
        assert_eq!(asked(&mut kinds, 3), [Kind::Rrq; 3]);
    }

    #[test]
    fn one_answer_of_another_kind_changes_nothing() {
        let mut kinds = Kinds::new(BOTH, Answers::default());
        kinds.next();
        kinds.answered(Kind::Grq);
        asked(&mut kinds, 3);
        kinds.answered(Kind::Rrq);
        assert!(kinds.counts(Kind::Grq) && kinds.counts(Kind::Rrq));
        assert_eq!(kinds.next(), Kind::Grq);
        assert_eq!(kinds.other(), Some(Kind::Rrq));
    }

    #[test]
    fn only_what_is_wanted_is_asked() {
        let mut kinds = Kinds::new(&[Kind::Rrq], Answers::default());
        assert_eq!(asked(&mut kinds, 30), [Kind::Rrq; 30]);
        assert_eq!(kinds.other(), None);
    }

    #[test]
    fn a_kind_that_is_ignored_while_there_is_life_does_not_count() {
        let mut kinds = Kinds::new(BOTH, Answers::default());
        kinds.next();
        kinds.answered(Kind::Grq);
        asked(&mut kinds, FORGOTTEN);
        kinds.heard();
        kinds.heard();
        assert!(kinds.counts(Kind::Grq), "those may have been under way");
        kinds.heard();
        assert!(!kinds.counts(Kind::Grq) && kinds.answers().traffic);
        asked(&mut kinds, SELDOM);
        assert!(kinds.seldom());
    }

    #[test]
    fn what_was_known_before_a_restart_is_asked_first() {
        let known = Answers {
            rrq: true,
            ..Answers::default()
        };
        let mut kinds = Kinds::new(BOTH, known);
        assert_eq!(kinds.next(), Kind::Rrq);
        assert!(!kinds.counts(Kind::Grq));
    }

    #[test]
    fn in_words() {
        let mut answers = Answers::default();
        assert_eq!(answers.to_string(), "nothing yet");
        answers.set(Kind::Rrq, true);
        answers.traffic = true;
        assert_eq!(answers.to_string(), "RRQ, endpoints");
    }
}
