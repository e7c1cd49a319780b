//! logind: reboot, power off, and what stands in the way of it.

use super::{Bus, Error, proxies::LoginManagerProxy};

/// What can be done with the machine's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerVerb {
    /// Down and up again.
    Reboot,
    /// Down.
    PowerOff,
}

/// Whether logind would do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Can {
    /// It would.
    Yes,
    /// It would ask somebody for a password, and there is nobody to ask.
    NotAllowed,
    /// The machine cannot do it.
    Impossible,
    /// Something holds it back at the moment.
    HeldBack,
}

/// Something that holds a shutdown back or wants to be told first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inhibitor {
    /// Whose.
    pub who: String,
    /// What for.
    pub why: String,
    /// Its process.
    pub process: u32,
}

/// Holds a shutdown back for as long as it lives.
#[derive(Debug)]
pub struct Inhibition {
    // Closing it ends the inhibition.
    _lock: std::os::fd::OwnedFd,
}

impl Bus {
    /// Whether logind would reboot or power off.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_absence`] on a machine without logind.
    pub async fn can(&self, verb: PowerVerb) -> Result<Can, Error> {
        let said = self.read("Ask whether the machine can restart", |bus| async move {
            let login = LoginManagerProxy::new(&bus).await?;
            match verb {
                PowerVerb::Reboot => login.can_reboot().await,
                PowerVerb::PowerOff => login.can_power_off().await,
            }
        });
        Ok(match said.await?.as_str() {
            "yes" => Can::Yes,
            "na" => Can::Impossible,
            "inhibited" | "inhibitor-blocked" | "challenge-inhibitor-blocked" => Can::HeldBack,
            _ => Can::NotAllowed,
        })
    }

    /// Begins a reboot or power off. It returns when logind has accepted, before the machine goes down.
    ///
    /// # Errors
    /// [`Error::Denied`] where polkit says no or somebody else's inhibitor holds; otherwise [`Error`].
    pub async fn power(&self, verb: PowerVerb) -> Result<(), Error> {
        let what = match verb {
            PowerVerb::Reboot => "Reboot",
            PowerVerb::PowerOff => "Power off",
        };
        self.write(what, |bus| async move {
            let login = LoginManagerProxy::new(&bus).await?;
            match verb {
                PowerVerb::Reboot => login.reboot(false).await,
                PowerVerb::PowerOff => login.power_off(false).await,
            }
        })
        .await
    }

    /// What holds a shutdown back at the moment, ours included.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_absence`] on a machine without logind.
    pub async fn inhibitors(&self) -> Result<Vec<Inhibitor>, Error> {
        let listed = self.read("List what holds a shutdown back", |bus| async move {
            LoginManagerProxy::new(&bus).await?.list_inhibitors().await
        });
        let holds =
            |what: &str, mode: &str| mode.starts_with("block") && what.split(':').any(|part| part == "shutdown");
        Ok(listed
            .await?
            .into_iter()
            .filter(|(what, _, _, mode, ..)| holds(what, mode))
            .map(|(_, who, why, _, _, process)| Inhibitor { who, why, process })
            .collect())
    }

    /// What other processes than this one hold a shutdown back with. A machine without logind has nobody who could: that is
    /// no error, and nothing. A logind that is there and does not answer may know of somebody: that is one.
    ///
    /// # Errors
    /// [`Error`], never one that [`Error::is_absence`].
    pub async fn held_by_others(&self) -> Result<Vec<Inhibitor>, Error> {
        let mut held = match self.inhibitors().await {
            Err(error) if error.is_absence() => return Ok(Vec::new()),
            found => found?,
        };
        held.retain(|one| one.process != std::process::id());
        Ok(held)
    }

    /// Holds a shutdown back until the answer is dropped.
    ///
    /// # Errors
    /// [`Error::Denied`] where polkit says no; otherwise [`Error`].
    pub async fn inhibit_shutdown(&self, who: &str, why: &str) -> Result<Inhibition, Error> {
        let lock = self.write("Hold a shutdown back", |bus| async move {
            LoginManagerProxy::new(&bus).await?.inhibit("shutdown", who, why, "block").await
        });
        Ok(Inhibition { _lock: lock.await?.into() })
    }
}
