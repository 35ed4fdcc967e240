//! What the kernel program stands against: the same work in userspace, by recvmmsg and sendmmsg, 64 datagrams at a
//! time: parse, look the keep-alive up by its octets without requestSeqNum, answer with the RCF.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow};
use rasline_testkit::Netns;

use crate::frames::{self, Rcfs};
use crate::sys;

const BATCH: usize = 64;
const OCTETS: usize = 512;
const BUFFER: libc::c_int = 64 << 20;
const WAKE_MICROS: i64 = 20_000;

/// Keep-alives (requestSeqNum zero, source address behind) and their RCFs.
pub type Known = HashMap<Vec<u8>, Vec<u8>>;

/// What the responder knows with so many registrations.
pub fn known(registrations: u32) -> Known {
    let known = (0..registrations).map(|index| {
        let (mut rrq, rcf) = (frames::rrq(index), frames::rcf(index, Rcfs::Shared));
        rrq[2..4].fill(0);
        rrq.extend(frames::source(index));
        (rrq, rcf)
    });
    known.collect()
}

/// The socket.
pub struct Responder {
    socket: UdpSocket,
}

impl Responder {
    /// Binds in a namespace.
    pub fn new(netns: &Netns, at: SocketAddrV4) -> Result<Self> {
        let socket = netns
            .run(|| bind(at))?
            .with_context(|| format!("binding to {at}"))?;
        Ok(Self { socket })
    }

    /// Answers on CPU `cpu` while `f` runs.
    pub fn while_running<T>(&self, cpu: usize, known: &Known, f: impl FnOnce() -> T) -> Result<T> {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| -> Result<()> {
                sys::pin(cpu)?;
                self.serve(known, &stop)
            });
            let done = f();
            stop.store(true, Ordering::Relaxed);
            serving
                .join()
                .map_err(|_| anyhow!("the userspace responder panicked"))??;
            Ok(done)
        })
    }

    fn serve(&self, known: &Known, stop: &AtomicBool) -> Result<()> {
        let mut batch = Batch::new();
        let mut key = vec![];
        while !stop.load(Ordering::Relaxed) {
            let received = batch.receive(&self.socket).context("recvmmsg")?;
            let mut answers = 0;
            for i in 0..received {
                if let Some(rcf) = answer(known, batch.message(i), batch.source(i), &mut key) {
                    batch.answer(answers, i, rcf);
                    answers += 1;
                }
            }
            batch.send(&self.socket, answers).context("sendmmsg")?;
        }
        Ok(())
    }
}

/// The RCF to a known keep-alive.
fn answer<'a>(
    known: &'a Known,
    message: &[u8],
    source: [u8; 4],
    key: &mut Vec<u8>,
) -> Option<&'a [u8]> {
    const RRQ: u8 = 3;
    if message.len() < 12 || message[0] & 0x80 != 0 || message[0] >> 2 != RRQ {
        return None;
    }
    key.clear();
    key.extend_from_slice(message);
    key[2..4].fill(0);
    key.extend_from_slice(&source);
    known.get(key).map(Vec::as_slice)
}

/// Sets up the socket; a receive wakes up now and then to see whether it is to stop.
#[allow(unsafe_code)]
fn bind(at: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(at)?;
    let fd = socket.as_raw_fd();
    let buffer = BUFFER;
    let wake = libc::timeval {
        tv_sec: 0,
        tv_usec: WAKE_MICROS,
    };
    // SAFETY: options with values of the right type, which outlive the calls.
    unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            (&raw const buffer).cast(),
            size_of_val(&buffer) as u32,
        );
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_RCVTIMEO,
            (&raw const wake).cast(),
            size_of_val(&wake) as u32,
        );
    }
    Ok(socket)
}

/// Buffers and headers of 64 datagrams in and out.
struct Batch {
    incoming: Box<[[u8; OCTETS]; BATCH]>,
    outgoing: Box<[[u8; OCTETS]; BATCH]>,
    lens: [usize; BATCH],
    sources: [libc::sockaddr_in; BATCH],
    answers: [(libc::sockaddr_in, usize); BATCH],
}

#[allow(unsafe_code)]
impl Batch {
    fn new() -> Self {
        // SAFETY: all zeros is a valid address.
        let none: libc::sockaddr_in = unsafe { std::mem::zeroed() };
        Self {
            incoming: Box::new([[0; OCTETS]; BATCH]),
            outgoing: Box::new([[0; OCTETS]; BATCH]),
            lens: [0; BATCH],
            sources: [none; BATCH],
            answers: [(none, 0); BATCH],
        }
    }

    fn message(&self, i: usize) -> &[u8] {
        &self.incoming[i][..self.lens[i]]
    }

    fn source(&self, i: usize) -> [u8; 4] {
        self.sources[i].sin_addr.s_addr.to_ne_bytes()
    }

    /// Puts the RCF to message `to` in place `at`.
    fn answer(&mut self, at: usize, to: usize, rcf: &[u8]) {
        let octets = &mut self.outgoing[at];
        octets[..rcf.len()].copy_from_slice(rcf);
        octets[2..4].copy_from_slice(&self.incoming[to][2..4]);
        self.answers[at] = (self.sources[to], rcf.len());
    }

    /// Datagrams received; 0: none for a while.
    fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        let mut parts: [libc::iovec; BATCH] = std::array::from_fn(|i| libc::iovec {
            iov_base: self.incoming[i].as_mut_ptr().cast(),
            iov_len: OCTETS,
        });
        let mut headers: [libc::mmsghdr; BATCH] =
            std::array::from_fn(|i| header(&mut self.sources[i], &mut parts[i]));
        // SAFETY: headers with one buffer and one address each, all of which outlive the call.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_WAITFORONE,
                std::ptr::null_mut(),
            )
        };
        if received < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
                _ => Err(error),
            };
        }
        for (len, header) in self.lens.iter_mut().zip(&headers) {
            *len = header.msg_len as usize;
        }
        Ok(received.cast_unsigned() as usize)
    }

    /// Sends the first `count` answers.
    fn send(&mut self, socket: &UdpSocket, count: usize) -> io::Result<()> {
        let mut parts: [libc::iovec; BATCH] = std::array::from_fn(|i| libc::iovec {
            iov_base: self.outgoing[i].as_mut_ptr().cast(),
            iov_len: self.answers[i].1,
        });
        let mut headers: [libc::mmsghdr; BATCH] =
            std::array::from_fn(|i| header(&mut self.answers[i].0, &mut parts[i]));
        let mut sent = 0;
        while sent < count {
            // SAFETY: as for `receive`; `sent..count` lies within the headers.
            let more = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    headers.as_mut_ptr().add(sent),
                    (count - sent) as u32,
                    0,
                )
            };
            if more < 0 {
                return Err(io::Error::last_os_error());
            }
            sent += more.cast_unsigned() as usize;
        }
        Ok(())
    }
}

#[allow(unsafe_code)]
fn header(address: &mut libc::sockaddr_in, part: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all zeros is a valid header without anything.
    let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
    header.msg_hdr.msg_name = (&raw mut *address).cast();
    header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
    header.msg_hdr.msg_iov = &raw mut *part;
    header.msg_hdr.msg_iovlen = 1;
    header
}
