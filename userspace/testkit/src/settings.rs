//! The configuration of a controller under test, and the folders that it may write to.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{
    netns::{BPFFS, PIN_PREFIX, unique},
    topology,
};

/// What goes into its configuration; durations as they stand there.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `answer`.
    pub answer: &'static str,
    /// `endpoint_ttl`.
    pub endpoint_ttl: Option<&'static str>,
    /// `refresh_every`.
    pub refresh_every: Option<&'static str>,
    /// `hold_for`.
    pub hold_for: &'static str,
    /// `dead_after`.
    pub dead_after: &'static str,
    /// Gatekeepers' addresses, called gk1, gk2, ...; without any there is no zone, and no interface.
    pub gatekeepers: Vec<IpAddr>,
    /// More lines of `[daemon]`.
    pub daemon: String,
    /// More lines of `[[zone]]`; tables of it, such as `[zone.probe]`, last.
    pub zone: String,
    /// `[[agent]]` sections.
    pub agents: String,
    /// Sections in place of the zone: other zones, `[backup]`, ...
    pub instead: Option<String>,
    /// (name, side) of each interface.
    pub interfaces: Vec<(String, &'static str)>,
    /// `xdp_mode` of all of them.
    pub xdp_mode: &'static str,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            answer: "offload",
            endpoint_ttl: None,
            refresh_every: Some("60s"),
            hold_for: "15m",
            dead_after: "600ms",
            gatekeepers: vec![topology::GATEKEEPER],
            daemon: "max_registrations = 4096".into(),
            zone: String::new(),
            agents: String::new(),
            instead: None,
            interfaces: vec![
                (topology::LAN.into(), "endpoints"),
                (topology::WAN.into(), "gatekeepers"),
            ],
            xdp_mode: "native",
        }
    }
}

/// Folders of one controller: everything it may write, and its pins. Removed on drop.
#[derive(Debug)]
pub struct Place {
    folder: TempDir,
    pins: PathBuf,
}

impl Place {
    /// A new one.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("rasline-test-").tempdir()?;
        let name = format!("{PIN_PREFIX}{}-{}", std::process::id(), unique());
        Ok(Self {
            folder,
            pins: Path::new(BPFFS).join(name),
        })
    }

    /// Where its configuration stands.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("rasline.toml")
    }

    /// Its control socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    /// Its pins.
    #[must_use]
    pub fn pins(&self) -> &Path {
        &self.pins
    }

    /// `state_dir`.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Writes the configuration.
    ///
    /// # Errors
    /// When the folder is gone.
    pub fn write(&self, settings: &Settings) -> Result<()> {
        fs::write(self.config(), self.toml(settings)).context("writing the configuration")
    }

    fn toml(&self, settings: &Settings) -> String {
        let mut text = format!(
            "[daemon]\ncontrol_socket = {}\nstate_dir = {}\nbpffs = {}\n{}\n",
            quoted(&self.socket()),
            quoted(&self.state()),
            quoted(&self.pins),
            settings.daemon
        );
        let agents_only = settings.gatekeepers.is_empty()
            && settings.zone.is_empty()
            && settings.instead.is_none();
        if !agents_only {
            text += &zone(settings);
        }
        text + &settings.agents
    }
}

/// The interfaces and the zone.
fn zone(settings: &Settings) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for (name, side) in &settings.interfaces {
        let _ = write!(
            text,
            "\n[[interface]]\nname = {name:?}\nside = {side:?}\nxdp_mode = {:?}\n",
            settings.xdp_mode
        );
    }
    if let Some(instead) = &settings.instead {
        text.push_str(instead);
        return text;
    }
    let _ = write!(
        text,
        "\n[[zone]]\nname = \"site\"\nanswer = {:?}\nhold_for = {:?}\ndead_after = {:?}\nendpoints = {:?}\n",
        settings.answer,
        settings.hold_for,
        settings.dead_after,
        topology::ENDPOINTS
    );
    for (key, value) in [
        ("endpoint_ttl", settings.endpoint_ttl),
        ("refresh_every", settings.refresh_every),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "{key} = {value:?}");
        }
    }
    let _ = writeln!(text, "{}", settings.zone);
    for (i, address) in settings.gatekeepers.iter().enumerate() {
        let _ = write!(
            text,
            "\n[[zone.gatekeeper]]\nid = \"gk{}\"\naddress = \"{address}\"\npriority = {i}\n",
            i + 1
        );
    }
    text
}

/// A path as a TOML string.
fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

impl Drop for Place {
    fn drop(&mut self) {
        // Removing the link's pin detaches the program, when its controller has gone.
        let _ = fs::remove_dir_all(&self.pins);
    }
}
