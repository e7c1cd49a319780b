//! Sockets that the service manager opened for us (sd_listen_fds(3)), by name.
//!
//! The manager keeps them across our restarts, so no visitor is turned away meanwhile.

use std::{io, net::TcpListener, os::unix::net::UnixListener};

use listenfd::ListenFd;

/// The sockets handed over at start.
pub struct Sockets {
    fds: ListenFd,
    names: Vec<String>,
}

impl Sockets {
    /// Takes over what the environment announces: nothing when the process was started by hand. Call it
    /// once, first thing: a second call finds nothing.
    #[must_use]
    pub fn from_env() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let fds = ListenFd::from_env();
        Self { names: names_of(&names, fds.len()), fds }
    }

    /// The TCP sockets with this `FileDescriptorName=`, set to non-blocking as tokio wants them.
    ///
    /// # Errors
    /// A socket of that name is not a listening TCP socket.
    pub fn tcp(&mut self, name: &str) -> io::Result<Vec<TcpListener>> {
        let mut found = Vec::new();
        for index in self.indexes(name) {
            if let Some(socket) = self.fds.take_tcp_listener(index)? {
                socket.set_nonblocking(true)?;
                found.push(socket);
            }
        }
        Ok(found)
    }

    /// The Unix sockets with this `FileDescriptorName=`, set to non-blocking as tokio wants them.
    ///
    /// # Errors
    /// A socket of that name is not a listening Unix socket.
    pub fn unix(&mut self, name: &str) -> io::Result<Vec<UnixListener>> {
        let mut found = Vec::new();
        for index in self.indexes(name) {
            if let Some(socket) = self.fds.take_unix_listener(index)? {
                socket.set_nonblocking(true)?;
                found.push(socket);
            }
        }
        Ok(found)
    }

    /// The names of all sockets handed over, in order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn indexes(&self, name: &str) -> Vec<usize> {
        self.names.iter().enumerate().filter(|(_, known)| *known == name).map(|(index, _)| index).collect()
    }
}

/// One name for each socket; `unknown` where none was given, as sd_listen_fds_with_names(3) does.
fn names_of(list: &str, count: usize) -> Vec<String> {
    let mut names: Vec<String> = list.split(':').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    names.resize(count, "unknown".to_owned());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_socket_has_a_name() {
        assert_eq!(names_of("http:https", 3), ["http", "https", "unknown"]);
        assert_eq!(names_of("", 1), ["unknown"]);
        assert_eq!(names_of("http:https", 0), Vec::<String>::new());
    }
}
