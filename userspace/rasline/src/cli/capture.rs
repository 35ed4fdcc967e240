//! `rasline capture`: pcapng of what the data path saw and decided, the verdict as each packet's comment.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufWriter, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use pcap_file::{
    DataLink,
    pcapng::{
        PcapNgWriter,
        blocks::{
            enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption},
            interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption},
        },
    },
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep_until},
};

use super::table;
use crate::{
    bpf::{Capture, Captured},
    config::Config,
    failure::{Failure, Result},
    host::{self, lock, monotonic_ns},
    suggest::did_you_mean,
};

/// Nanoseconds, as a power of ten (if_tsresol).
const NANOSECONDS: u8 = 9;

/// What to capture.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Options {
    /// File to write; "-" is the standard output.
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    write: PathBuf,
    /// Only what this zone's endpoints send or get.
    #[arg(long)]
    zone: Option<String>,
    /// Only what came in by this interface.
    #[arg(long)]
    interface: Option<String>,
    /// Stop after N frames.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Stop after this time, such as "30s".
    #[arg(long, value_name = "TIME", value_parser = crate::config::parse_duration)]
    duration: Option<Duration>,
    /// Octets of each frame at most.
    #[arg(long, value_name = "N", default_value_t = Capture::MAX,
          value_parser = clap::value_parser!(u32).range(64..=i64::from(Capture::MAX)))]
    snaplen: u32,
}

/// The lock of a capture under way.
pub fn lock_path(config: &Config) -> PathBuf {
    config.daemon.state_dir.join("capture.lock")
}

pub(super) fn run(config: &Config, options: &Options) -> Result<()> {
    let _lock = only_one(&lock_path(config))?;
    let wanted = Wanted::new(config, options)?;
    let out = Output::open(&options.write, options.snaplen)?;
    let capture = Capture::begin(&config.daemon.bpffs, options.snaplen)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::plain("tokio", e))?;
    let written = runtime.block_on(follow(capture, &wanted, options, out))?;
    table::say(&format!("{written} frames written"));
    Ok(())
}

