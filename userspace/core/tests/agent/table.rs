//! Every state, every input: where that leads, and what is said.
//!
//! Two gatekeepers, 1 and 2, both configured; GRQs in turn; one after the other after a loss. A cell has the state after
//! the input, then what was sent and to whom (`rrq` is a lightweight RRQ), `+` for a connection asked for, `-` for one
//! that is closed. Answers come from who was asked last, with the number of the last request.

use std::time::Duration;

use rasline_core::agent::{Config, Discovery, Input, Loss, Remembered};
use rasline_h225::messages::{self, Rrj, Urq};
use rasline_h225::types::{
    BandwidthRequest, DisengageReason, DisengageRequest, GatekeeperReject, GatekeeperRejectReason,
    InfoRequest, RegistrationRejectReason as Why, ResourcesAvailableConfirm, SecurityErrors,
    ServiceControlIndication, UnregRejectReason, UnregRequestReason,
};
use rasline_h225::{RasMessage, decode_ras, text};

use crate::agent::world::{ME, World, alternate, config, gk, number, rcf, urq};

const STATES: [&str; 7] = [
    "Waiting",
    "Discovering",
    "Registering",
    "Registered",
    "Refreshing",
    "Moving",
    "Leaving",
];

fn two() -> Config {
    Config {
        discovery: Discovery::Unicast,
        ..config(&[1, 2])
    }
}

/// A world in this state; `Refreshing` is Registered with a lightweight RRQ under way.
fn in_state(name: &str) -> World {
    let mut world = World::new(two());
    match name {
        "Discovering" => {}
        "Waiting" => {
            for n in [1, 2] {
                let grj = GatekeeperReject::new(
                    world.last().seq(),
                    GatekeeperRejectReason::TerminalExcluded,
                );
                world.tell(gk(n), &RasMessage::GatekeeperReject(grj));
            }
        }
        _ => {
            let seq = world.last().seq();
            world.found(1, seq);
        }
    }
    if STATES[3..].contains(&name) {
        world.answer(|seq| rcf(seq, 1));
        let (connection, _) = world.connections[0];
        world.input(Input::Connected { connection });
        world.run(Duration::from_secs(20));
    }
    match name {
        "Refreshing" => {
            world.now = world.agents.next_due().unwrap();
            world.input(Input::Due);
        }
        "Moving" => world.lose(Loss::Reset),
        "Leaving" => world.input(Input::Stop),
        _ => {}
    }
    let expected = if name == "Refreshing" {
        "Registered"
    } else {
        name
    };
    assert_eq!(world.state(), expected);
    world
}

/// What happened from here on, as a cell.
fn cell(world: &World, sent: usize, connects: usize, open: &[u64]) -> String {
    let mut words = vec![world.state()];
    words.extend(world.sent[sent..].iter().map(|one| {
        let host = number(one.to);
        format!("{}>{host}", one.word())
    }));
    let now: Vec<u64> = world.connections.iter().map(|(id, _)| id.0).collect();
    if open.iter().any(|id| !now.contains(id)) {
        words.push("-".into());
    }
    words.extend(
        world.connects[connects..]
            .iter()
            .map(|(_, to)| format!("+{}", number(*to))),
    );
    words.join(" ")
}

type Act = Box<dyn Fn(&mut World)>;

fn act(act: impl Fn(&mut World) + 'static) -> Act {
    Box::new(act)
}

/// An answer to the last request.
fn reply(answer: impl Fn(u16) -> RasMessage + 'static) -> Act {
    act(move |world| {
        let (to, seq) = (world.last().to, world.last().seq());
        world.tell(to, &answer(seq));
    })
}

/// A request of gatekeeper 1.
fn asks(request: impl Fn() -> RasMessage + 'static) -> Act {
    act(move |world| world.unregister(1, &request()))
}

