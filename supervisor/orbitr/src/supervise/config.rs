//! What the supervisor is told when it starts: as typed, and as checked.

use std::{
    fmt,
    net::{Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};

use orbitr_edge::Names;
use orbitr_host::facts;
use orbitr_machine::data::Places;
use tracing_subscriber::filter::Targets;

/// The longest path that a Unix socket may have on Linux (`sun_path` without its final zero); the name
/// that the socket is made under is four bytes longer.
const MAX_SOCKET_PATH: usize = 107 - 4;
/// Where the state of an installed box is.
const STATE_DIR: &str = "/var/lib/orbitr";
/// Where its control socket is.
pub(crate) const CONTROL_SOCKET: &str = "/run/orbitr/control.sock";

/// What os-release calls the image.
const IMAGE_ID: &str = "orbitr";

/// Flags and variables of `orbitr supervise`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the box keeps everything: database, keys, apps
    #[arg(long, value_name = "DIR", env = "ORBITR_STATE_DIR", default_value = STATE_DIR)]
    state_dir: PathBuf,
    /// Addresses to serve HTTPS on: ADDRESS:PORT, or PORT for every address
    #[arg(long, value_name = "ADDR", env = "ORBITR_HTTPS", value_delimiter = ',', default_value = "443")]
    https: Vec<Address>,
    /// Addresses to redirect plain HTTP from
    #[arg(long, value_name = "ADDR", env = "ORBITR_HTTP", value_delimiter = ',', default_value = "80")]
    http: Vec<Address>,
    /// Redirect nothing: no plain HTTP at all
    #[arg(long, env = "ORBITR_NO_HTTP")]
    no_http: bool,
    /// The Unix socket for the command line on this machine [default: /run/orbitr/control.sock, or
    /// control.sock in a state directory of your own]
    #[arg(long, value_name = "FILE", env = "ORBITR_SOCKET")]
    socket: Option<PathBuf>,
    /// The Docker engine's socket
    #[arg(long, value_name = "FILE", env = "ORBITR_DOCKER_SOCKET", default_value = "/run/docker.sock")]
    docker_socket: PathBuf,
    /// The docker program
    #[arg(long, value_name = "FILE", env = "ORBITR_DOCKER_BIN", default_value = "docker")]
    docker_bin: PathBuf,
    /// The Compose plugin as a program of its own, where `docker compose` does not find it
    #[arg(long, value_name = "FILE", env = "ORBITR_COMPOSE_BIN")]
    compose_bin: Option<PathBuf>,
    /// A folder with extensions of your own, one folder each; the store shows them as local/<id>
    #[arg(long, value_name = "DIR", env = "ORBITR_EXTENSIONS")]
    extensions: Option<PathBuf>,
    /// The box's name in its certificate [default: the machine's host name]
    #[arg(long, value_name = "NAME", env = "ORBITR_HOST_NAME")]
    host_name: Option<String>,
    /// After three crashes within five minutes come up without the database, in Recovery mode. For units that start it
    /// again by themselves
    #[arg(long, env = "ORBITR_WATCH_CRASHES")]
    watch_crashes: bool,
    /// A folder that stands in for /run of Orbitr OS, for tests
    #[arg(long, value_name = "DIR", env = "ORBITR_STAND_IN", hide = true)]
    stand_in: Option<PathBuf>,
    /// What to log, for example `info` or `info,orbitr_docker=debug`
    #[arg(long, value_name = "FILTER", env = "ORBITR_LOG", default_value = "info")]
    log: String,
}

/// An address to listen on, as typed: `[::]:443`, `192.168.1.5:8443`, or just `8443`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) SocketAddr);

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(port) = text.parse() {
            return Ok(Self((Ipv6Addr::UNSPECIFIED, port).into()));
        }
        text.parse().map(Self).map_err(|_| "write ADDRESS:PORT, for example 192.168.1.5:8443 or [::]:443, or only PORT")
    }
}

/// The same, checked. Paths are absolute unless it says otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) state_dir: PathBuf,
    pub(crate) https: Vec<SocketAddr>,
    pub(crate) http: Vec<SocketAddr>,
    pub(crate) socket: PathBuf,
    pub(crate) docker_socket: PathBuf,
    /// A name is looked for where programs usually are.
    pub(crate) docker_bin: PathBuf,
    pub(crate) compose_bin: Option<PathBuf>,
    pub(crate) extensions: Option<PathBuf>,
    pub(crate) host_name: Option<String>,
    pub(crate) watch_crashes: bool,
    /// Where the image's files are; none in hosted mode.
    pub(crate) image: Option<Places>,
    pub(crate) log: String,
}

