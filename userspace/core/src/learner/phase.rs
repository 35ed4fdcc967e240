//! How far a registration is: the state machine behind [`State`].
//!
//! ```text
//!                 First                    Second                  Published
//!   Learning{0} --------> Learning{1} ---------------> Publishing -----------> Answered
//!        ^                 |  ^   ^  |                   |    |  ^              |   |  |
//!        |   Forget        |  |   |  | First: replaced   |    |  |  Renew,      |   |  |
//!        +-----------------+  |   +--+                   |    |  |  Missed      |   |  |
//!        |                    |                          |    |  +--------------+   |  |
//!        |  Forget: withdraw  |   First, Changed: withdraw    |                     |  |
//!        +--------------------|--------------------------+----|---------------------+  |
//!                             +-------------------------------|------------------------+
//!   NotAnswered{why}  <- Unfit: withdraw <- any state         |
//!   NotAnswered{why}  <- Refused <----------------------------+
//!   NotAnswered{unconfirmed} <- Unanswered <- Learning
//!   NotAnswered: First, Changed -> Learning{1};  Second -> Publishing;  Anew -> Learning{0}
//! ```
//! Missed is `MissedByKernel`. Not drawn: a stimulus that changes nothing; Restored, which leads from Learning{0} to
//! Publishing. Invariant: Publish is reached by Second and Restored only, Republish only from a state that Publish led
//! to; leaving such a state withdraws first.

use super::{NotAnsweredReason, Refusal, State};

/// What moves a registration on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stimulus {
    /// A pair that differs from the one kept, or none is kept.
    First,
    /// A pair equal to the one kept, with another requestSeqNum.
    Second,
    /// The pair kept, once more.
    Repeat,
    /// As [`Stimulus::Second`], though the kernel should have known this keep-alive for a while.
    MissedByKernel,
    /// A message that the kernel cannot answer.
    Unfit(NotAnsweredReason),
    /// The kernel saw another RCF to the published keep-alive.
    Changed,
    /// The kernel has it.
    Published,
    /// The kernel's table does not take it.
    Refused(Refusal),
    /// The kernel withdrew it, or who was withdrawn is not known: learn it again.
    Forget,
    /// A keep-alive stayed without RCF.
    Unanswered,
    /// Its slot is gone or out of date though nothing is known against it.
    Renew,
    /// A full registration without tokens was confirmed.
    Anew,
    /// It was published once, and that still holds.
    Restored,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// Publish.
    Publish,
    /// Withdraw.
    Withdraw,
    /// Withdraw, then publish.
    Republish,
}

/// One step.
pub(crate) const fn step(state: State, stimulus: Stimulus) -> (State, Effect) {
    match state {
        State::Learning { pairs } => learning(pairs, stimulus),
        State::Publishing => publishing(stimulus),
        State::Answered => answered(stimulus),
        State::NotAnswered { why } => not_answered(why, stimulus),
    }
}

const NONE: State = State::Learning { pairs: 0 };
const ONE: State = State::Learning { pairs: 1 };

const fn learning(pairs: u8, stimulus: Stimulus) -> (State, Effect) {
    let state = match stimulus {
        Stimulus::Second | Stimulus::MissedByKernel if pairs == 1 => {
            return (State::Publishing, Effect::Publish);
        }
        Stimulus::Restored if pairs == 0 => return (State::Publishing, Effect::Publish),
        Stimulus::First | Stimulus::Changed | Stimulus::Second | Stimulus::MissedByKernel => ONE,
        Stimulus::Unfit(why) => State::NotAnswered { why },
        Stimulus::Unanswered => State::NotAnswered {
            why: NotAnsweredReason::Unconfirmed,
        },
        Stimulus::Forget => NONE,
        Stimulus::Repeat
        | Stimulus::Published
        | Stimulus::Refused(_)
        | Stimulus::Renew
        | Stimulus::Anew
        | Stimulus::Restored => State::Learning { pairs },
    };
    (state, Effect::None)
}

const fn publishing(stimulus: Stimulus) -> (State, Effect) {
    match stimulus {
        Stimulus::Published => (State::Answered, Effect::None),
        Stimulus::Refused(refusal) => (
            State::NotAnswered {
                why: NotAnsweredReason::of(refusal),
            },
            Effect::None,
        ),
        Stimulus::MissedByKernel => (State::Publishing, Effect::None),
        _ => answered_or(State::Publishing, stimulus),
    }
}

const fn answered(stimulus: Stimulus) -> (State, Effect) {
    match stimulus {
        Stimulus::MissedByKernel => (State::Publishing, Effect::Republish),
        // Stale: it says what was published before, and that worked.
        Stimulus::Published | Stimulus::Refused(_) => (State::Answered, Effect::None),
        _ => answered_or(State::Answered, stimulus),
    }
}

