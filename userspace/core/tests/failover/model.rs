//! Every short sequence of inputs, and many long ones, against what must always hold.
//!
//! The kernel of [`World`] does what it is told and now and then decides by itself, so that "never two active ones"
//! means: after every input the controller and the kernel name the same one (checked by [`World::feed`]).

use std::time::Duration;

use proptest::prelude::*;
use rasline_core::failover::{Failback, Input, Manual};
use rasline_core::health::State;

use crate::failover::world::{NONE, World, ZONE, gk, policy, three};

/// Abstract steps.
#[derive(Clone, Copy, Debug)]
enum Step {
    Health(u32, State),
    Kernel(u32),
    Switch(u32),
    Hold,
    Release,
    /// Time enough for every failback.
    Rest,
    Candidates(u8),
    Restart,
}

fn apply(world: &mut World, step: Step, failback: Failback) {
    let (before, held) = (world.active(), held(world));
    let moves = world.moves;
    world.wait(Duration::from_millis(20));
    match step {
        Step::Health(gatekeeper, state) => world.health(gatekeeper, state),
        Step::Kernel(gatekeeper) => world.kernel_decides(gatekeeper),
        Step::Switch(gatekeeper) => world.feed(Input::Switch {
            zone: ZONE,
            gatekeeper: gk(gatekeeper),
        }),
        Step::Hold => world.feed(Input::Hold { zone: ZONE }),
        Step::Release => world.feed(Input::Release { zone: ZONE }),
        Step::Rest => {
            world.wait(Duration::from_hours(2));
            world.feed(Input::Tick { minute_of_day: 1 });
        }
        Step::Candidates(which) => {
            let lists: [&[(u32, u8)]; 4] =
                [&[(0, 0), (1, 1), (2, 2)], &[(2, 0), (1, 1)], &[(1, 0)], &[]];
            let list = lists[usize::from(which) % 4];
            world.feed(Input::Policies(policy(list, failback)));
            world
                .states
                .retain(|it, _| list.iter().any(|(g, _)| g == it));
        }
        Step::Restart => restart(world, failback),
    }
    let candidates = world.candidates.clone();
    check(world, &candidates);
    assert!(world.moves <= moves + 1, "one move at a time");
    let commanded = matches!(step, Step::Switch(_) | Step::Release | Step::Candidates(_));
    if held && !commanded && candidates.contains(&before) {
        assert_eq!(world.active(), before, "held, and moved by {step:?}");
    }
    if matches!(step, Step::Rest) && !held {
        rested(world, &candidates, failback);
    }
}

fn held(world: &World) -> bool {
    world.failover.zone(ZONE).unwrap().manual == Manual::Hold
}

/// What holds always.
fn check(world: &World, candidates: &[u32]) {
    let active = world.active();
    let alive = |it: &u32| matches!(world.state(*it), State::Up | State::Suspect);
    assert_eq!(candidates.is_empty(), active == NONE);
    assert!(candidates.is_empty() || candidates.contains(&active));
    assert!(
        world
            .kernel
            .steered
            .iter()
            .all(|it| candidates.contains(it))
    );
    assert_eq!(world.kernel.auto, !held(world));
    let dead = world.state(active) == State::Down;
    if !held(world) {
        assert!(
            !dead
                || !candidates.iter().any(alive)
                || world.failover.is_damped(world.now, gk(active)),
            "a living one is chosen, unless moves are damped"
        );
        let dead_ones = candidates
            .iter()
            .filter(|it| world.state(**it) == State::Down);
        for other in dead_ones.filter(|it| **it != active && !dead) {
            assert!(world.kernel.steered.contains(other), "{other} is dead");
        }
    }
}

