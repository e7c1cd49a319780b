//! timedated and timesyncd: clock, time zone, synchronisation.

use super::{
    Bus, Error,
    proxies::{TIMEDATE, TIMESYNC, TimedateProxy, properties_of},
};

/// The machine's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The IANA name of the machine's time zone.
    pub zone: String,
    /// Whether something is there that could set the clock from the network.
    pub can_ntp: bool,
    /// Whether that is switched on.
    pub ntp: bool,
    /// Whether the kernel counts the clock as synchronised.
    pub synchronised: bool,
    /// The battery-backed clock, in microseconds since 1970; 0 when there is none.
    pub rtc_us: u64,
}

/// How the clock is set from the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synchronisation {
    /// The servers that somebody chose.
    pub chosen: Vec<String>,
    /// The servers that the network names (DHCP).
    pub from_network: Vec<String>,
    /// The servers that are asked when nobody named any.
    pub fallback: Vec<String>,
    /// The server that is asked at the moment; empty when none answered yet.
    pub server: String,
    /// How often it is asked, in microseconds.
    pub every_us: u64,
}

impl Bus {
    /// The machine's clock.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_absence`] on a machine without timedated.
    pub async fn clock(&self) -> Result<Clock, Error> {
        self.read("Look at the clock", |bus| async move {
            let mut found = properties_of(&bus, TIMEDATE).await?;
            Ok(Clock {
                zone: found.need("Timezone")?,
                can_ntp: found.need("CanNTP")?,
                ntp: found.need("NTP")?,
                synchronised: found.need("NTPSynchronized")?,
                rtc_us: found.need("RTCTimeUSec")?,
            })
        })
        .await
    }

    /// How timesyncd sets the clock.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_absence`] where something else than timesyncd does it, or nothing.
    pub async fn synchronisation(&self) -> Result<Synchronisation, Error> {
        self.read("Look at the time servers", |bus| async move {
            let mut found = properties_of(&bus, TIMESYNC).await?;
            Ok(Synchronisation {
                chosen: found.need("SystemNTPServers")?,
                from_network: found.need("LinkNTPServers")?,
                fallback: found.need("FallbackNTPServers")?,
                server: found.need("ServerName")?,
                every_us: found.need("PollIntervalUSec")?,
            })
        })
        .await
    }

    /// Gives the machine a time zone.
    ///
    /// # Errors
    /// [`Error::Denied`] where polkit says no; otherwise [`Error`].
    pub async fn set_time_zone(&self, zone: &str) -> Result<(), Error> {
        self.write("Change the time zone", |bus| async move {
            TimedateProxy::new(&bus).await?.set_timezone(zone, false).await
        })
        .await
    }

    /// Switches setting the clock from the network on or off.
    ///
    /// # Errors
    /// [`Error::Denied`] where polkit says no; otherwise [`Error`].
    pub async fn set_ntp(&self, on: bool) -> Result<(), Error> {
        self.write("Switch time from the network", |bus| async move {
            TimedateProxy::new(&bus).await?.set_ntp(on, false).await
        })
        .await
    }
}