/// The lock of this capture. The controller looks at it now and then, which is over at once.
fn only_one(path: &Path) -> Result<lock::Lock> {
    for _ in 0..20 {
        if let Ok(lock) = lock::take(path) {
            return Ok(lock);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    lock::take(path).map_err(|e| {
        Failure::new(
            "capture",
            format!("another one is under way, or {}: {}", e.thing, e.cause),
            "end that one, or run this as root",
        )
    })
}

/// Which frames are wanted.
struct Wanted {
    interface: Option<u32>,
    prefixes: Option<Vec<ipnet::IpNet>>,
}

impl Wanted {
    fn new(config: &Config, options: &Options) -> Result<Self> {
        let prefixes = options.zone.as_ref().map(|name| {
            let zone = config.zones.iter().find(|z| z.name == *name);
            zone.map(|z| z.endpoints.clone()).ok_or_else(|| {
                let close = did_you_mean(name, config.zones.iter().map(|z| z.name.as_str()));
                Failure::new(
                    format!("zone {name}"),
                    "no such zone",
                    format!("{close}see `rasline zone list`"),
                )
            })
        });
        let interface = options.interface.as_ref().map(|name| {
            host::link::by_name(name)
                .map(|info| info.index)
                .map_err(|e| Failure::new(format!("interface {name}"), e, "see `ip link`"))
        });
        Ok(Self {
            interface: interface.transpose()?,
            prefixes: prefixes.transpose()?,
        })
    }

    fn has(&self, frame: &Captured) -> bool {
        let interface = self.interface.is_none_or(|i| i == frame.ifindex);
        interface
            && self.prefixes.as_ref().is_none_or(|prefixes| {
                addresses(&frame.octets)
                    .is_some_and(|ends| prefixes.iter().any(|p| ends.iter().any(|a| p.contains(a))))
            })
    }
}

/// Source and destination of an IP packet in an Ethernet frame with or without VLAN tags.
fn addresses(frame: &[u8]) -> Option<[IpAddr; 2]> {
    let mut at = 12;
    while matches!(frame.get(at..at + 2)?, [0x81, 0x00] | [0x88, 0xa8]) {
        at += 4;
    }
    let ip = frame.get(at + 2..)?;
    let v4 = |from: usize| {
        let octets: [u8; 4] = ip.get(from..from + 4)?.try_into().ok()?;
        Some(IpAddr::from(Ipv4Addr::from(octets)))
    };
    let v6 = |from: usize| {
        let octets: [u8; 16] = ip.get(from..from + 16)?.try_into().ok()?;
        Some(IpAddr::from(Ipv6Addr::from(octets)))
    };
    match frame.get(at..at + 2)? {
        [0x08, 0x00] => Some([v4(12)?, v4(16)?]),
        [0x86, 0xdd] => Some([v6(8)?, v6(24)?]),
        _ => None,
    }
}

async fn follow(
    capture: Capture,
    wanted: &Wanted,
    options: &Options,
    mut out: Output,
) -> Result<u64> {
    let failed = |e: io::Error| Failure::plain("capture", e);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    // SAFETY: the capture owns its descriptor, which stays the same and open for as long as it lives.
    #[allow(unsafe_code)]
    let mut capture = unsafe { AsyncFd::register_with_interest(capture, Interest::READABLE) }
        .map_err(|e| Failure::plain("capture", e))?;
    let end = options.duration.map(|d| Instant::now() + d);
    loop {
        tokio::select! {
            ready = capture.readable_mut() => {
                let mut ready = ready.map_err(failed)?;
                while let Some(frame) = ready.get_inner_mut().next_frame() {
                    if wanted.has(&frame) {
                        out.frame(&frame)?;
                    }
                    if options.count.is_some_and(|n| out.written >= n) {
                        return out.end();
                    }
                }
                out.flush()?;
                ready.clear_ready();
            }
            () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => break,
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    while let Some(frame) = capture.get_mut().next_frame() {
        if wanted.has(&frame) {
            out.frame(&frame)?;
        }
    }
    out.end()
}

/// The pcapng file.
struct Output {
    path: PathBuf,
    writer: PcapNgWriter<BufWriter<Box<dyn Write>>>,
    snaplen: u32,
    /// ifindex to the file's interface number.
    interfaces: HashMap<u32, u32>,
    /// What to add to CLOCK_MONOTONIC for wall-clock time.
    offset: Duration,
    written: u64,
}

impl Output {
    fn open(path: &Path, snaplen: u32) -> Result<Self> {
        let inner: Box<dyn Write> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            let file = File::create(path).map_err(|e| {
                Failure::new(
                    format!("file {}", path.display()),
                    e,
                    "name one that can be written with --write",
                )
            })?;
            Box::new(file)
        };
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let writer =
            PcapNgWriter::new(BufWriter::new(inner)).map_err(|e| cannot_write(path, &e))?;
        Ok(Self {
            path: path.to_owned(),
            writer,
            snaplen,
            interfaces: HashMap::new(),
            offset: wall.saturating_sub(Duration::from_nanos(monotonic_ns())),
            written: 0,
        })
    }

    fn frame(&mut self, frame: &Captured) -> Result<()> {
        let interface_id = self.interface(frame.ifindex)?;
        let (name, help) = frame.verdict;
        let when = if frame.left {
            "as it left"
        } else {
            "as it came in"
        };
        let block = EnhancedPacketBlock {
            interface_id,
            timestamp: self.offset + Duration::from_nanos(frame.time_ns),
            original_len: frame.frame_len,
            data: frame.octets.as_slice().into(),
            options: vec![EnhancedPacketOption::Comment(
                format!("{name}: {help} ({when})").into(),
            )],
        };
        self.writer
            .write_pcapng_block(block)
            .map_err(|e| cannot_write(&self.path, &e))?;
        self.written += 1;
        Ok(())
    }

    fn interface(&mut self, ifindex: u32) -> Result<u32> {
        if let Some(number) = self.interfaces.get(&ifindex) {
            return Ok(*number);
        }
        let name = host::link::name_of(ifindex).unwrap_or_else(|| format!("#{ifindex}"));
        let block = InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: self.snaplen,
            options: vec![
                InterfaceDescriptionOption::IfName(name.into()),
                InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
            ],
        };
        self.writer
            .write_pcapng_block(block)
            .map_err(|e| cannot_write(&self.path, &e))?;
        let number = self.interfaces.len() as u32;
        self.interfaces.insert(ifindex, number);
        Ok(number)
    }

    fn flush(&mut self) -> Result<()> {
        let flushed = self.writer.get_mut().flush();
        flushed.map_err(|e| Failure::plain(format!("file {}", self.path.display()), e))
    }

    fn end(mut self) -> Result<u64> {
        self.flush()?;
        Ok(self.written)
    }
}

fn cannot_write(path: &Path, e: &pcap_file::PcapError) -> Failure {
    Failure::new(
        format!("file {}", path.display()),
        e,
        "is the disk full, or the reader gone?",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_behind_tags() {
        let mut frame = vec![0; 12];
        frame.extend([0x81, 0, 0, 7, 8, 0, 0x45]);
        frame.extend([0; 11]);
        frame.extend([10, 0, 0, 7, 10, 1, 0, 1]);
        let ends = addresses(&frame).unwrap();
        assert_eq!(ends.map(|a| a.to_string()), ["10.0.0.7", "10.1.0.1"]);
        for len in 0..frame.len() {
            assert_eq!(addresses(&frame[..len]), None, "{len}");
        }
    }
}
