//! Call signalling on TCP while its zone moves: connections stay where they are, or end so that the endpoint notices.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use rasline_testkit::{CallLine, Fleet, Seen, What, call::End, fleet, topology, wait};

use crate::{
    scene::{BRIEFLY, SOON, ras},
    site::{Plan, Site, admitted, call_port},
};

/// A connection with a call at the primary, which freezes; the zone has moved.
fn lost(plan: &Plan) -> (Site, CallLine) {
    let site = Site::new(plan);
    let mut endpoint = site.learned(1);
    let mut line = site.line(1, site.address(1));
    site.call(1, &mut line);
    site.gk(1).freeze().unwrap();
    site.moves_to(2, &mut endpoint);
    (site, line)
}

#[test]
fn the_next_segment_is_reset() {
    for (v6, offload) in [(false, false), (true, false), (false, true), (true, true)] {
        let plan = Plan {
            v6,
            offload,
            ..Plan::zone("on_loss = \"reset\"")
        };
        let (site, mut line) = lost(&plan);
        let capture = site.capture();
        let error = line.call("someone", SOON).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
        assert_eq!(site.counter("reset"), 1);
        // The endpoint connects again, at once.
        let mut again = site.line(1, site.address(1));
        site.call(2, &mut again);
        capture.finish().all_is_well(!offload).unwrap();
    }
}

#[test]
fn a_pinned_connection_is_left_alone() {
    let (site, mut line) = lost(&Plan::zone("on_loss = \"pin\""));
    let error = line.call("someone", BRIEFLY).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    assert_eq!(site.counter("reset"), 0);
    // What it sent waits for the primary, which goes on where it was.
    site.gk(1).thaw().unwrap();
    let answers = line.answers(SOON).unwrap();
    assert_eq!(crate::site::kinds(&answers).len(), 3);
    site.call(1, &mut line);
}

#[test]
fn a_connection_through_the_service_address_stays() {
    let plan = Plan::zone(&format!("service_address = [\"{}\"]", topology::SERVICE));
    let site = Site::new(&plan);
    let mut endpoint = site.learned_at(1, topology::SERVICE);
    let mut line = site.line(1, topology::SERVICE);
    site.call(1, &mut line);
    site.gk(2).kill();
    site.call(1, &mut line);
    endpoint.stay(SOON).unwrap();
    site.gk(1).freeze().unwrap();
    site.restart(2);
    site.moves_to(2, &mut endpoint);
    let error = line.call("someone", SOON).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    let mut again = site.line_to(2, 1, topology::SERVICE);
    site.call(2, &mut again);
}

/// A connection that was steered is one like others: many calls, an end from either side.
#[test]
fn a_steered_connection_is_a_connection() {
    for v6 in [false, true] {
        let plan = Plan {
            v6,
            ..Plan::default()
        };
        let site = Site::new(&plan);
        let mut endpoint = site.learned(1);
        site.gk(1).freeze().unwrap();
        site.moves_to(2, &mut endpoint);
        let capture = site.capture();
        let mut first = site.line(1, site.address(1));
        let mut second = site.line(2, site.address(1));
        for _ in 0..30 {
            site.call(2, &mut first);
            first.release().unwrap();
            site.call(2, &mut second);
        }
        let from = first.local();
        drop(first);
        let ended = |s: &Seen| s.what == What::Disconnected && s.from == from;
        site.gk(2).await_seen(1, SOON, ended).unwrap();
        site.gk(2).kill();
        assert_eq!(second.end(SOON).unwrap(), End::Closed);
        capture.finish().all_is_well(true).unwrap();
        assert!(site.counter("redirect") > 0);
    }
}

/// Nobody answered the SYN; the one that is sent again goes to the backup.
#[test]
fn a_connection_that_was_being_opened_is_opened_there() {
    let site = Site::new(&Plan::default());
    let mut endpoint = site.learned(1);
    site.net.hosts[0].unplug().unwrap();
    let mut line = std::thread::scope(|scope| {
        let line = scope.spawn(|| site.line(2, site.address(1)));
        site.moves_to(2, &mut endpoint);
        line.join().unwrap()
    });
    site.call(2, &mut line);
}