/// What holds when nothing happened for two hours.
fn rested(world: &World, candidates: &[u32], failback: Failback) {
    let view = world.failover.zone(ZONE).unwrap();
    let up = |it: &u32| world.state(*it) == State::Up;
    if matches!(view.manual, Manual::Switch { gatekeeper } if up(&gatekeeper.0)) {
        assert_eq!(
            Some(gk(world.active())),
            view.preferred,
            "the operator's choice"
        );
    } else if view.manual == Manual::None && failback != Failback::None {
        let best = candidates.iter().find(|it| up(it));
        let order = |it: u32| candidates.iter().position(|other| *other == it);
        assert!(
            best.is_none_or(|best| order(world.active()) <= order(*best)),
            "returned to the best"
        );
    }
}

/// The controller goes and comes back; the kernel stays.
fn restart(world: &mut World, failback: Failback) {
    let fresh = World::empty();
    let list: Vec<(u32, u8)> = world.candidates.iter().copied().zip(0..).collect();
    let (active, manual) = world.kept.unwrap_or((world.active(), Manual::None));
    assert_eq!(active, world.active(), "what is kept is what is");
    world.failover = fresh.failover;
    world.states.clear();
    let restore = Input::Restore {
        zone: ZONE,
        active: Some(gk(active)).filter(|_| active != NONE),
        manual,
    };
    world.failover.handle(world.now, restore, &mut Vec::new());
    world.feed(Input::Policies(policy(&list, failback)));
    assert_eq!(world.active(), active, "a restart moves nothing");
}

const ALPHABET: [Step; 14] = [
    Step::Health(0, State::Up),
    Step::Health(0, State::Down),
    Step::Health(1, State::Up),
    Step::Health(1, State::Down),
    Step::Health(2, State::Down),
    Step::Health(0, State::Suspect),
    Step::Kernel(1),
    Step::Switch(2),
    Step::Switch(0),
    Step::Hold,
    Step::Release,
    Step::Rest,
    Step::Candidates(1),
    Step::Restart,
];

fn explore(world: &World, depth: u32, failback: Failback, seen: &mut u64) {
    if depth == 0 {
        return;
    }
    for step in ALPHABET {
        let mut next = world.clone();
        next.events.clear();
        apply(&mut next, step, failback);
        *seen += 1;
        explore(&next, depth - 1, failback, seen);
    }
}

#[test]
fn every_sequence_of_five() {
    let mut seen = 0;
    let failback = Failback::After(Duration::from_mins(1));
    explore(&World::new(failback), 5, failback, &mut seen);
    assert_eq!(seen, (1..=5).map(|length| 14u64.pow(length)).sum::<u64>());
}

#[test]
fn every_sequence_of_four_that_never_returns_by_itself() {
    let mut world = World::empty();
    world.feed(Input::Policies(three(Failback::None)));
    explore(&world, 4, Failback::None, &mut 0);
}

fn step() -> impl Strategy<Value = Step> {
    let state = prop_oneof![
        Just(State::Up),
        Just(State::Down),
        Just(State::Suspect),
        Just(State::Unknown)
    ];
    prop_oneof![
        10 => (0u32..3, state).prop_map(|(gatekeeper, state)| Step::Health(gatekeeper, state)),
        2 => (0u32..3).prop_map(Step::Kernel),
        1 => (0u32..3).prop_map(Step::Switch),
        1 => Just(Step::Hold),
        2 => Just(Step::Release),
        2 => Just(Step::Rest),
        1 => (0u8..4).prop_map(Step::Candidates),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #[test]
    fn long_ones(steps in proptest::collection::vec(step(), 1..120), policy in 0usize..4) {
        let failback = [
            Failback::None,
            Failback::After(Duration::from_mins(1)),
            Failback::AfterCalls,
            Failback::Window { from_minute: 0, to_minute: 2 },
        ][policy];
        let mut world = World::new(failback);
        for step in steps {
            for gatekeeper in 0..3 {
                world.feed(Input::Calls { gatekeeper: gk(gatekeeper), open: 0 });
            }
            apply(&mut world, step, failback);
        }
    }
}
