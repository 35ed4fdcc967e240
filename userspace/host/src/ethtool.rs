//! Driver name and offloads of an interface (SIOCETHTOOL).

use std::{io, net::UdpSocket, os::fd::AsRawFd};

const SIOCETHTOOL: libc::Ioctl = 0x8946;
const GDRVINFO: u32 = 0x3;
const GGRO: u32 = 0x2b;
const GFLAGS: u32 = 0x25;
const GTXCSUM: u32 = 0x16;
const FLAG_LRO: u32 = 1 << 15;

/// `struct ifreq` with a pointer in its union.
#[repr(C)]
struct Request {
    name: [u8; 16],
    data: *mut libc::c_void,
    rest: [u8; 16],
}

#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// `struct ethtool_drvinfo`.
#[repr(C)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    rest: [u8; 160],
}

const _: () = assert!(size_of::<DriverInfo>() == 196 && size_of::<Request>() == 40);

/// Driver and offloads of an interface; `None` where ethtool gives no answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ethtool {
    /// Name of the driver.
    pub driver: Option<String>,
    /// Whether generic receive offload is on.
    pub gro: Option<bool>,
    /// Whether large receive offload is on.
    pub lro: Option<bool>,
    /// Whether the hardware computes transmit checksums.
    pub tx_checksum: Option<bool>,
}

/// Queries an interface.
#[must_use]
pub fn ask(interface: &str) -> Ethtool {
    let mut info = DriverInfo {
        command: GDRVINFO,
        driver: [0; 32],
        rest: [0; 160],
    };
    let driver = ioctl(interface, &mut info).ok().map(|()| {
        let text = String::from_utf8_lossy(&info.driver);
        text.trim_end_matches('\0').to_owned()
    });
    let value = |command| {
        let mut value = Value { command, data: 0 };
        ioctl(interface, &mut value).ok().map(|()| value.data)
    };
    Ethtool {
        driver,
        gro: value(GGRO).map(|v| v != 0),
        tx_checksum: value(GTXCSUM).map(|v| v != 0),
        lro: value(GFLAGS).map(|v| v & FLAG_LRO != 0),
    }
}

/// `T` is the structure that its own command asks the kernel to fill.
#[allow(unsafe_code)]
fn ioctl<T>(interface: &str, into: &mut T) -> io::Result<()> {
    if interface.len() > 15 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let socket = UdpSocket::bind("127.0.0.1:0").or_else(|_| UdpSocket::bind("[::]:0"))?;
    let mut request = Request {
        name: [0; 16],
        data: std::ptr::from_mut(into).cast(),
        rest: [0; 16],
    };
    request.name[..interface.len()].copy_from_slice(interface.as_bytes());
    // SAFETY: `request` is an ifreq whose data points to `into`, which is as large as what its command makes the
    // kernel write (the sizes are asserted above), and both live until the call returns.
    let done = unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            SIOCETHTOOL,
            std::ptr::from_mut(&mut request),
        )
    };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_interface_says_nothing() {
        assert_eq!(ask("rasline-none"), Ethtool::default());
    }
}