/// More flows than there is room for: the oldest go, and what they carried finds its way again.
#[test]
fn a_small_flow_table() {
    let mut plan = Plan::zone("migrate_rate = 0");
    plan.settings.daemon = "max_registrations = 4096\nflows = 1024".into();
    let site = Site::new(&plan);
    let mut endpoint = site.learned(5000);
    site.gk(1).freeze().unwrap();
    site.moves_to(2, &mut endpoint);
    let many = fleet::Options::new(700, ras(site.address(1)));
    let fleet = Fleet::start(&site.net.endpoints, &many).unwrap();
    fleet.await_registered(SOON * 6).unwrap();
    // A flow may go between a question and its answer, which then comes from the backup's own address.
    wait::until_true("an answer from the address that was asked", SOON, || {
        Ok(admitted(&mut endpoint).from.ip() == site.address(1))
    })
    .unwrap();
    drop(fleet);
    let mut line = site.line(1, site.address(1));
    site.call(2, &mut line);
}

/// An endpoint that the gatekeeper called: the connection, and the gatekeeper's end of it.
fn called(site: &Site, gatekeeper: usize, endpoint: u16) -> (TcpStream, TcpStream) {
    let at = call_port(site.endpoint_address(endpoint));
    let listener = site.net.endpoints.run(|| TcpListener::bind(at)).unwrap();
    let listener = listener.unwrap();
    let host = &site.net.hosts[gatekeeper - 1].netns;
    let theirs = host.run(|| TcpStream::connect_timeout(&at, SOON)).unwrap();
    let mut theirs = theirs.unwrap();
    let (mut ours, _) = listener.accept().unwrap();
    // The gatekeeper's next acknowledgement shows the program that the connection is open.
    ours.write_all(b"connect").unwrap();
    let mut seven = [0; 7];
    theirs.read_exact(&mut seven).unwrap();
    theirs.write_all(b"thanks").unwrap();
    ours.read_exact(&mut seven[..6]).unwrap();
    (ours, theirs)
}

/// How a connection on which the endpoint sends nothing ends.
fn ended(stream: &mut TcpStream, within: Duration) -> Option<io::ErrorKind> {
    stream.set_read_timeout(Some(within)).unwrap();
    loop {
        match stream.read(&mut [0; 1]).unwrap_err().kind() {
            // A machine that was suspended interrupts what waits with a timeout.
            io::ErrorKind::Interrupted => {}
            io::ErrorKind::WouldBlock => return None,
            kind => return Some(kind),
        }
    }
}

#[test]
fn an_endpoint_that_was_called_and_is_silent_is_reset() {
    for v6 in [false, true] {
        let plan = Plan {
            v6,
            ..Plan::default()
        };
        let site = Site::new(&plan);
        let (mut ours, _theirs) = called(&site, 1, 1);
        let (mut other, _others) = called(&site, 2, 2);
        let mut endpoint = site.learned(1);
        site.gk(1).freeze().unwrap();
        let reset = Some(io::ErrorKind::ConnectionReset);
        assert_eq!(ended(&mut ours, SOON), reset);
        assert!(site.counter("reset") > 0);
        site.moves_to(2, &mut endpoint);
        // A living gatekeeper's connection goes on.
        assert_eq!(ended(&mut other, BRIEFLY), None);
    }
}

#[test]
fn a_silent_caller_through_the_service_address_is_reset() {
    let plan = Plan::zone(&format!("service_address = [\"{}\"]", topology::SERVICE));
    let site = Site::new(&plan);
    let mut endpoint = site.learned_at(1, topology::SERVICE);
    let mut line = site.line(1, topology::SERVICE);
    site.call(1, &mut line);
    site.gk(1).freeze().unwrap();
    assert_eq!(line.end(SOON).unwrap(), End::Reset);
    site.moves_to(2, &mut endpoint);
}

#[test]
fn a_pinned_connection_of_a_silent_endpoint_is_left_alone() {
    let site = Site::new(&Plan::zone("on_loss = \"pin\""));
    let (mut ours, mut theirs) = called(&site, 1, 1);
    let mut endpoint = site.learned(1);
    site.gk(1).freeze().unwrap();
    site.moves_to(2, &mut endpoint);
    assert_eq!(ended(&mut ours, BRIEFLY), None);
    theirs.write_all(b"!").unwrap();
    ours.read_exact(&mut [0; 1]).unwrap();
    assert_eq!(site.counter("reset"), 0);
}
