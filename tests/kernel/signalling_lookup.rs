//! One listening socket for a range of ports of a local address, in a namespace.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rasline_kernel::SignallingLookup;
use rasline_testkit::Netns;

const ADDRESSES: [&str; 2] = ["127.0.0.1", "::1"];

/// A folder of pins that is removed in the end.
struct Pins(PathBuf);

impl Pins {
    fn new(name: &str) -> Self {
        let folder = format!("/sys/fs/bpf/rasline-lookup-{name}-{}", std::process::id());
        std::fs::create_dir(&folder).unwrap();
        Self(folder.into())
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        let _gone = rasline_kernel::pins::remove_all(&self.0);
        let _gone = std::fs::remove_dir(&self.0);
    }
}

/// Runs a test in a namespace of its own, with its folder of pins.
fn inside(name: &'static str, test: impl FnOnce(&Path) + Send) {
    let (netns, pins) = (Netns::new("lookup").unwrap(), Pins::new(name));
    netns.ip("link set lo up").unwrap();
    let folder = pins.path();
    netns.run(move || test(folder)).unwrap();
}

fn listener(address: IpAddr) -> TcpListener {
    TcpListener::bind((address, 0)).unwrap()
}

fn connect(address: IpAddr, port: u16) -> std::io::Result<TcpStream> {
    TcpStream::connect_timeout(&(address, port).into(), Duration::from_secs(2))
}

/// A connection to this port comes to the listener, and is one to the port dialled.
#[track_caller]
fn comes_to(listener: &TcpListener, address: IpAddr, port: u16) -> (TcpStream, TcpStream) {
    listener.set_nonblocking(true).unwrap();
    let mut dialled = connect(address, port).unwrap();
    let (mut accepted, from) = listener.accept().unwrap();
    accepted.set_nonblocking(false).unwrap();
    assert_eq!(
        accepted.local_addr().unwrap(),
        SocketAddr::from((address, port))
    );
    assert_eq!(from, dialled.local_addr().unwrap());
    talk(&mut dialled, &mut accepted);
    (dialled, accepted)
}

#[track_caller]
fn talk(one: &mut TcpStream, other: &mut TcpStream) {
    one.write_all(b"setup").unwrap();
    let mut octets = [0; 5];
    other.read_exact(&mut octets).unwrap();
    assert_eq!(&octets, b"setup");
}

#[track_caller]
fn refused(address: IpAddr, port: u16) {
    let kind = connect(address, port).unwrap_err().kind();
    assert_eq!(kind, std::io::ErrorKind::ConnectionRefused, "port {port}");
}

#[test]
fn any_port_of_the_range_comes_to_the_one_listener() {
    inside("range", |folder| {
        let mut lookup = SignallingLookup::attach(folder).unwrap();
        for address in ADDRESSES.map(|a| a.parse().unwrap()) {
            let listener = listener(address);
            lookup
                .set_listener(address, 20_000..=20_999, &listener)
                .unwrap();
            for port in [20_000, 20_001, 20_500, 20_999] {
                comes_to(&listener, address, port);
            }
            for port in [19_999, 21_000] {
                refused(address, port);
            }
        }
    });
}

#[test]
fn other_ports_addresses_and_udp_are_untouched() {
    inside("others", |folder| {
        let address = ADDRESSES[0].parse().unwrap();
        let (ours, other) = (
            listener(address),
            TcpListener::bind("127.0.0.1:30000").unwrap(),
        );
        let elsewhere = TcpListener::bind("127.0.0.2:20001").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:20001").unwrap();
        let mut lookup = SignallingLookup::attach(folder).unwrap();
        lookup
            .set_listener(address, 20_000..=20_999, &ours)
            .unwrap();
        comes_to(&other, address, 30_000);
        comes_to(&elsewhere, "127.0.0.2".parse().unwrap(), 20_001);
        refused(ADDRESSES[1].parse().unwrap(), 20_001);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"ras", "127.0.0.1:20001").unwrap();
        udp.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let mut octets = [0; 8];
        assert_eq!(udp.recv_from(&mut octets).unwrap().0, 3);
    });
}

#[test]
fn a_listener_can_be_replaced_and_removed() {
    inside("replaced", |folder| {
        let address = ADDRESSES[0].parse().unwrap();
        let (first, second) = (listener(address), listener(address));
        let mut lookup = SignallingLookup::attach(folder).unwrap();
        lookup
            .set_listener(address, 20_000..=20_999, &first)
            .unwrap();
        let (mut one, mut other) = comes_to(&first, address, 20_001);
        lookup
            .set_listener(address, 20_000..=20_099, &second)
            .unwrap();
        comes_to(&second, address, 20_001);
        refused(address, 20_100);
        drop(second);
        refused(address, 20_001);
        lookup.remove_listener(address).unwrap();
        lookup.remove_listener(address).unwrap();
        refused(address, 20_001);
        talk(&mut one, &mut other);
    });
}

#[test]
fn over_a_restart_no_connection_is_refused() {
    inside("restart", |folder| {
        let address = ADDRESSES[0].parse().unwrap();
        let listener = listener(address);
        let mut earlier = SignallingLookup::attach(folder).unwrap();
        earlier
            .set_listener(address, 20_000..=20_999, &listener)
            .unwrap();
        earlier.pin().unwrap();
        drop(earlier);
        comes_to(&listener, address, 20_001);
        let mut later = SignallingLookup::attach(folder).unwrap();
        // It knows no sockets yet, so the earlier one goes on.
        comes_to(&listener, address, 20_002);
        let newer = self::listener(address);
        later
            .set_listener(address, 20_000..=20_499, &newer)
            .unwrap();
        comes_to(&newer, address, 20_003);
        comes_to(&listener, address, 20_999);
        later.pin().unwrap();
        comes_to(&newer, address, 20_004);
        refused(address, 20_999);
        later.detach().unwrap();
        refused(address, 20_004);
    });
}

#[test]
fn without_a_pin_it_ends_with_its_owner() {
    inside("ends", |folder| {
        let address = ADDRESSES[0].parse().unwrap();
        let listener = listener(address);
        let mut lookup = SignallingLookup::attach(folder).unwrap();
        lookup
            .set_listener(address, 20_000..=20_999, &listener)
            .unwrap();
        comes_to(&listener, address, 20_001);
        drop(lookup);
        refused(address, 20_001);
    });
}