/// What is wrong with the flags, as a fragment that names the flag.
#[derive(Debug)]
pub(crate) struct Invalid(String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<Args> for Config {
    type Error = Invalid;

    fn try_from(args: Args) -> Result<Self, Invalid> {
        let state_dir = absolute("--state-dir", &args.state_dir)?;
        let socket = match &args.socket {
            Some(path) => absolute("--socket", path)?,
            None if state_dir == Path::new(STATE_DIR) => CONTROL_SOCKET.into(),
            None => state_dir.join("control.sock"),
        };
        if socket.as_os_str().len() > MAX_SOCKET_PATH {
            let path = socket.display();
            return Err(Invalid(format!(
                "--socket: «{path}» is longer than {MAX_SOCKET_PATH} bytes, which is the most that a socket's path may have; give a shorter one"
            )));
        }
        if let Some(name) = &args.host_name
            && Names::new(name, []).host().is_none()
        {
            return Err(Invalid(format!(
                "--host-name: «{name}» is no host name (letters, digits and dashes, parted by dots)"
            )));
        }
        if args.https.is_empty() {
            return Err(Invalid("--https: at least one address is needed".to_owned()));
        }
        args.log.parse::<Targets>().map_err(|error| Invalid(format!("--log: {error}")))?;
        let plain = |list: Vec<Address>| list.into_iter().map(|address| address.0).collect();
        Ok(Self {
            https: plain(args.https),
            http: if args.no_http { Vec::new() } else { plain(args.http) },
            socket,
            docker_socket: absolute("--docker-socket", &args.docker_socket)?,
            docker_bin: program("--docker-bin", args.docker_bin)?,
            compose_bin: args.compose_bin.map(|path| absolute("--compose-bin", &path)).transpose()?,
            extensions: args.extensions.map(|path| absolute("--extensions", &path)).transpose()?,
            host_name: args.host_name,
            watch_crashes: args.watch_crashes,
            image: image(args.stand_in.as_deref(), &state_dir)?,
            state_dir,
            log: args.log,
        })
    }
}

/// On Orbitr OS, and where a folder stands in for it.
fn image(stand_in: Option<&Path>, state_dir: &Path) -> Result<Option<Places>, Invalid> {
    let state = state_dir.to_owned();
    if let Some(folder) = stand_in {
        return Ok(Some(Places { run: absolute("--stand-in", folder)?, state, stands_in: true }));
    }
    let is_image = facts::os_release().id == IMAGE_ID;
    Ok(is_image.then(|| Places { run: "/run".into(), state, stands_in: false }))
}

fn absolute(flag: &str, path: &Path) -> Result<PathBuf, Invalid> {
    std::path::absolute(path).map_err(|error| Invalid(format!("{flag}: «{}» is no path: {error}", path.display())))
}

/// A bare name stays one; a path becomes absolute.
fn program(flag: &str, path: PathBuf) -> Result<PathBuf, Invalid> {
    if path.components().count() == 1 && path.is_relative() { Ok(path) } else { absolute(flag, &path) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn config(flags: &[&str]) -> Result<Config, String> {
        let line = Line::try_parse_from(["orbitr"].iter().chain(flags)).map_err(|error| error.to_string())?;
        Config::try_from(line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn without_flags_it_is_an_installed_box() {
        let config = config(&[]).unwrap();
        assert_eq!(config.state_dir, Path::new("/var/lib/orbitr"));
        assert_eq!(config.socket, Path::new("/run/orbitr/control.sock"));
        assert_eq!(config.https, ["[::]:443".parse().unwrap()]);
        assert_eq!(config.http, ["[::]:80".parse().unwrap()]);
    }

    #[test]
    fn a_state_directory_of_its_own_has_its_own_socket() {
        assert_eq!(config(&["--state-dir", "/srv/box"]).unwrap().socket, Path::new("/srv/box/control.sock"));
    }

    #[test]
    fn addresses_are_lists_of_addresses_or_ports() {
        let config = config(&["--https", "8443,127.0.0.1:9443", "--no-http"]).unwrap();
        assert_eq!(config.https, ["[::]:8443", "127.0.0.1:9443"].map(|a| a.parse().unwrap()));
        assert!(config.http.is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_with_the_flag() {
        let long = format!("/{}", "x".repeat(200));
        for (flag, value) in
            [("--https", "box:443"), ("--socket", &*long), ("--host-name", "my_box"), ("--log", "a=b=c")]
        {
            assert!(config(&[flag, value]).unwrap_err().contains(flag), "{flag}");
        }
    }
}
