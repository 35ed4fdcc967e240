//! A two-instruction XDP_PASS program by raw bpf(2): XDP_TX over veth needs a program on the peer, and tests need a
//! program of someone else's.

use std::{
    ffi::CString,
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    path::Path,
};

use anyhow::{Context, Result, ensure};

use crate::Netns;

const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_OBJ_PIN: libc::c_long = 6;
const BPF_LINK_CREATE: libc::c_long = 28;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_XDP: u32 = 37;
const BPF_F_XDP_HAS_FRAGS: u32 = 1 << 5;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;
/// `r0 = 2 (XDP_PASS); exit`.
const PASS: [u64; 2] = [0x0000_0002_0000_00b7, 0x0000_0000_0000_0095];

#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log: [u32; 4],
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
}

#[repr(C)]
struct LinkCreate {
    prog_fd: u32,
    target_ifindex: u32,
    attach_type: u32,
    flags: u32,
}

#[repr(C)]
struct ObjPin {
    pathname: u64,
    bpf_fd: u32,
    file_flags: u32,
}

/// Keeps the program attached while it lives.
#[derive(Debug)]
pub struct Attached {
    link: OwnedFd,
}

impl Attached {
    /// Keeps it attached until `path`, which must lie in a bpffs, is removed.
    ///
    /// # Errors
    /// When there is something at `path`, or it is in no bpffs.
    pub fn pin(&self, path: &Path) -> Result<()> {
        let name = CString::new(path.as_os_str().as_encoded_bytes())?;
        let attributes = ObjPin {
            pathname: name.as_ptr() as u64,
            bpf_fd: self.link.as_raw_fd().cast_unsigned(),
            file_flags: 0,
        };
        bpf(BPF_OBJ_PIN, &attributes)
            .map(drop)
            .with_context(|| format!("pinning to {}", path.display()))
    }
}

/// Attaches a program called `name` that passes everything, in native mode.
///
/// # Errors
/// When the interface is missing or carries a program already.
pub fn attach_pass(netns: &Netns, interface: &str, name: &str) -> Result<Attached> {
    let link = netns
        .run(|| -> io::Result<OwnedFd> {
            let program = load(name)?;
            link(&program, index(interface)?)
        })?
        .with_context(|| format!("attaching XDP_PASS to {interface}"))?;
    Ok(Attached { link })
}

/// Turns off transmit checksum offload (ETHTOOL_STXCSUM): on veth an XDP program would see unfinished checksums.
///
/// # Errors
/// When the interface is missing or cannot.
pub fn no_checksum_offload(netns: &Netns, interface: &str) -> Result<()> {
    const SIOCETHTOOL: libc::c_ulong = 0x8946;
    const ETHTOOL_STXCSUM: u32 = 0x17;
    ensure!(interface.len() < 16, "{interface} is too long a name");
    netns
        .run(|| {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
            let mut value = [ETHTOOL_STXCSUM, 0];
            let mut request = [0u8; 40]; // struct ifreq
            request[..interface.len()].copy_from_slice(interface.as_bytes());
            request[16..24].copy_from_slice(&(value.as_mut_ptr() as usize).to_ne_bytes());
            // SAFETY: `request` is an ifreq whose name is terminated and whose data points to `value`, which the kernel
            // reads as a struct ethtool_value; both outlive the call.
            #[allow(unsafe_code)]
            let done =
                unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, request.as_mut_ptr()) };
            if done < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        })?
        .with_context(|| format!("turning off checksum offload of {interface}"))
}

fn load(name: &str) -> io::Result<OwnedFd> {
    let license = c"GPL";
    let mut prog_name = [0; 16];
    let n = name.len().min(15);
    prog_name[..n].copy_from_slice(&name.as_bytes()[..n]);
    descriptor(
        BPF_PROG_LOAD,
        &ProgLoad {
            prog_type: BPF_PROG_TYPE_XDP,
            insn_cnt: PASS.len() as u32,
            insns: PASS.as_ptr() as u64,
            license: license.as_ptr() as u64,
            log: [0; 4],
            kern_version: 0,
            prog_flags: BPF_F_XDP_HAS_FRAGS,
            prog_name,
            prog_ifindex: 0,
            expected_attach_type: BPF_XDP,
        },
    )
}

fn link(program: &OwnedFd, target_ifindex: u32) -> io::Result<OwnedFd> {
    descriptor(
        BPF_LINK_CREATE,
        &LinkCreate {
            prog_fd: program.as_raw_fd().cast_unsigned(),
            target_ifindex,
            attach_type: BPF_XDP,
            flags: XDP_FLAGS_DRV_MODE,
        },
    )
}

fn index(interface: &str) -> io::Result<u32> {
    let name = CString::new(interface)?;
    // SAFETY: `name` is a terminated string that outlives the call.
    #[allow(unsafe_code)]
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}

/// A bpf command; what it gives.
fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<i32> {
    // SAFETY: `attributes` has the kernel's layout for `command` and its size goes with it; pointers in it are to
    // memory that outlives the call. The kernel reads but does not write it for the commands used here.
    #[allow(unsafe_code)]
    let done = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            &raw const *attributes,
            size_of::<T>(),
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(done as i32)
}

/// A bpf command that gives a descriptor.
fn descriptor<T>(command: libc::c_long, attributes: &T) -> io::Result<OwnedFd> {
    let fd = bpf(command, attributes)?;
    // SAFETY: a descriptor that the kernel has just made, owned by nobody else.
    #[allow(unsafe_code)]
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
