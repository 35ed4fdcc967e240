//! `rasline capture`: what the data path saw and decided; on a terminal one line per message, else pcapng with the
//! verdict as each packet's comment.

mod frame;
mod line;

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, BufWriter, IsTerminal as _, Write},
    net::IpAddr,
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

use rasline_abi::Counter;

use self::frame::addresses;
use super::table;
use crate::{
    config::Config,
    failure::{Failure, Result},
    host::{self, lock, monotonic_ns},
    offline::{self, Capture, Captured},
    printable::escape,
    suggest::did_you_mean,
};

/// Nanoseconds, as a power of ten (if_tsresol).
const NANOSECONDS: u8 = 9;

/// Options of `rasline capture`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Options {
    /// File to write; "-" is the standard output.
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    write: PathBuf,
    /// Capture only what endpoints of this zone send or receive.
    #[arg(long)]
    zone: Option<String>,
    /// Format of the output; by default lines on a terminal, pcapng to a file or pipe.
    #[arg(long, value_enum)]
    format: Option<Form>,
    /// Include the answers to rasline's own probes.
    #[arg(long)]
    probes: bool,
    /// Capture only frames received on this interface.
    #[arg(long)]
    interface: Option<String>,
    /// Stop after N frames.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Stop after this time, such as "30s".
    #[arg(long, value_name = "TIME", value_parser = crate::config::parse_duration)]
    duration: Option<Duration>,
    /// Capture at most N octets of each frame.
    #[arg(long, value_name = "N", default_value_t = Capture::MAX,
          value_parser = clap::value_parser!(u32).range(64..=i64::from(Capture::MAX)))]
    snaplen: u32,
}

/// Format of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// One line per message.
    Lines,
    /// pcapng, for tshark and Wireshark.
    Pcapng,
}

pub(super) fn run(config: &Config, options: &Options) -> Result<()> {
    let _lock = only_one(&offline::capture_lock(&config.daemon))?;
    let wanted = Wanted::new(config, options)?;
    let out = Output::open(&options.write, options.format, options.snaplen)?;
    let capture = Capture::begin(&config.daemon.bpffs, options.snaplen)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::plain("tokio", e))?;
    let written = runtime.block_on(follow(capture, &wanted, options, out))?;
    table::say(&format!("{written} frames written"));
    Ok(())
}

/// Takes the lock of this capture. The controller tests the lock at times, and holds it only for a moment then.
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
            format!("another capture is running, or {}: {}", e.thing, e.cause),
            "end the other capture, or run this one as root",
        )
    })
}

/// Selects the frames to write.
struct Wanted {
    interface: Option<u32>,
    prefixes: Option<Vec<ipnet::IpNet>>,
    /// rasline's own addresses: an answer to one of them and to no endpoint is an answer to a probe.
    own: HashSet<IpAddr>,
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
            own: if options.probes {
                HashSet::new()
            } else {
                host::own::addresses()
            },
        })
    }

    fn has(&self, frame: &Captured) -> bool {
        let interface = self.interface.is_none_or(|i| i == frame.ifindex);
        let probe = frame.verdict.0 == Counter::PassNoEndpoint.name()
            && addresses(&frame.octets).is_some_and(|[_, to]| self.own.contains(&to));
        interface
            && !probe
            && self.prefixes.as_ref().is_none_or(|prefixes| {
                addresses(&frame.octets)
                    .is_some_and(|ends| prefixes.iter().any(|p| ends.iter().any(|a| p.contains(a))))
            })
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

/// Writes frames to the output.
enum Writer {
    Lines(BufWriter<Box<dyn Write>>),
    Pcapng(PcapNgWriter<BufWriter<Box<dyn Write>>>),
}

/// The file, pipe or terminal.
struct Output {
    path: PathBuf,
    writer: Writer,
    snaplen: u32,
    /// ifindex to the file's interface number.
    interfaces: HashMap<u32, u32>,
    /// Added to CLOCK_MONOTONIC to get wall-clock time.
    offset: Duration,
    written: u64,
}

impl Output {
    fn open(path: &Path, form: Option<Form>, snaplen: u32) -> Result<Self> {
        let standard = path == Path::new("-");
        let usual = if standard && io::stdout().is_terminal() {
            Form::Lines
        } else {
            Form::Pcapng
        };
        let form = form.unwrap_or(usual);
        let inner: Box<dyn Write> = if standard {
            Box::new(io::stdout())
        } else {
            let file = File::create(path).map_err(|e| {
                Failure::new(
                    format!("file {}", path.display()),
                    e,
                    "name a writable file with --write",
                )
            })?;
            Box::new(file)
        };
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let inner = BufWriter::new(inner);
        let writer = match form {
            Form::Lines => Writer::Lines(inner),
            Form::Pcapng => {
                Writer::Pcapng(PcapNgWriter::new(inner).map_err(|e| cannot_write(path, &e))?)
            }
        };
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
        let time = self.offset + Duration::from_nanos(frame.time_ns);
        let writer = match &mut self.writer {
            Writer::Pcapng(writer) => writer,
            Writer::Lines(out) => {
                let name = host::link::name_of(frame.ifindex);
                let name = name.unwrap_or_else(|| format!("#{}", frame.ifindex));
                let line = line::of(frame, &name, time.as_secs_f64());
                writeln!(out, "{}", escape(&line)).map_err(|e| cannot_write(&self.path, &e))?;
                self.written += 1;
                return Ok(());
            }
        };
        let (name, help) = frame.verdict;
        let when = if frame.left {
            "as it left"
        } else {
            "as it came in"
        };
        let block = EnhancedPacketBlock {
            interface_id,
            timestamp: time,
            original_len: frame.frame_len,
            data: frame.octets.as_slice().into(),
            options: vec![EnhancedPacketOption::Comment(
                format!("{name}: {help} ({when})").into(),
            )],
        };
        writer
            .write_pcapng_block(block)
            .map_err(|e| cannot_write(&self.path, &e))?;
        self.written += 1;
        Ok(())
    }

    fn interface(&mut self, ifindex: u32) -> Result<u32> {
        if let Some(number) = self.interfaces.get(&ifindex) {
            return Ok(*number);
        }
        let Writer::Pcapng(writer) = &mut self.writer else {
            return Ok(0);
        };
        let name = host::link::name_of(ifindex).unwrap_or_else(|| format!("#{ifindex}"));
        let block = InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: self.snaplen,
            options: vec![
                InterfaceDescriptionOption::IfName(name.into()),
                InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
            ],
        };
        writer
            .write_pcapng_block(block)
            .map_err(|e| cannot_write(&self.path, &e))?;
        let number = self.interfaces.len() as u32;
        self.interfaces.insert(ifindex, number);
        Ok(number)
    }

    fn flush(&mut self) -> Result<()> {
        let flushed = match &mut self.writer {
            Writer::Lines(out) => out.flush(),
            Writer::Pcapng(writer) => writer.get_mut().flush(),
        };
        flushed.map_err(|e| Failure::plain(format!("file {}", self.path.display()), e))
    }

    fn end(mut self) -> Result<u64> {
        self.flush()?;
        Ok(self.written)
    }
}

fn cannot_write(path: &Path, e: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        format!("file {}", path.display()),
        e,
        "check that the disk is not full and the reader still runs",
    )
}