fn rejections() -> Vec<(&'static str, Why)> {
    vec![
        ("RRJ discoveryRequired", Why::DiscoveryRequired),
        ("RRJ invalidRevision", Why::InvalidRevision),
        (
            "RRJ invalidCallSignalAddress",
            Why::InvalidCallSignalAddress,
        ),
        ("RRJ invalidRASAddress", Why::InvalidRasAddress),
        ("RRJ duplicateAlias", Why::DuplicateAlias(vec![].into())),
        ("RRJ invalidTerminalType", Why::InvalidTerminalType),
        ("RRJ undefinedReason", Why::UndefinedReason),
        ("RRJ transportNotSupported", Why::TransportNotSupported),
        (
            "RRJ transportQOSNotSupported",
            Why::TransportQosNotSupported,
        ),
        ("RRJ resourceUnavailable", Why::ResourceUnavailable),
        ("RRJ invalidAlias", Why::InvalidAlias),
        ("RRJ securityDenial", Why::SecurityDenial),
        (
            "RRJ fullRegistrationRequired",
            Why::FullRegistrationRequired,
        ),
        (
            "RRJ additiveRegistrationNotSupported",
            Why::AdditiveRegistrationNotSupported,
        ),
        ("RRJ invalidTerminalAliases", invalid_terminal_aliases()),
        ("RRJ genericDataReason", Why::GenericDataReason),
        (
            "RRJ neededFeatureNotSupported",
            Why::NeededFeatureNotSupported,
        ),
        (
            "RRJ securityError",
            Why::SecurityError(SecurityErrors::SecurityReplay),
        ),
        ("RRJ registerWithAssignedGK", Why::RegisterWithAssignedGk),
    ]
}

fn answers() -> Vec<(&'static str, Act)> {
    let grj = |seq| {
        RasMessage::GatekeeperReject(GatekeeperReject::new(
            seq,
            GatekeeperRejectReason::ResourceUnavailable,
        ))
    };
    let mut all = vec![
        (
            "GCF",
            act(|world| {
                let (n, seq) = (number(world.last().to), world.last().seq());
                world.found(n, seq);
            }),
        ),
        ("GRJ", reply(grj)),
        (
            "RCF",
            act(|world| {
                let (n, seq) = (number(world.last().to), world.last().seq());
                world.confirm(n, seq);
            }),
        ),
        (
            "RCF of a stranger",
            act(|world| {
                let seq = world.last().seq();
                world.confirm(9, seq);
            }),
        ),
        (
            "RCF, other number",
            act(|world| {
                let (n, seq) = (number(world.last().to), world.last().seq());
                world.confirm(n, seq ^ 0x100);
            }),
        ),
    ];
    for (name, why) in rejections() {
        all.push((
            name,
            reply(move |seq| Rrj::new(seq, why.clone()).message().unwrap()),
        ));
    }
    all.push((
        "RRJ with altGKInfo",
        reply(|seq| {
            let rrj = Rrj {
                alternates: vec![alternate(5, 0)],
                ..Rrj::new(seq, Why::ResourceUnavailable)
            };
            rrj.message().unwrap()
        }),
    ));
    all.push(("UCF", reply(messages::ucf)));
    all.push((
        "URJ",
        reply(|seq| messages::urj(seq, UnregRejectReason::NotCurrentlyRegistered)),
    ));
    all.push(("RIP", reply(|seq| messages::rip(seq, 5000))));
    all.push(("XRS", reply(|seq| messages::xrs(seq, &[]))));
    all
}

