//! The whole table of states, spelled out.

use super::State::{self, Down, Suspect, Unknown, Up};
use super::transition::Stimulus::{self, Answer, Blind, Late, Overdue, Silent, Steady, TcpDown};
use super::transition::next;

const STIMULI: [Stimulus; 7] = [Answer, Overdue, Silent, Late, Blind, TcpDown, Steady];

/// A row for each state, a column for each of [`STIMULI`].
#[rustfmt::skip]
const TABLE: [(State, [State; 7]); 4] = [
    //           Answer  Overdue  Silent  Late     Blind    TcpDown  Steady
    (Unknown, [  Up,     Suspect, Down,   Unknown, Unknown, Down,    Unknown ]),
    (Up,      [  Up,     Suspect, Down,   Up,      Unknown, Down,    Up      ]),
    (Suspect, [  Up,     Suspect, Down,   Unknown, Unknown, Down,    Suspect ]),
    (Down,    [  Down,   Down,    Down,   Down,    Down,    Down,    Up      ]),
];

#[test]
fn every_state_and_stimulus() {
    for (state, row) in TABLE {
        for (stimulus, expected) in STIMULI.into_iter().zip(row) {
            assert_eq!(next(state, stimulus), expected, "{state:?} {stimulus:?}");
        }
    }
}
