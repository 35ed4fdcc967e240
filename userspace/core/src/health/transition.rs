//! The table of states.

use super::State;

/// What can move a state; see the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stimulus {
    Answer,
    Overdue,
    Silent,
    Late,
    Blind,
    TcpDown,
    Steady,
}

/// Where a state goes.
pub const fn next(state: State, stimulus: Stimulus) -> State {
    match (state, stimulus) {
        (State::Unknown | State::Up | State::Suspect, Stimulus::Answer)
        | (State::Down, Stimulus::Steady) => State::Up,
        (State::Unknown | State::Up, Stimulus::Overdue) => State::Suspect,
        (_, Stimulus::Silent | Stimulus::TcpDown) => State::Down,
        (State::Suspect, Stimulus::Late) | (State::Up | State::Suspect, Stimulus::Blind) => {
            State::Unknown
        }
        (State::Down | State::Suspect, Stimulus::Overdue)
        | (State::Down, Stimulus::Answer | Stimulus::Late | Stimulus::Blind)
        | (State::Unknown, Stimulus::Late | Stimulus::Blind)
        | (State::Up, Stimulus::Late)
        | (State::Unknown | State::Up | State::Suspect, Stimulus::Steady) => state,
    }
}
