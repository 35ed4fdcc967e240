//! Man pages and shell completions, generated from the definition of the command line.

use std::{fs, io, path::Path};

use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate_to};

use super::Cli;
use crate::failure::{Failure, Result};

/// Shells for which completions are written.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

fn failed(folder: &Path) -> impl Fn(io::Error) -> Failure + '_ {
    move |e| Failure::plain(format!("folder {}", folder.display()), e)
}

/// Writes a man page for the program and each of its commands, as `rasline.1`, `rasline-zone-switch.1`, ...
pub(super) fn man(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(failed(folder))?;
    page(Cli::command(), "", folder).map_err(failed(folder))
}

fn page(command: Command, before: &str, folder: &Path) -> io::Result<()> {
    let name = if before.is_empty() {
        command.get_name().to_owned()
    } else {
        format!("{before}-{}", command.get_name())
    };
    let all: Vec<Command> = command.get_subcommands().cloned().collect();
    for one in all {
        if one.get_name() != "help" && !one.is_hide_set() {
            page(one, &name, folder)?;
        }
    }
    // clap requires a 'static name; the leak does not matter, as this process ends soon.
    let shown_name: &'static str = name.clone().leak();
    let shown = command
        .name(shown_name)
        .display_name(shown_name)
        .bin_name(name.replace('-', " "));
    let mut text = Vec::new();
    clap_mangen::Man::new(shown).render(&mut text)?;
    fs::write(folder.join(format!("{name}.1")), text)
}

/// Writes completions for bash, zsh and fish.
pub(super) fn completions(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(failed(folder))?;
    for shell in SHELLS {
        generate_to(shell, &mut Cli::command(), "rasline", folder).map_err(failed(folder))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_every_shell_its_completion() {
        let folder = tempfile::tempdir().unwrap();
        man(folder.path()).unwrap();
        completions(folder.path()).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        for name in ["rasline.1", "rasline-status.1", "rasline-zone-switch.1"] {
            assert!(read(name).contains(".TH"), "{name}");
        }
        assert!(read("rasline-zone-switch.1").contains("GATEKEEPER"));
        for name in ["rasline.bash", "_rasline", "rasline.fish"] {
            assert!(read(name).contains("registration"), "{name}");
        }
    }
}
