//! The interfaces of other services, with only the members that we use. The contract test compares each of them with what
//! a real systemd says about itself. Properties are fetched all at once ([`properties`]).

use std::collections::HashMap;

use zbus::{
    Connection, ObjectPath, OwnedFd, OwnedObjectPath, OwnedVariant,
    fdo::PropertiesProxy,
    names::{BusName, InterfaceName},
    proxy,
    proxy::CacheProperties,
};

/// Where a service is: bus name, path of its main object, interface.
pub(super) type Place = (&'static str, &'static str, &'static str);

pub(super) const SYSTEMD: &str = "org.freedesktop.systemd1";
pub(super) const UNIT: &str = "org.freedesktop.systemd1.Unit";
pub(super) const SERVICE: &str = "org.freedesktop.systemd1.Service";
pub(super) const HOSTNAME: Place =
    ("org.freedesktop.hostname1", "/org/freedesktop/hostname1", "org.freedesktop.hostname1");
pub(super) const TIMEDATE: Place =
    ("org.freedesktop.timedate1", "/org/freedesktop/timedate1", "org.freedesktop.timedate1");
pub(super) const TIMESYNC: Place =
    ("org.freedesktop.timesync1", "/org/freedesktop/timesync1", "org.freedesktop.timesync1.Manager");
pub(super) const RESOLVE: Place =
    ("org.freedesktop.resolve1", "/org/freedesktop/resolve1", "org.freedesktop.resolve1.Manager");
pub(super) const NETWORK: &str = "org.freedesktop.network1";
pub(super) const LINK: &str = "org.freedesktop.network1.Link";

/// `(name, description, load, active, sub, following, path, job id, job type, job path)` of `ListUnits`.
pub(super) type ListedUnit =
    (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

/// `(what, who, why, mode, user, process)` of `ListInhibitors`.
pub(super) type ListedInhibitor = (String, String, String, String, u32, u32);

#[proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
pub(super) trait SystemdManager {
    fn list_units(&self) -> zbus::Result<Vec<ListedUnit>>;
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn subscribe(&self) -> zbus::Result<()>;
    #[zbus(signal)]
    fn job_removed(&self, id: u32, job: OwnedObjectPath, unit: String, result: String) -> zbus::Result<()>;
}

#[proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
pub(super) trait LoginManager {
    fn can_reboot(&self) -> zbus::Result<String>;
    fn can_power_off(&self) -> zbus::Result<String>;
    fn reboot(&self, interactive: bool) -> zbus::Result<()>;
    fn power_off(&self, interactive: bool) -> zbus::Result<()>;
    fn list_inhibitors(&self) -> zbus::Result<Vec<ListedInhibitor>>;
    fn inhibit(&self, what: &str, who: &str, why: &str, mode: &str) -> zbus::Result<OwnedFd>;
}

#[proxy(
    interface = "org.freedesktop.hostname1",
    default_service = "org.freedesktop.hostname1",
    default_path = "/org/freedesktop/hostname1"
)]
pub(super) trait Hostname {
    fn set_static_hostname(&self, hostname: &str, interactive: bool) -> zbus::Result<()>;
    fn get_hardware_serial(&self) -> zbus::Result<String>;
}

#[proxy(
    interface = "org.freedesktop.timedate1",
    default_service = "org.freedesktop.timedate1",
    default_path = "/org/freedesktop/timedate1"
)]
pub(super) trait Timedate {
    fn set_timezone(&self, timezone: &str, interactive: bool) -> zbus::Result<()>;
    #[zbus(name = "SetNTP")]
    fn set_ntp(&self, use_ntp: bool, interactive: bool) -> zbus::Result<()>;
}

#[proxy(
    interface = "org.freedesktop.network1.Manager",
    default_service = "org.freedesktop.network1",
    default_path = "/org/freedesktop/network1"
)]
pub(super) trait NetworkManager {
    fn list_links(&self) -> zbus::Result<Vec<(i32, String, OwnedObjectPath)>>;
    fn describe(&self) -> zbus::Result<String>;
}

/// The properties of one interface of one object, as they are now.
pub(super) struct Properties(HashMap<String, OwnedVariant>);

/// Fetches them, all in one call.
pub(super) async fn properties(
    connection: &Connection,
    service: &str,
    path: ObjectPath<'_>,
    interface: &str,
) -> zbus::Result<Properties> {
    let proxy = PropertiesProxy::builder(connection)
        .destination(BusName::try_from(service)?)
        .path(path)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    Ok(Properties(proxy.get_all(InterfaceName::try_from(interface)?).await?))
}

/// The same of a service's main object.
pub(super) async fn properties_of(connection: &Connection, place: Place) -> zbus::Result<Properties> {
    let (service, path, interface) = place;
    properties(connection, service, ObjectPath::try_from(path)?, interface).await
}

impl Properties {
    /// One that every version which we work with has.
    pub(super) fn need<T: TryFrom<OwnedVariant>>(&mut self, name: &str) -> zbus::Result<T> {
        let value = self.0.remove(name);
        let fits = value.and_then(|value| T::try_from(value).ok());
        fits.ok_or_else(|| zbus::Error::Failure(format!("the property {name} is missing or is of another type")))
    }
}
