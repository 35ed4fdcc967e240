//! Every state of a registration and every input, in a table; see `registrar/expiry.rs`.

use rasline_core::Time;
use rasline_core::registrar::{Input, Output};
use rasline_h225::types::RasMessage;

use crate::registrar::calls::*;
use crate::registrar::world::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// timeToLive runs, and the kernel answers.
    Published,
    /// timeToLive runs, the kernel does not answer.
    Held,
    Asking,
    /// IRQ sent, to be sent once more.
    Polled1,
    Polled0,
    Gone,
}

use State::{Asking, Gone, Held, Polled0, Polled1, Published};

fn reach(state: State) -> (World, String) {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    if state != Held {
        world.keep_alive(1, &eid);
    }
    let seconds = match state {
        Published | Held => 5,
        Asking => 60,
        Polled1 => 61,
        Polled0 => 64,
        Gone => 67,
    };
    world.pass(seconds * SECOND);
    (world, eid)
}

/// Told by what happens if nothing comes.
fn observed(world: &World) -> State {
    if world.views().is_empty() {
        return Gone;
    }
    let (mut registrar, start) = (world.registrar.clone(), world.now);
    let mut out = Vec::new();
    let mut now = start;
    while out.is_empty() {
        now = registrar.next_due().unwrap();
        registrar.handle(now, Input::Due, &mut out);
        // One that left before may be told so again.
        if out.len() == 1 && kinds(&out) == ["URQ"] {
            out.clear();
        }
    }
    match (&out[0], now.since(start).as_secs()) {
        (Output::AskSeen { .. }, _) => Published,
        (Output::Send { .. }, 0..=1) if kinds(&out) == ["IRQ"] => Asking,
        (Output::Send { .. }, 2..=3) if kinds(&out) == ["IRQ"] => Polled1,
        (Output::Send { .. }, _) if kinds(&out) == ["IRQ"] => Held,
        _ => Polled0,
    }
}

#[derive(Clone, Copy, Debug)]
enum Given {
    KeepAlive,
    FullAgain,
    Report,
    SeenNow,
    SeenLongAgo,
    Leaves,
    Dropped,
    Due,
    /// A duplicate alias of somebody else.
    Doubt,
}

fn give(world: &mut World, eid: &str, given: Given) {
    let id = world.views().first().map(|view| view.id);
    match given {
        Given::KeepAlive => drop(world.keep_alive(1, eid)),
        Given::FullAgain => drop(world.octets(ras(1), &full(77, 1, "alice").encode().unwrap())),
        Given::Report => {
            drop(world.message(ras(1), &RasMessage::InfoRequestResponse(irr(9, 1, eid))));
        }
        Given::SeenNow | Given::SeenLongAgo => {
            let at = match given {
                Given::SeenNow => world.now,
                _ => Time(world.now.0 - 100_000_000_000),
            };
            if let Some(id) = id {
                drop(world.input(Input::Seen { id, at }));
            }
        }
        Given::Leaves => drop(world.urq(1, eid)),
        Given::Dropped => {
            if let Some(id) = id {
                drop(world.input(Input::Drop { id }));
            }
        }
        Given::Due => drop(world.input(Input::Due)),
        Given::Doubt => drop(world.octets(ras(2), &full(78, 2, "alice").encode().unwrap())),
    }
}

#[test]
fn every_state_and_every_input() {
    use Given::*;
    let states = [Published, Held, Asking, Polled1, Polled0, Gone];
    let table = [
        (
            KeepAlive,
            [Published, Published, Published, Published, Published, Gone],
        ),
        // It is foretold to send what it sent before, or what its make does.
        (
            FullAgain,
            [Published, Held, Published, Published, Published, Published],
        ),
        (
            Report,
            [Published, Held, Published, Published, Published, Gone],
        ),
        (
            SeenNow,
            [Published, Held, Published, Published, Published, Gone],
        ),
        (
            SeenLongAgo,
            [Published, Held, Asking, Polled1, Polled0, Gone],
        ),
        (Leaves, [Gone, Gone, Gone, Gone, Gone, Gone]),
        (Dropped, [Gone, Gone, Gone, Gone, Gone, Gone]),
        (Due, [Published, Held, Asking, Polled1, Polled0, Gone]),
    ];
    for (given, after) in table {
        for (state, after) in states.into_iter().zip(after) {
            let (mut world, eid) = reach(state);
            assert_eq!(observed(&world), state, "reached");
            give(&mut world, &eid, given);
            assert_eq!(observed(&world), after, "{state:?}, {given:?}");
        }
    }
    // Doubt leads to the endpoint being asked; when it is gone, the other one is registered.
    for (state, after) in states
        .into_iter()
        .zip([Polled1, Polled1, Asking, Polled1, Polled0, Published])
    {
        let (mut world, eid) = reach(state);
        give(&mut world, &eid, Doubt);
        assert_eq!(observed(&world), after, "{state:?}");
    }
}
