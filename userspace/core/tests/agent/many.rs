//! Many agents after a mass failure; and real messages.

use std::collections::VecDeque;
use std::time::Duration;

use rasline_core::agent::{AgentId, Config, Input, Output};
use rasline_h225::messages::Rrj;
use rasline_h225::types::RegistrationRejectReason as Why;
use rasline_h225::{RasMessage, decode_ras};

use crate::agent::world::{World, config, gk, ms};

/// After all gatekeepers died, many agents do not knock in step, and seldom.
#[test]
fn a_mass_failure_brings_no_storm() {
    const AGENTS: u32 = 500;
    for reject in [false, true] {
        let mut world = World::empty();
        let configs = (0..AGENTS).map(|n| Config {
            id: AgentId(n),
            name: n.to_string(),
            seed: u64::from(n) * 7919,
            ..config(&[1, 2])
        });
        world.input(Input::Configure(configs.collect()));
        let mut by_second = vec![];
        for _ in 0..600 {
            let end = world.now.after(Duration::from_secs(1));
            let mut count = 0;
            while let Some(due) = world.agents.next_due().filter(|due| *due <= end) {
                world.now = due;
                let mut out = vec![];
                world.agents.handle(due, Input::Due, &mut out);
                count += answer_all(&mut world, out, reject);
            }
            world.now = end;
            by_second.push(count);
        }
        let worst = |from: usize| by_second[from..].iter().max().copied().unwrap();
        assert!(
            worst(0) <= 3 * AGENTS as usize,
            "reject {reject}: {} in a second",
            worst(0)
        );
        assert!(
            worst(300) <= AGENTS as usize / 4,
            "reject {reject}: {} in a second, later",
            worst(300)
        );
        assert!(
            by_second[120..].iter().sum::<usize>() > 1000,
            "they go on trying"
        );
    }
}

/// How many messages were sent, and what came of their being rejected.
fn answer_all(world: &mut World, out: Vec<Output>, reject: bool) -> usize {
    let mut queue = VecDeque::from(out);
    let mut count = 0;
    while let Some(output) = queue.pop_front() {
        let Output::Send { agent, to, payload } = output else {
            continue;
        };
        count += 1;
        if reject {
            let seq = decode_ras(&payload).unwrap().request_seq_num();
            let payload = Rrj::new(seq, Why::ResourceUnavailable).encode().unwrap();
            let mut out = vec![];
            let from = to;
            let input = Input::Message {
                agent,
                from,
                payload: &payload,
            };
            world.agents.handle(world.now, input, &mut out);
            queue.extend(out);
        }
    }
    count
}

/// Real messages, some of them broken, to an agent in every state; and real RCFs as answers to its own RRQ.
#[test]
fn captured_messages() {
    let directory = format!("{}/../../tests/vectors", env!("CARGO_MANIFEST_DIR"));
    let mut rcfs = 0;
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let octet = |at| u8::from_str_radix(line.get(at..at + 2)?, 16).ok();
            let octets: Vec<u8> = (0..line.len()).step_by(2).filter_map(octet).collect();
            for mut world in [World::new(config(&[1])), World::registered(config(&[1, 2]))] {
                let before = world.view();
                world.say(gk(9), &octets);
                assert_eq!(world.view().state, before.state, "a stranger");
                world.say(gk(1), &octets);
                world.run(ms(100));
            }
            rcfs += usize::from(confirms(&octets));
        }
    }
    assert!(rcfs > 100, "{rcfs}");
}

/// Whether this is an RCF; then it registers an agent that asked with its number.
fn confirms(octets: &[u8]) -> bool {
    let Ok(RasMessage::RegistrationConfirm(rcf)) = decode_ras(octets) else {
        return false;
    };
    let mut world = World::new(config(&[1]));
    let mut octets = octets.to_vec();
    octets[2..4].copy_from_slice(&(world.last().seq() - 1).to_be_bytes());
    world.say(gk(1), &octets);
    let identity = rasline_h225::text::from_bmp(&rcf.endpoint_identifier);
    let view = world.view();
    assert_eq!(view.state, "Registered");
    assert_eq!(view.endpoint_identifier, Some(identity));
    assert_eq!(view.time_to_live, rcf.time_to_live);
    true
}