/// What Publishing and Answered have in common.
const fn answered_or(state: State, stimulus: Stimulus) -> (State, Effect) {
    match stimulus {
        Stimulus::First | Stimulus::Changed => (ONE, Effect::Withdraw),
        Stimulus::Unfit(why) => (State::NotAnswered { why }, Effect::Withdraw),
        Stimulus::Forget => (NONE, Effect::Withdraw),
        Stimulus::Renew => (State::Publishing, Effect::Republish),
        _ => (state, Effect::None),
    }
}

const fn not_answered(why: NotAnsweredReason, stimulus: Stimulus) -> (State, Effect) {
    match stimulus {
        Stimulus::First | Stimulus::Changed => (ONE, Effect::None),
        Stimulus::Second | Stimulus::MissedByKernel => (State::Publishing, Effect::Publish),
        Stimulus::Unfit(why) => (State::NotAnswered { why }, Effect::None),
        Stimulus::Anew => (NONE, Effect::None),
        Stimulus::Repeat
        | Stimulus::Published
        | Stimulus::Refused(_)
        | Stimulus::Forget
        | Stimulus::Unanswered
        | Stimulus::Renew
        | Stimulus::Restored => (State::NotAnswered { why }, Effect::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Effect::{None as Nothing, Publish, Republish, Withdraw};
    use State::{Answered, Publishing};

    const fn no(why: NotAnsweredReason) -> State {
        State::NotAnswered { why }
    }

    /// Rows are states, columns stimuli; every cell is written out.
    #[test]
    fn every_state_and_stimulus() {
        const SECURED: Stimulus = Stimulus::Unfit(NotAnsweredReason::Secured);
        const FULL: Stimulus = Stimulus::Refused(Refusal::TableFull);
        let stimuli = [
            Stimulus::First,
            Stimulus::Second,
            Stimulus::Repeat,
            Stimulus::MissedByKernel,
            SECURED,
            Stimulus::Changed,
            Stimulus::Published,
            FULL,
            Stimulus::Forget,
            Stimulus::Unanswered,
            Stimulus::Renew,
            Stimulus::Anew,
            Stimulus::Restored,
        ];
        let secured = no(NotAnsweredReason::Secured);
        let full = no(NotAnsweredReason::TableFull);
        let unconfirmed = no(NotAnsweredReason::Unconfirmed);
        #[rustfmt::skip]
        let table = [
            (NONE, [
                (ONE, Nothing), (ONE, Nothing), (NONE, Nothing), (ONE, Nothing), (secured, Nothing), (ONE, Nothing),
                (NONE, Nothing), (NONE, Nothing), (NONE, Nothing), (unconfirmed, Nothing), (NONE, Nothing), (NONE, Nothing),
                (Publishing, Publish),
            ]),
            (ONE, [
                (ONE, Nothing), (Publishing, Publish), (ONE, Nothing), (Publishing, Publish), (secured, Nothing), (ONE, Nothing),
                (ONE, Nothing), (ONE, Nothing), (NONE, Nothing), (unconfirmed, Nothing), (ONE, Nothing), (ONE, Nothing),
                (ONE, Nothing),
            ]),
            (Publishing, [
                (ONE, Withdraw), (Publishing, Nothing), (Publishing, Nothing), (Publishing, Nothing), (secured, Withdraw), (ONE, Withdraw),
                (Answered, Nothing), (full, Nothing), (NONE, Withdraw), (Publishing, Nothing), (Publishing, Republish), (Publishing, Nothing),
                (Publishing, Nothing),
            ]),
            (Answered, [
                (ONE, Withdraw), (Answered, Nothing), (Answered, Nothing), (Publishing, Republish), (secured, Withdraw), (ONE, Withdraw),
                (Answered, Nothing), (Answered, Nothing), (NONE, Withdraw), (Answered, Nothing), (Publishing, Republish), (Answered, Nothing),
                (Answered, Nothing),
            ]),
            (full, [
                (ONE, Nothing), (Publishing, Publish), (full, Nothing), (Publishing, Publish), (secured, Nothing), (ONE, Nothing),
                (full, Nothing), (full, Nothing), (full, Nothing), (full, Nothing), (full, Nothing), (NONE, Nothing),
                (full, Nothing),
            ]),
        ];
        for (state, row) in table {
            for (stimulus, expected) in stimuli.into_iter().zip(row) {
                assert_eq!(step(state, stimulus), expected, "{state:?} {stimulus:?}");
            }
        }
    }

    #[test]
    fn refusals_name_their_reason() {
        for refusal in [Refusal::TableFull, Refusal::Crowded, Refusal::Unfit] {
            let (state, _) = step(Publishing, Stimulus::Refused(refusal));
            assert_eq!(state, no(NotAnsweredReason::from(refusal)));
        }
    }
}
