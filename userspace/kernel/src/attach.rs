//! Attaches the program to interfaces, and says why it cannot.

use std::{io, path::Path};

use aya::programs::{
    ProgramError, Xdp, XdpError,
    links::{FdLink, PinnedLink},
    xdp::{XdpLink, XdpMode as Mode},
};
use rasline_abi::ABI_VERSION;
use rasline_host::{
    failure::{Failure, Result, chain},
    interface::{Interface, XdpMode},
    link::{self, LinkInfo, Sight},
};

use crate::pins::{self, Pin};

/// Attaches and pins the link.
pub(crate) fn attach(
    program: &mut Xdp,
    interface: &Interface,
    folder: &Path,
) -> Result<(LinkInfo, FdLink)> {
    let thing = || format!("interface {}", interface.name);
    let info = look_up(&interface.name)?;
    refuse_headless(interface, &info)?;
    let mode = match interface.xdp_mode {
        XdpMode::Native => Mode::Driver,
        XdpMode::Generic => Mode::Skb,
    };
    let id = program
        .attach_to_if_index(info.index, mode)
        .map_err(|e| explain(interface, &info, &e))?;
    let owned = program
        .take_link(id)
        .map_err(|e| Failure::plain(thing(), chain(&e)))?;
    let link = FdLink::try_from(owned).map_err(|e| {
        Failure::new(
            thing(),
            chain(&e),
            "this kernel has no BPF links for XDP; take 5.18 or newer",
        )
    })?;
    let path = pins::link_path(folder, &interface.name);
    let pinned = link
        .pin(&path)
        .map_err(|e| Failure::plain(format!("pin {}", path.display()), chain(&e)))?;
    Ok((info, pinned.into()))
}

/// Puts the program in the place of the one that a pinned link attaches. No packet meets neither.
pub(crate) fn swap(program: &mut Xdp, pin: &Pin) -> Result<FdLink> {
    let thing = || format!("interface {}", pin.interface);
    let refused = |e: &dyn std::error::Error| {
        Failure::new(
            thing(),
            format!(
                "the link pinned at {} does not take the program of ABI version {ABI_VERSION}: {}",
                pin.path.display(),
                chain(e)
            ),
            format!(
                "the old program goes on; to end it, remove the pin (rm {}) and start again",
                pin.path.display()
            ),
        )
    };
    let link = PinnedLink::from_pin(&pin.path).map_err(|e| refused(&e))?;
    let link = XdpLink::try_from(FdLink::from(link)).map_err(|e| refused(&e))?;
    let id = program.attach_to_link(link).map_err(|e| refused(&e))?;
    let link = program.take_link(id).map_err(|e| refused(&e))?;
    FdLink::try_from(link).map_err(|e| refused(&e))
}

/// Refuses an interface that can never be attached to as it is: one that carries a program of someone else, one without
/// Ethernet headers. One that is not there is waited for.
pub(crate) fn refuse_unfit(interface: &Interface, ours: &[Pin]) -> Result<()> {
    let thing = format!("interface {}", interface.name);
    match link::look(&interface.name) {
        Sight::Absent => Ok(()),
        Sight::Unseen(e) => Err(Failure::plain(thing, e)),
        Sight::Here(info) => {
            refuse_headless(interface, &info)?;
            if info.program == 0 || ours.iter().any(|pin| pin.program == info.program) {
                return Ok(());
            }
            let (cause, next) = foreign(interface, &info);
            Err(Failure::new(thing, cause, next))
        }
    }
}

/// The program reads Ethernet headers; where there are none it would take every packet for something else.
fn refuse_headless(interface: &Interface, info: &LinkInfo) -> Result<()> {
    if info.has_ethernet() {
        return Ok(());
    }
    Err(Failure::new(
        format!("interface {}", interface.name),
        format!(
            "its packets have no Ethernet header ({}), so the program cannot read them",
            info.kind_name()
        ),
        "name Ethernet interfaces (also VLAN, bond, bridge, veth); end the tunnel on another router",
    ))
}

fn foreign(interface: &Interface, info: &LinkInfo) -> (String, String) {
    (
        format!(
            "carries another XDP program already ({})",
            pins::describe_program(info.program)
        ),
        format!(
            "stop its owner, or take it off: ip link set dev {} xdp off (a pinned link: remove its pin)",
            interface.name
        ),
    )
}

/// An interface of this network namespace.
pub(crate) fn look_up(name: &str) -> Result<LinkInfo> {
    link::by_name(name).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => Failure::new(
            format!("interface {name}"),
            "no such interface in this network namespace",
            "see `ip link`; start the controller in the right namespace (nsenter --net=/run/netns/NAME)",
        ),
        _ => Failure::plain(format!("interface {name}"), e),
    })
}

fn os_error(e: &ProgramError) -> Option<i32> {
    match e {
        ProgramError::SyscallError(e) => e.io_error.raw_os_error(),
        ProgramError::XdpError(XdpError::NetlinkError(e)) => {
            // Its text is all that it shows; the code is in its source.
            std::error::Error::source(e)?
                .downcast_ref::<io::Error>()?
                .raw_os_error()
        }
        _ => None,
    }
}

fn explain(interface: &Interface, info: &LinkInfo, e: &ProgramError) -> Failure {
    let now = link::by_name(&interface.name).unwrap_or_else(|_| info.clone());
    let (cause, next) = match os_error(e) {
        Some(libc::EBUSY | libc::EEXIST) => foreign(interface, &now),
        Some(libc::EOPNOTSUPP) => (
            "its driver has no native XDP".to_owned(),
            "set xdp_mode = \"generic\" for it if slow is good enough".to_owned(),
        ),
        Some(libc::ERANGE) => (
            format!("its driver takes no XDP program at MTU {}", info.mtu),
            "lower the MTU, or turn LRO/GRO_HW off".to_owned(),
        ),
        Some(libc::EPERM | libc::EACCES) => (
            "not permitted".to_owned(),
            format!("give the controller {}", needed()),
        ),
        Some(libc::EINVAL) => (
            "the driver refuses the program".to_owned(),
            "see `dmesg` for its reason (queues, MTU, offloads)".to_owned(),
        ),
        _ => (chain(e), "see `rasline doctor`".to_owned()),
    };
    Failure::new(format!("interface {}", interface.name), cause, next)
}

fn needed() -> String {
    let missing = rasline_host::caps::missing(rasline_host::caps::effective());
    if missing.is_empty() {
        "CAP_NET_ADMIN".to_owned()
    } else {
        missing.join(" and ")
    }
}
