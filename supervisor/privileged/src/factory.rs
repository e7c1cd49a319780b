//! `factory-reset`: notes on the ESP which data partition is to be erased, and restarts. `open-data` erases it at the next
//! start, when nothing uses it; a power cut in between changes nothing of that.

use std::{fs, time::Duration};

use orbitr_host::exec::{Command, Output};
use orbitr_model::{FactoryResetRequest, PartUuid, machine_serial};
use serde_json::{Value, json};

use crate::{
    Error, Places, Run,
    data::{open, survey::Survey},
};

const LIMIT: Duration = Duration::from_secs(30);
pub(crate) async fn factory_reset(run: &Run) -> Result<Option<Value>, Error> {
    let request: FactoryResetRequest = run.request()?.ok_or_else(|| Error::Request("nobody asked".to_owned()))?;
    run.step("Looking at the data partition")?;
    let serial = serial(&run.places)?;
    if request.serial.trim() != serial {
        return Err(Error::Serial("this machine".to_owned()));
    }
    let survey = Survey::take_closed(&run.places, &run.cancel).await?;
    let partuuid = which(&survey, request.partuuid)?;
    run.step("Noting the reset")?;
    open::write_line(&run.places.reset(), partuuid)?;
    run.step("Restarting")?;
    if run.places.has_systemd() {
        let reboot = Command::new("systemctl").args(["--no-block", "reboot"]).limit(LIMIT).run(&run.cancel).await;
        reboot.and_then(Output::success).map_err(Error::program("Restarting"))?;
    }
    Ok(Some(json!({ "partuuid": partuuid })))
}

/// The one that was named, else the recorded one; it must be there, once.
fn which(survey: &Survey, named: Option<PartUuid>) -> Result<PartUuid, Error> {
    let wanted = named.or(survey.recorded).ok_or_else(|| Error::Request("no data partition is recorded".to_owned()))?;
    match survey.seen().only(wanted) {
        Ok(_) => Ok(wanted),
        Err(0) => Err(Error::NoPartition(wanted)),
        Err(_) => Err(Error::Twice(wanted)),
    }
}

/// What must be typed: the machine's serial number as hostnamed gives it, or the first digits of its id.
fn serial(places: &Places) -> Result<String, Error> {
    let read = |file: &str| fs::read_to_string(places.dmi.join(file)).unwrap_or_default();
    let firmware = ["product_serial", "board_serial"].map(read).into_iter().find(|serial| !serial.trim().is_empty());
    let id = fs::read_to_string(&places.machine_id).map_err(Error::io("Reading the machine's id"))?;
    machine_serial(firmware.as_deref(), &id)
        .ok_or_else(|| Error::Request("the machine has neither a serial number nor an id".to_owned()))
}
