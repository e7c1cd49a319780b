//! The fake machine behind a bus of its own, for programs that are started as processes: they look for the system bus where
//! `DBUS_SYSTEM_BUS_ADDRESS` says. The bus is dbus-daemon itself.

use std::{path::Path, time::Duration};

use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;
use zbus::connection::Builder;

use super::{FakeSystemd, services};
use crate::exec::Command;

/// Longer than any test.
const LIMIT: Duration = Duration::from_secs(60 * 60);
const NAMES: [&str; 6] = ["systemd1", "login1", "hostname1", "timedate1", "timesync1", "network1"];
/// Anybody may own any name and say anything.
const POLICY: &str = r#"
  <policy context="default">
    <allow send_destination="*"/>
    <allow own="*"/>
    <allow user="*"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>"#;

/// A bus with the fake machine's services on it; both end when this is dropped.
#[derive(Debug)]
pub struct FakeBus {
    ending: CancellationToken,
    daemon: JoinHandle<()>,
}

impl FakeSystemd {
    /// Puts the machine, with the units that it has by now, onto a new bus whose socket is `bus` in this folder.
    ///
    /// # Panics
    /// When dbus-daemon is not there or does not answer.
    pub async fn on_a_bus(&self, folder: &Path) -> FakeBus {
        let (socket, file) = (folder.join("bus"), folder.join("bus.conf"));
        let address = format!("unix:path={}", socket.display());
        std::fs::write(
            &file,
            format!("<busconfig><type>system</type><listen>{address}</listen>{POLICY}</busconfig>\n"),
        )
        .unwrap();
        let config = format!("--config-file={}", file.display());
        let command = Command::new("dbus-daemon").args([config.as_str(), "--nofork", "--nopidfile", "--nosyslog"]);
        let ending = CancellationToken::new();
        let until = ending.clone();
        let daemon = tokio::spawn(async move {
            if let Err(error) = command.limit(LIMIT).run(&until).await {
                assert!(until.is_cancelled(), "dbus-daemon, which these tests need: {error}");
            }
        });
        let bus = FakeBus { ending, daemon };
        while !socket.exists() {
            assert!(!bus.daemon.is_finished(), "dbus-daemon has ended at once");
            sleep(Duration::from_millis(20)).await;
        }
        let mut builder = services::serve(Builder::address(address.as_str()), &self.shared);
        for name in NAMES {
            builder = builder.name(format!("org.freedesktop.{name}"));
        }
        let connection = builder.build().await.unwrap();
        self.shared.connections.lock().unwrap().push(connection);
        bus
    }
}

impl Drop for FakeBus {
    fn drop(&mut self) {
        self.ending.cancel();
    }
}
