//! Another configuration while the controller runs.
//!
//! Invariant: on an error the old configuration stays.

use crate::{
    config::Config,
    failure::{Failure, Result},
    supervisor::{Supervisor, apply, events, warn},
};

impl Supervisor {
    /// Reads the configuration again.
    pub(super) fn reload(&mut self) -> Result<String> {
        let done = self.read_again();
        let broken = done.as_ref().err().map(|e| e.cause.clone());
        self.note_configuration(broken, "the old configuration stays");
        self.watch_machine();
        done
    }

    /// What is wrong with the file is shown until a reload mends it; a file that is in force is kept.
    pub(super) fn note_configuration(&mut self, broken: Option<String>, so: &str) {
        let thing = format!("configuration {}", self.file.display());
        if broken.is_none()
            && let Err(e) = self.last_good.keep(&self.file)
        {
            tracing::warn!("{thing}: no copy is kept: {e}");
        }
        let why = broken.map(|why| format!("{why}; {so}; correct the file and `rasline reload`"));
        self.machine.note(thing, why);
    }

    pub(super) fn read_again(&mut self) -> Result<String> {
        let new = Config::load(&self.file).map_err(|errors| {
            for e in &errors {
                tracing::error!("{e}");
            }
            let first = errors.first().map_or_else(String::new, ToString::to_string);
            let more = if errors.len() > 1 {
                format!(" (and {} more)", errors.len() - 1)
            } else {
                String::new()
            };
            Failure::new(
                "configuration",
                format!("{first}{more}"),
                "the old configuration stays",
            )
        })?;
        apply::restart_needed(&self.config, &new)?;
        let metrics = self.new_metrics(&new)?;
        self.apply_config(self.effective(&new))?;
        self.change_metrics(metrics);
        self.change_agents(&new);
        warn(&new);
        self.file_config = new;
        self.allow_alternates();
        self.events
            .controller(events::name::RELOADED, "configuration reloaded");
        Ok("configuration reloaded".to_owned())
    }

    /// Makes everything follow another configuration; on error the old one stays.
    pub(super) fn apply_config(&mut self, new: Config) -> Result<()> {
        let layout = apply::plan(&self.layout, Some(&self.config), &new)?;
        let own = self.serving.prepare(&new)?;
        if let Err(e) = apply::write(&mut self.dataplane, &new, &layout) {
            if let Err(again) = apply::write(&mut self.dataplane, &self.config, &self.layout) {
                tracing::error!("{again}");
            }
            return Err(e);
        }
        apply::drop_unclaimed(&mut self.dataplane, &new, &layout);
        self.reconfigure(&new, &layout);
        let old = std::mem::replace(&mut self.layout, layout).gatekeepers();
        self.config = new;
        self.configure_presence();
        let now = self.layout.gatekeepers();
        self.forget_alternates(old.difference(&now).copied());
        self.serve_zones(own);
        self.refresh_failover();
        self.ports.reconcile(
            &mut self.dataplane,
            &self.config.interfaces,
            &mut self.events,
        );
        let senders = apply::senders(&self.config);
        self.spoofed_gatekeeper
            .retain(|address| senders.contains(address));
        Ok(())
    }
}
