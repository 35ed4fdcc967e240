//! The log of a gatekeeper in a file: written by its process, read by the test even if the process was killed.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{Seen, What, clock};

/// One line of it, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) at: Duration,
    pub(crate) from: SocketAddr,
    pub(crate) what: What,
    pub(crate) eid: Option<String>,
    pub(crate) seq: u16,
}

impl Line {
    pub(crate) fn text(&self) -> String {
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Reads it, as far as it goes, again and again.
#[derive(Debug)]
pub(crate) struct Reader {
    file: File,
    read: u64,
    pub(crate) seen: Vec<Seen>,
}

impl Reader {
    pub(crate) fn new(file: File) -> Self {
        Self {
            file,
            read: 0,
            seen: Vec::new(),
        }
    }

    /// Takes what was added.
    pub(crate) fn more(&mut self) -> Result<()> {
        let mut text = Vec::new();
        self.file.seek(SeekFrom::Start(self.read))?;
        self.file.read_to_end(&mut text)?;
        // A line that is being written is for the next time.
        let whole = text
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        for line in text[..whole].split_inclusive(|&b| b == b'\n') {
            let line: Line = serde_json::from_slice(line).context("a gatekeeper's journal")?;
            self.seen.push(Seen {
                at: clock::instant(line.at),
                from: line.from,
                what: line.what,
                eid: line.eid,
                seq: line.seq,
            });
        }
        self.read += whole as u64;
        Ok(())
    }
}
