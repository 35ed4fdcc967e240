//! Many things happen, at random, while one gatekeeper lives.

use std::time::Duration;

use crate::network::check::{Watch, all_is_well};
use crate::network::gatekeeper::TIME_TO_LIVE;
use crate::network::weather::{SITES, Weather};
use crate::network::world::{SECOND, World};

const AGENTS: u32 = 120;
const GATEKEEPERS: usize = 4;

/// Nobody is without a registration for longer while a gatekeeper lives and answers. That a gatekeeper is gone shows by
/// the connection after 5 s at most; without one by a keep-alive that nobody answers, after three quarters of timeToLive
/// and three tries. Then come t1, three RRQs to each of the three that are dead, and a rest of a second.
const LONGEST: Duration = Duration::from_secs(TIME_TO_LIVE as u64 * 3 / 4 + 9 + 2 + 3 * 9 + 1);

/// One random event. Gatekeeper `safe` is left alone.
fn happen(world: &mut World, safe: usize) {
    let n = (safe + 1 + world.dice.below(GATEKEEPERS - 1)) % GATEKEEPERS;
    let site = world.dice.below(SITES);
    match world.dice.below(8) {
        0 | 1 if world.gatekeepers[n].is_up() => world.crash(n),
        0..=2 if !world.gatekeepers[n].is_up() => {
            let keep_disk = world.dice.below(2) == 0;
            world.restart(n, keep_disk);
        }
        3 | 4 => world.cut(n, site),
        5 | 6 => world.heal(n, site),
        7 => {
            let cut = std::mem::take(&mut world.weather.cut);
            world.weather = match world.dice.below(3) {
                0 => Weather::foul(),
                _ => Weather::fair(),
            };
            world.weather.cut = cut;
        }
        _ => {}
    }
}

/// All is repaired, and quiet until what nobody keeps alive is over.
fn calm(world: &mut World) {
    for n in 0..GATEKEEPERS {
        for site in 0..SITES {
            world.heal(n, site);
        }
        if !world.gatekeepers[n].is_up() {
            world.restart(n, true);
        }
    }
    world.weather = Weather::fair();
    world.pass(Duration::from_secs(3 * u64::from(TIME_TO_LIVE)));
    all_is_well(world);
}

fn run(seed: u64) {
    let mut world = World::with_mixed_agents(seed, GATEKEEPERS, AGENTS);
    world.pass(30 * SECOND);
    all_is_well(&world);
    for _ in 0..3 {
        let safe = world.dice.below(GATEKEEPERS);
        let mut watch = Watch::default();
        for _ in 0..40 {
            for _ in 0..=world.dice.below(3) {
                happen(&mut world, safe);
            }
            let pause: u32 = 1 + world.dice.below(8);
            world.watch(SECOND * pause, |world| watch.look(world, LONGEST));
        }
        calm(&mut world);
    }
}

macro_rules! seeds {
    ($($name:ident $seed:literal;)*) => { $(
        #[test]
        fn $name() {
            run($seed);
        }
    )* };
}

seeds! {
    chaos_1 1;
    chaos_2 2;
    chaos_3 3;
    chaos_4 4;
    chaos_5 5;
    chaos_6 6;
    chaos_7 7;
    chaos_8 8;
}
