//! hostnamed: the machine's name and what kind of machine it is.

use super::{
    Bus, Error,
    proxies::{HOSTNAME, HostnameProxy, properties_of},
};

/// The machine's names, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostNames {
    /// The name that it has now.
    pub name: String,
    /// The name that it gets at boot; empty when none is set.
    pub fixed: String,
    /// Who made it; empty when the firmware does not say.
    pub vendor: String,
    /// Its model; empty when the firmware does not say.
    pub model: String,
    /// `server`, `desktop`, `vm`, `container` …; empty when unknown.
    pub chassis: String,
}

impl Bus {
    /// The machine's names.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_absence`] on a machine without hostnamed.
    pub async fn host_names(&self) -> Result<HostNames, Error> {
        self.read("Look at the host name", |bus| async move {
            let mut found = properties_of(&bus, HOSTNAME).await?;
            Ok(HostNames {
                name: found.need("Hostname")?,
                fixed: found.need("StaticHostname")?,
                vendor: found.need("HardwareVendor")?,
                model: found.need("HardwareModel")?,
                chassis: found.need("Chassis")?,
            })
        })
        .await
    }

    /// The serial number that the firmware gives this machine, which only root can read itself; none when it gives none.
    ///
    /// # Errors
    /// [`Error::Denied`] where polkit says no; otherwise [`Error`].
    pub async fn hardware_serial(&self) -> Result<Option<String>, Error> {
        self.read("Read the serial number", |bus| async move {
            match HostnameProxy::new(&bus).await?.get_hardware_serial().await {
                Ok(serial) => Ok(Some(serial).filter(|serial| !serial.trim().is_empty())),
                Err(zbus::Error::MethodError(name, ..)) if name.as_str().ends_with(".NoHardwareSerial") => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Gives the machine a name, now and at every boot.
    ///
    /// # Errors
    /// [`Error::Denied`] where polkit says no; otherwise [`Error`].
    pub async fn set_host_name(&self, name: &str) -> Result<(), Error> {
        self.write("Change the host name", |bus| async move {
            HostnameProxy::new(&bus).await?.set_static_hostname(name, false).await
        })
        .await
    }
}
