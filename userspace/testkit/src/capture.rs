//! Captures packets of an interface and decodes them with tshark.

use std::{
    ffi::CString,
    io::{self, Write},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::{Netns, oracle, pktinfo};

const RECEIVE_BUFFER: usize = 16 << 20;
const POLL: Duration = Duration::from_millis(20);
const ETHERNET: u32 = 1;
const SNAP_LENGTH: usize = 65_535;

/// A running capture; it ends with [`Capture::finish`].
#[derive(Debug)]
pub struct Capture {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Frame>>>,
}

#[derive(Clone, Debug)]
struct Frame {
    at: Duration,
    octets: Vec<u8>,
}

/// The frames of a capture.
#[derive(Clone, Debug)]
pub struct Taken {
    frames: Vec<Frame>,
}

impl Capture {
    /// Starts a capture of all frames in both directions.
    ///
    /// # Errors
    /// When there is no such interface.
    pub fn start(netns: &Netns, interface: &str) -> Result<Self> {
        let socket = netns
            .run(|| open(interface))?
            .with_context(|| format!("capturing on {interface}"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut frames = Vec::new();
            let mut buffer = vec![0; SNAP_LENGTH];
            loop {
                // Checked before reading, so that frames that arrived before the end are still read.
                let last = end.load(Ordering::SeqCst);
                match pktinfo::receive_any(&socket, &mut buffer) {
                    // The kernel's time stamp: this thread may have been waiting.
                    Ok((_, got)) => frames.push(Frame {
                        at: got.at.unwrap_or_else(now),
                        octets: buffer[..got.length].to_vec(),
                    }),
                    Err(_) if last => return frames,
                    Err(_) => {}
                }
            }
        });
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Ends the capture. Returns its frames.
    ///
    /// # Panics
    /// When the thread of the capture panicked.
    #[must_use]
    pub fn finish(mut self) -> Taken {
        self.stop.store(true, Ordering::SeqCst);
        let thread = self.thread.take().expect("finished once");
        Taken {
            frames: thread.join().expect("the capture goes on"),
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

impl Taken {
    /// The fields of tshark of each packet that passes its display filter; a field that occurs again is joined by
    /// commas.
    ///
    /// # Errors
    /// The error of tshark.
    pub fn fields(&self, filter: &str, fields: &[&str]) -> Result<Vec<Vec<String>>> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(&self.pcap())?;
        let mut tshark = Command::new("tshark");
        tshark.arg("-r").arg(file.path());
        for check in ["ip", "udp", "tcp"] {
            tshark.arg("-o").arg(format!("{check}.check_checksum:TRUE"));
        }
        tshark.args(["-Y", filter, "-T", "fields"]);
        for field in fields {
            tshark.args(["-e", field]);
        }
        let out = oracle::run(&mut tshark, &[])?;
        let lines = String::from_utf8_lossy(&out);
        let split = |line: &str| line.split('\t').map(str::to_owned).collect();
        Ok(lines.lines().map(split).collect())
    }

    /// Fails where tshark finds a packet malformed or, if they were finished, a checksum wrong.
    ///
    /// # Errors
    /// The first such packets.
    pub fn all_is_well(&self, checksums: bool) -> Result<()> {
        // Ones are zeros in ones' complement, and Linux writes them in TCP where no card sums (CSUM_MANGLED_0).
        let tcp = "(tcp.checksum.status == \"Bad\" && !(_ws.expert.message contains \"0xffff instead of 0x0000\"))";
        let sums =
            format!("ip.checksum.status == \"Bad\" || udp.checksum.status == \"Bad\" || {tcp}");
        let bad = if checksums {
            format!("_ws.malformed || {sums}")
        } else {
            "_ws.malformed".to_owned()
        };
        let says = [
            "frame.number",
            "_ws.col.Source",
            "_ws.col.Info",
            "_ws.expert.message",
        ];
        let mut found = self.fields(&bad, &says)?;
        found.truncate(5);
        anyhow::ensure!(found.is_empty(), "tshark finds these wrong: {found:?}");
        Ok(())
    }

    fn pcap(&self) -> Vec<u8> {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, SNAP_LENGTH as u32, ETHERNET] {
            file.extend(u32::to_le_bytes(word));
        }
        for frame in &self.frames {
            let length = frame.octets.len() as u32;
            let at = frame.at;
            for word in [at.as_secs() as u32, at.subsec_micros(), length, length] {
                file.extend(u32::to_le_bytes(word));
            }
            file.extend(&frame.octets);
        }
        file
    }
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn open(interface: &str) -> io::Result<Socket> {
    let protocol = (libc::ETH_P_ALL as u16).to_be();
    // Without a protocol it receives nothing before it is bound to its interface.
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_read_timeout(Some(POLL))?;
    pktinfo::ask_time(&socket)?;
    let name = CString::new(interface)?;
    // SAFETY: `name` is a terminated string that outlives the call.
    #[allow(unsafe_code)]
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the storage is large enough for any address and zeroed; it is written as a sockaddr_ll, with its length.
    #[allow(unsafe_code)]
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = libc::AF_PACKET as u16;
            (*link).sll_protocol = protocol;
            (*link).sll_ifindex = index.cast_signed();
            *length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            Ok(())
        })?
    };
    socket.bind(&address)?;
    Ok(socket)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A SYN whose checksum is 0x0000 when it is right, with this one instead.
    fn syn(checksum: u16) -> Taken {
        let mut octets = vec![0; 14 + 20 + 20];
        octets[12..14].copy_from_slice(&[8, 0]);
        let ip = [
            0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0x66, 0xce, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        octets[14..34].copy_from_slice(&ip);
        let tcp = [
            0x40, 0, 0x06, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0,
        ];
        octets[34..54].copy_from_slice(&tcp);
        // Pseudo header (addresses, protocol, length) and the rest; the window makes it all ones.
        let words = octets[26..54].chunks(2);
        let sum: u32 = words
            .map(|two| u32::from(u16::from_be_bytes([two[0], two[1]])))
            .sum();
        let sum = sum + 6 + 20;
        let folded = (sum & 0xffff) + (sum >> 16);
        octets[48..50].copy_from_slice(&(0xffff - folded as u16).to_be_bytes());
        octets[50..52].copy_from_slice(&checksum.to_be_bytes());
        Taken {
            frames: vec![Frame {
                at: Duration::from_secs(1),
                octets,
            }],
        }
    }

    #[test]
    fn a_checksum_of_ones_is_one_of_zeros() {
        syn(0).all_is_well(true).unwrap();
        syn(0xffff).all_is_well(true).unwrap();
        assert!(syn(1).all_is_well(true).is_err());
        syn(1).all_is_well(false).unwrap();
    }
}
