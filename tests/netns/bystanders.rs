//! What is no RAS of a zone goes through the gateway byte for byte.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use rasline_testkit::{Controller, Gateway, Settings, topology};

use crate::scene::{SOON, ras};

/// Sends every datagram back to where it came from.
struct Echo {
    address: SocketAddr,
    socket: UdpSocket,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    fn start(net: &Gateway, address: SocketAddr) -> Self {
        let socket = net
            .gatekeepers
            .run(|| UdpSocket::bind(address))
            .unwrap()
            .unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (end, ours) = (Arc::clone(&stop), socket.try_clone().unwrap());
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok((n, from)) = ours.recv_from(&mut buffer) {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let _ = ours.send_to(&buffer[..n], from);
            }
        });
        Self {
            address,
            socket,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = self.socket.send_to(&[0], self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Octets that look random and are the same in every run.
fn octets(seed: u32, len: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(2_654_435_761) | 1;
    let next = move || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

fn scene() -> (Controller, Gateway) {
    let net = Gateway::new().unwrap();
    let settings = Settings {
        endpoint_ttl: Some("2s"),
        gatekeepers: vec![topology::GATEKEEPER, topology::GATEKEEPER_V6],
        ..Settings::default()
    };
    (Controller::start(&net, &settings).unwrap(), net)
}

fn there_and_back(net: &Gateway, from: SocketAddr, to: SocketAddr, datagrams: &[Vec<u8>]) {
    let socket = net
        .endpoints
        .run(|| UdpSocket::bind(from))
        .unwrap()
        .unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let mut buffer = vec![0; 65_536];
    for datagram in datagrams {
        socket.send_to(datagram, to).unwrap();
        let (n, by) = socket.recv_from(&mut buffer).unwrap();
        assert_eq!(by, to);
        assert!(buffer[..n] == datagram[..], "{} octets", datagram.len());
    }
}

#[test]
fn udp_of_others() {
    let (_controller, net) = scene();
    let lengths = [0, 1, 2, 11, 12, 13, 63, 64, 65, 480, 512, 513, 1400, 1472];
    let datagrams: Vec<_> = (1..).zip(lengths).map(|(i, n)| octets(i, n)).collect();
    for (from, to) in [
        (topology::endpoint(1), topology::GATEKEEPER),
        (topology::endpoint_v6(1), topology::GATEKEEPER_V6),
    ] {
        let to = SocketAddr::new(to, 5000);
        let _echo = Echo::start(&net, to);
        there_and_back(&net, SocketAddr::new(from, 6000), to, &datagrams);
    }
    // The RAS port of an address that is nobody's gatekeeper.
    let to = ras(topology::GATEKEEPER_2);
    let _echo = Echo::start(&net, to);
    there_and_back(&net, ras(topology::endpoint(1)), to, &datagrams);
}

#[test]
fn nonsense_to_a_ras_port() {
    let (_controller, net) = scene();
    // Every first octet but RCF's, which with endpoint_ttl would be the controller's to send on.
    let nonsense: Vec<Vec<u8>> = (0..=255u8)
        .filter(|first| first >> 2 != 4)
        .map(|first| {
            let mut datagram = octets(u32::from(first) + 1, 40 + usize::from(first));
            datagram[0] = first;
            datagram
        })
        .collect();
    for (from, to) in [
        (topology::endpoint(1), topology::GATEKEEPER),
        (topology::endpoint_v6(1), topology::GATEKEEPER_V6),
    ] {
        let _echo = Echo::start(&net, ras(to));
        there_and_back(&net, ras(from), ras(to), &nonsense);
    }
}

#[test]
fn fragments_on_a_ras_port() {
    let (controller, net) = scene();
    let mut datagrams: Vec<_> = (1..)
        .zip([1473, 1500, 2000, 4000, 9000])
        .map(|(i, n)| octets(i, n))
        .collect();
    for datagram in &mut datagrams {
        datagram[0] = 0x0e;
    }
    for (from, to) in [
        (topology::endpoint(1), topology::GATEKEEPER),
        (topology::endpoint_v6(1), topology::GATEKEEPER_V6),
    ] {
        let _echo = Echo::start(&net, ras(to));
        there_and_back(&net, ras(from), ras(to), &datagrams);
    }
    let counters = controller.text(&["counters"]).unwrap();
    assert!(counters.contains("pass_shape"), "{counters}");
}

#[test]
fn tcp() {
    let (_controller, net) = scene();
    let sent = octets(7, 3 << 20);
    for (from, to) in [
        (topology::endpoint(1), topology::GATEKEEPER),
        (topology::endpoint_v6(1), topology::GATEKEEPER_V6),
    ] {
        for port in [1720, 8080] {
            let to = SocketAddr::new(to, port);
            let listener = net
                .gatekeepers
                .run(|| TcpListener::bind(to))
                .unwrap()
                .unwrap();
            let server = std::thread::spawn(move || {
                let (mut stream, by) = listener.accept().unwrap();
                let mut all = Vec::new();
                stream.read_to_end(&mut all).unwrap();
                stream.write_all(&all).unwrap();
                by.ip()
            });
            let mut stream = net
                .endpoints
                .run(|| {
                    let kind = socket2::Type::STREAM;
                    let socket =
                        socket2::Socket::new(socket2::Domain::for_address(to), kind, None)?;
                    socket.bind(&SocketAddr::new(from, 0).into())?;
                    socket.connect_timeout(&to.into(), SOON)?;
                    std::io::Result::Ok(TcpStream::from(socket))
                })
                .unwrap()
                .unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            stream.write_all(&sent).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut back = Vec::new();
            stream.read_to_end(&mut back).unwrap();
            assert!(back == sent, "{} of {} octets", back.len(), sent.len());
            assert_eq!(server.join().unwrap(), from);
        }
    }
}
