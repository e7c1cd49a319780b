//! Bringing settings of the machine to the machine: on Orbitr OS a unit of the image reads them from `box.json`; elsewhere
//! the machine's own services are told.

use std::time::Duration;

use orbitr_host::dbus::{Error as BusError, JobResult};

use rusqlite::Connection;

use crate::{Error, Machine, box_file::BoxFile, network::card, settings, ssh};

/// The image's unit, see overlays/image.
const UNIT: &str = "orbitr-apply-settings.service";
/// It restarts a service or two.
const LIMIT: Duration = Duration::from_secs(60);

impl Machine {
    /// Does it. In hosted mode the time zone is handed on with `zone`, and a machine that does not let us is left as it is:
    /// the zone of the pages is ours alone.
    pub(crate) async fn apply(&self, zone: bool) -> Result<(), Error> {
        if !self.outside().image {
            if zone {
                let name = self.known(|known| known.settings.time_zone.clone());
                if let Err(error) = self.outside().bus.set_time_zone(&name).await {
                    tracing::info!(%error, "the machine keeps its own time zone");
                }
            }
            return Ok(());
        }
        let _alone = self.inner.applying.lock().await;
        self.write_now().await?;
        match self.outside().bus.start_unit(UNIT, LIMIT).await? {
            JobResult::Done => Ok(()),
            JobResult::NotDone(word) => Err(BusError::Failed {
                what: "Apply the settings",
                detail: format!("{UNIT} ended with «{word}»; they are kept and applied at the next start"),
            }
            .into()),
        }
    }

    /// Brings `box.json` to what the database says, without telling the machine.
    pub(crate) async fn write_box_file(&self) -> Result<(), Error> {
        let _alone = self.inner.applying.lock().await;
        self.write_now().await
    }

    async fn write_now(&self) -> Result<(), Error> {
        let wanted = self.inner.store.read(wanted).await?;
        let dir = self.inner.state_dir.clone();
        let written = tokio::task::spawn_blocking(move || wanted.write(&dir)).await;
        written.map_err(|error| Error::Host(error.into()))?.map_err(|error| Error::Host(error.into()))
    }
}

/// What the database says that the machine shall be.
fn wanted(conn: &Connection) -> Result<BoxFile, Error> {
    Ok(BoxFile {
        host_name: settings::host_name(conn)?,
        time_zone: settings::chosen_zone(conn)?,
        ntp_servers: settings::ntp_servers(conn)?,
        network: card::confirmed(conn)?,
        trial: card::trial(conn)?,
        ssh: ssh::kept(conn)?,
    })
}
