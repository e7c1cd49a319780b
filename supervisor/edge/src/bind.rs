//! Opening the sockets, where systemd has not handed them over.

use std::{
    fs::{self, Permissions},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::Path,
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::Error;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// Listens on a TCP address. `[::]` takes IPv4 too, and stands for `0.0.0.0` where the kernel has no IPv6.
///
/// # Errors
/// When the port is taken, forbidden, or the address is not this machine's.
pub fn bind_tcp(address: SocketAddr) -> Result<TcpListener, Error> {
    listen(address)
        .or_else(|error| {
            let everywhere = address.is_ipv6() && address.ip().is_unspecified();
            let no_ipv6 = matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
                || error.raw_os_error() == Some(EAFNOSUPPORT);
            if everywhere && no_ipv6 { listen((Ipv4Addr::UNSPECIFIED, address.port()).into()) } else { Err(error) }
        })
        .map_err(|source| Error::Bind { address, source })
}

/// «Address family not supported», on every Linux architecture that we build for.
const EAFNOSUPPORT: i32 = 97;

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart need not wait for the old connections' TIME_WAIT; a living listener still refuses us.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Listens on a Unix socket at `path`, for the supervisor's own user and root only (mode 0600). A socket
/// that a killed supervisor has left is replaced; any other kind of file is not.
///
/// # Errors
/// `AddrInUse` when somebody answers there; `AlreadyExists` when it is another kind of file; and when the
/// folder is not there or not ours.
pub fn bind_unix(path: &Path) -> Result<UnixListener, Error> {
    let attempt = || {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there and is no socket"));
            }
            Ok(_) if UnixStream::connect(path).is_ok() => return Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Under another name first: nobody can connect before the mode is right.
        let new = path.with_added_extension("new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&new)?;
        fs::set_permissions(&new, Permissions::from_mode(0o600))?;
        fs::rename(&new, path)?;
        Ok(listener)
    };
    attempt().map_err(|source| Error::Socket { path: path.to_owned(), source })
}
