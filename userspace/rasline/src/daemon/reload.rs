//! Another configuration while the controller runs.
//!
//! Invariant: on an error the old configuration stays.

use rasline_core::site::Input;

use super::{
    Daemon, agents, measure, service,
    site_config::{probe_targets, signalling_places, site_config, with_learned},
    watch,
};
use crate::{
    config::Config,
    effects::{apply, events},
    failure::{Failure, Result},
    io::multicast,
};

impl Daemon {
    /// SIGHUP.
    pub(super) fn reload_for_signal(&mut self) {
        service::reloading();
        match self.reload() {
            Ok(done) => service::ready(&done),
            Err(e) => {
                tracing::error!("reload: {e}");
                service::ready(&format!("reload failed: {e}"));
            }
        }
    }

    /// Reads the configuration again.
    pub(super) fn reload(&mut self) -> Result<String> {
        let done = self.read_again();
        let broken = done.as_ref().err().map(|e| e.cause.clone());
        self.note_configuration(broken, "the old configuration stays");
        watch::watch_machine(self);
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

    fn read_again(&mut self) -> Result<String> {
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
        let metrics = measure::new_metrics(self, &new)?;
        let in_force = with_learned(&new, &self.effects.alternates);
        self.apply_config(in_force)?;
        measure::change_metrics(self, metrics);
        agents::reconfigure(self, &new);
        for warning in new.warnings() {
            tracing::warn!("configuration: {warning}");
        }
        self.file_config = new;
        self.effects
            .events
            .controller(events::name::RELOADED, "configuration reloaded");
        Ok("configuration reloaded".to_owned())
    }

    /// Makes everything follow another configuration; on error the old one stays.
    fn apply_config(&mut self, new: Config) -> Result<()> {
        let effects = &mut self.effects;
        let layout = apply::plan(&effects.layout, Some(&self.config), &new)?;
        let sockets = &effects.network.sockets;
        let sockets = sockets.prepare(new.own_ras_addresses(), multicast::interfaces(&new))?;
        let site_config = site_config(&new, &layout, self.seed);
        effects.calls.serve(&signalling_places(&site_config))?;
        if let Err(e) = apply::write(&mut effects.dataplane, &new, &layout) {
            let before = signalling_places(self.site.config());
            if let Err(again) = effects.calls.serve(&before) {
                tracing::error!("{again}");
            }
            let again = apply::write(&mut effects.dataplane, &self.config, &effects.layout);
            if let Err(again) = again {
                tracing::error!("{again}");
            }
            return Err(e);
        }
        apply::drop_unclaimed(&mut effects.dataplane, &new, &layout);
        effects.network.sockets.keep(sockets);
        effects.targets = probe_targets(&new, &layout);
        effects.persist.configure(&site_config);
        effects.layout = layout;
        self.config = new;
        self.handle(Input::Reconfigure(Box::new(site_config)));
        let effects = &mut self.effects;
        self.ports.reconcile(
            &mut effects.dataplane,
            &self.config.interfaces,
            &mut effects.events,
        );
        effects
            .network
            .retain_senders(&apply::senders(&self.config));
        Ok(())
    }

    /// Puts learned candidates into force, if there are others than before.
    pub(super) fn adopt_alternates(&mut self) {
        if !std::mem::take(&mut self.effects.adopt) {
            return;
        }
        let new = with_learned(&self.file_config, &self.effects.alternates);
        if let Err(e) = self.apply_config(new) {
            tracing::error!("alternate gatekeepers: {e}");
        }
    }
}
