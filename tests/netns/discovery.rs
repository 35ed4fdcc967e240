//! Gatekeepers that are looked for by multicast (GRQ to 224.0.1.41:1718, H.225.0 Table 17): by rasline's agent, and
//! rasline's own by endpoints.

use std::net::SocketAddr;

use rasline_h225::{RasMessage, messages::Grq, text};
use rasline_testkit::{
    Capture, Controller, Endpoint, GatekeeperProcess, Gateway, GatewayOptions, Policy, Refuse,
    Seen, What, capture::Taken, topology,
};

use crate::{
    agent::{AgentSite, own_address, settings},
    own::{Own, registrar},
    scene::{SOON, ras},
};

const GROUP: &str = "224.0.1.41";

/// How a gatekeeper takes GRQs to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Confirms,
    Rejects,
    /// It is not in the group.
    Deaf,
}

/// gk1, gk2, ..., an agent that knows none of them, and a capture of what passes between them from the start.
fn looks_for(moods: &[Mood]) -> (AgentSite, Capture) {
    let net = Gateway::with(GatewayOptions {
        hosts: moods.len() as u8,
        ..GatewayOptions::default()
    })
    .unwrap();
    let gatekeepers = (moods.iter().zip(&net.hosts).zip(1..))
        .map(|((mood, host), n)| {
            let policy = Policy {
                name: format!("gk{n}"),
                eid_suffix: format!("gk{n}"),
                multicast: *mood != Mood::Deaf,
                refuse: (*mood == Mood::Rejects).then_some(Refuse::Everything),
                ..Policy::default()
            };
            GatekeeperProcess::start(&host.netns, ras(host.address()), policy).unwrap()
        })
        .collect();
    let capture = Capture::start(&net.gateway, topology::WAN).unwrap();
    let agent = format!(
        "\n[[agent]]\nname = \"gw\"\nras_address = \"{}\"\ndiscovery = \"multicast\"\nt1 = \"500ms\"\n\
         [[agent.device]]\naliases = [\"gw\", \"4400\"]\nprefixes = [\"44\"]\n",
        own_address()
    );
    let controller = Controller::start(&net, &settings(agent)).unwrap();
    let site = AgentSite {
        controller,
        gatekeepers,
        net,
    };
    (site, capture)
}

/// GRQs (0) and RRQs (3) of the agent, in order, each with where it went; repetitions left out.
fn asked(taken: &Taken) -> Vec<(String, String, String)> {
    taken.all_is_well(false).unwrap();
    let filter = format!("ip.src == {} && h225.RasMessage", own_address());
    let fields = ["h225.RasMessage", "ip.dst", "udp.dstport"];
    let rows = taken.fields(&filter, &fields).unwrap().into_iter();
    let rows = rows.filter(|row| ["0", "3"].contains(&row[0].as_str()));
    let mut all: Vec<_> = rows
        .map(|row| (row[0].clone(), row[1].clone(), row[2].clone()))
        .collect();
    all.dedup();
    all
}

fn request(kind: &str, to: &str, port: &str) -> (String, String, String) {
    (kind.into(), to.into(), port.into())
}

fn discovery(seen: &Seen) -> bool {
    seen.what == What::Discovery
}

#[test]
fn an_agent_registers_with_the_gatekeeper_that_confirms_its_multicast() {
    let (site, capture) = looks_for(&[Mood::Rejects, Mood::Confirms, Mood::Deaf]);
    let shown = site.await_at(2);
    assert_eq!(shown["gatekeeper_identifier"], "gk2");
    site.gk(1).await_seen(1, SOON, discovery).unwrap();
    assert_eq!(site.gk(3).log().unwrap().len(), 0);
    assert_eq!(
        asked(&capture.finish()),
        [
            request("0", GROUP, "1718"),
            request("3", "10.1.0.2", "1719")
        ]
    );
}

/// Two confirm: one of them gets the registration, and when that one is gone the other is found in the same way.
#[test]
fn of_two_that_confirm_the_other_is_found_later() {
    let (site, capture) = looks_for(&[Mood::Confirms, Mood::Confirms]);
    let shown = site.await_shown("the agent to be registered", |a| {
        a["registered"] == true && !a["connected_to"].is_null()
    });
    let first = if shown["gatekeeper"] == "10.1.0.1:1719" {
        1
    } else {
        2
    };
    let second = 3 - first;
    let full = |s: &Seen| s.what == What::FullRrq;
    site.await_at(first as u8);
    site.gk(second).await_seen(1, SOON, discovery).unwrap();
    assert_eq!(site.gk(second).count(full).unwrap(), 0);
    site.gk(first).kill();
    site.await_at(second as u8);
    let asked = asked(&capture.finish());
    let [one, other] = [first, second].map(|n| format!("10.1.0.{n}"));
    assert_eq!(
        asked[..2],
        [request("0", GROUP, "1718"), request("3", &one, "1719")]
    );
    // What it asks the one that is gone is its own affair.
    let last = &asked[asked.len() - 2..];
    assert_eq!(
        last,
        [request("0", GROUP, "1718"), request("3", &other, "1719")]
    );
}

/// rasline's own gatekeeper hears the group where its zone says so, and only a confirm is an answer.
#[test]
fn an_endpoint_finds_raslines_own_gatekeeper_by_multicast() {
    let own = Own::new(&registrar(""));
    let capture = Capture::start(&own.net.endpoints, "ep0").unwrap();
    let group: SocketAddr = format!("{GROUP}:1718").parse().unwrap();
    // The interface's own address: a multicast leaves where its sender's address is.
    let from = ras([10, 0, 0, 2].into());
    let names = ["ep1", "5001"];
    let mut seeker = Endpoint::new(&own.net.endpoints, from, group, &names).unwrap();
    let grq = |seq, identifier: Option<&str>| {
        let grq = Grq {
            gatekeeper_identifier: identifier.map(Into::into),
            ..Grq::new(seq, seeker.address())
        };
        grq.encode().unwrap()
    };
    // Off unless it is configured.
    seeker.send(&grq(900, None)).unwrap();
    let on = registrar("multicast = true");
    own.controller.place().write(&on).unwrap();
    own.controller.text(&["reload"]).unwrap();
    // Who looks for another one gets no answer, not even a reject.
    seeker.send(&grq(901, Some("another"))).unwrap();
    let reply = seeker.discover(SOON).unwrap();
    let RasMessage::GatekeeperConfirm(gcf) = reply.message().unwrap() else {
        panic!("{reply:?}")
    };
    let at = text::from_transport(&gcf.ras_address).unwrap();
    assert_eq!((at, reply.from), (ras(topology::SERVICE), at));
    let mut found = seeker.also_at(at, &names).unwrap();
    found.register(SOON).unwrap();
    own.kept_by_kernel(&mut found);
    let taken = capture.finish();
    taken.all_is_well(false).unwrap();
    let answers = taken.fields(
        "h225.RasMessage == 1 || h225.RasMessage == 2",
        &["h225.requestSeqNum"],
    );
    let answers = answers.unwrap();
    assert!(!answers.is_empty());
    for row in answers {
        assert_eq!(row, [seeker.seq().to_string()]);
    }
    // And no more, once it is off again.
    own.controller.place().write(&registrar("")).unwrap();
    own.controller.text(&["reload"]).unwrap();
    let error = seeker.discover(crate::scene::BRIEFLY).unwrap_err();
    assert!(error.to_string().contains("no answer to GRQ"), "{error}");
}