fn requests() -> Vec<(&'static str, Act)> {
    let mut all: Vec<(&'static str, Act)> = vec![];
    for (name, reason) in [
        (
            "URQ reregistrationRequired",
            UnregRequestReason::ReregistrationRequired,
        ),
        ("URQ ttlExpired", UnregRequestReason::TtlExpired),
        ("URQ securityDenial", UnregRequestReason::SecurityDenial),
        ("URQ undefinedReason", UnregRequestReason::UndefinedReason),
        ("URQ maintenance", UnregRequestReason::Maintenance),
        (
            "URQ registerWithAssignedGK",
            UnregRequestReason::RegisterWithAssignedGk,
        ),
    ] {
        all.push((
            name,
            asks(move || urq(9, reason.clone()).message().unwrap()),
        ));
    }
    all.push((
        "URQ with alternates",
        asks(|| {
            let urq = Urq {
                alternates: vec![alternate(5, 0)],
                ..urq(9, UnregRequestReason::Maintenance)
            };
            urq.message().unwrap()
        }),
    ));
    all.push((
        "URQ of a stranger",
        act(|world| {
            world.tell(
                gk(9),
                &urq(9, UnregRequestReason::TtlExpired).message().unwrap(),
            );
        }),
    ));
    all.push((
        "IRQ",
        asks(|| RasMessage::InfoRequest(InfoRequest::new(9, 0))),
    ));
    all.push((
        "BRQ",
        asks(|| {
            let identifier = text::to_bmp("0001_ep").unwrap();
            RasMessage::BandwidthRequest(BandwidthRequest::new(
                9,
                identifier,
                vec![0; 16].into(),
                1,
                1,
            ))
        }),
    ));
    all.push((
        "DRQ",
        asks(|| {
            let identifier = text::to_bmp("0001_ep").unwrap();
            RasMessage::DisengageRequest(DisengageRequest::new(
                9,
                identifier,
                vec![0; 16].into(),
                1,
                DisengageReason::ForcedDrop,
            ))
        }),
    ));
    all.push((
        "SCI",
        asks(|| RasMessage::ServiceControlIndication(ServiceControlIndication::new(9))),
    ));
    all.push((
        "GRQ",
        asks(|| messages::Grq::new(9, gk(1)).message().unwrap()),
    ));
    all.push((
        "RAC",
        asks(|| RasMessage::ResourcesAvailableConfirm(ResourcesAvailableConfirm::new(9))),
    ));
    all.push((
        "what is no RAS",
        act(|world| world.say(gk(1), &[0xff, 0, 1, 2])),
    ));
    all.push((
        "half an ARQ",
        act(|world| world.say(gk(1), &[0x27, 0x88, 0, 8])),
    ));
    all
}

fn others() -> Vec<(&'static str, Act)> {
    vec![
        (
            "time",
            act(|world| {
                if let Some(due) = world.agents.next_due() {
                    world.now = due;
                    world.input(Input::Due);
                }
            }),
        ),
        ("early", act(|world| world.input(Input::Due))),
        (
            "connection lost",
            act(|world| {
                if !world.connections.is_empty() {
                    world.lose(Loss::Silent);
                }
            }),
        ),
        (
            "another connection lost",
            act(|world| {
                let connection = rasline_core::agent::ConnectionId((u64::from(ME.0) << 32) + 999);
                world.input(Input::Lost {
                    connection,
                    why: Loss::Reset,
                });
            }),
        ),
        (
            "connected again",
            act(|world| {
                if let Some((connection, _)) = world.connections.first().copied() {
                    world.input(Input::Connected { connection });
                }
            }),
        ),
        (
            "reregister",
            act(|world| world.input(Input::Reregister { agent: ME })),
        ),
        (
            "configured the same",
            act(|world| world.input(Input::Configure(vec![two()]))),
        ),
        (
            "other devices",
            act(|world| {
                let mut config = two();
                config.devices.pop();
                world.input(Input::Configure(vec![config]));
            }),
        ),
        (
            "other gatekeepers",
            act(|world| {
                let gatekeepers = config(&[3]).gatekeepers;
                world.input(Input::Configure(vec![Config {
                    gatekeepers,
                    ..two()
                }]));
            }),
        ),
        (
            "not configured",
            act(|world| world.input(Input::Configure(vec![]))),
        ),
        ("stopped", act(|world| world.input(Input::Stop))),
        (
            "restored",
            act(|world| {
                world.input(Input::Restore(Remembered {
                    name: "site".into(),
                    gatekeeper: Some(gk(2)),
                    endpoint_identifier: Some("0002_ep".into()),
                    alternates: vec![],
                }));
            }),
        ),
        (
            "time is known",
            act(|world| world.input(Input::WallClock { unix_at_zero: 1 })),
        ),
    ]
}

#[test]
fn every_state_and_every_input() {
    let mut found = String::new();
    for (name, act) in answers().into_iter().chain(requests()).chain(others()) {
        found += name;
        found.push('\n');
        for state in STATES {
            let mut world = in_state(state);
            let (sent, connects) = (world.sent.len(), world.connects.len());
            let open: Vec<u64> = world.connections.iter().map(|(id, _)| id.0).collect();
            act(&mut world);
            let cell = cell(&world, sent, connects, &open);
            found.extend(["  ", state, ": ", &cell, "\n"]);
        }
    }
    let expected = include_str!("table.txt");
    for (line, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "line {}", line + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{found}");
}

/// It has no constructor: the octets of an RRJ with that reason, and nothing in it.
fn invalid_terminal_aliases() -> Why {
    let rrj = [
        0x14, 0x80, 0, 10, 6, 0, 8, 0x91, 0x4a, 0, 6, 0x86, 1, 0, 4, 0, 0x67, 0, 0x6b, 0, 0x31,
    ];
    match decode_ras(&rrj).unwrap() {
        RasMessage::RegistrationReject(rrj) => rrj.reject_reason,
        other => panic!("{other:?}"),
    }
}
