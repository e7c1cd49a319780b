//! What can go wrong with certificates and listeners.

use std::{io, net::SocketAddr, path::PathBuf};

use orbitr_model::Problem;

/// A certificate or a listener that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the certificate authority or the leaf could not be read or written.
    #[error("the certificate file «{}» cannot be used", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A key or certificate could not be made.
    #[error("a certificate cannot be made")]
    Issue(#[from] rcgen::Error),
    /// The TLS library refuses what it was given.
    #[error("the TLS settings are refused")]
    Tls(#[from] rustls::Error),
    /// What was just issued cannot be read back.
    #[error("a new certificate cannot be read back: {0}")]
    Unreadable(&'static str),
    /// The authority's certificate is due to be made anew, and could not be written.
    #[error("the certificate of the authority cannot be renewed: {0}")]
    NotRenewed(String),
    /// A TCP address cannot be listened on.
    #[error("the address {address} cannot be listened on")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The Unix socket cannot be made.
    #[error("the socket «{}» cannot be made", path.display())]
    Socket {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A listener that was handed over cannot be used.
    #[error("a listener that was handed over cannot be used")]
    Listener(#[source] io::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match &error {
            Error::Bind { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
                Self::new(409, "port-in-use", format!("Port {} is used by another program", address.port()))
                    .why(format!("{error}: {source}."))
                    .then("Stop that program, or give the supervisor another port.")
            }
            Error::Bind { address, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                Self::new(403, "port-forbidden", format!("The supervisor may not open port {}", address.port()))
                    .why("Ports below 1024 need the capability CAP_NET_BIND_SERVICE.")
                    .then("Start it through its systemd unit or as root, or give it a port from 1024 up.")
            }
            Error::Socket { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Self::new(409, "socket-in-use", "Another supervisor answers on the control socket")
                    .why(format!("{error}: {source}."))
                    .then("Stop the other supervisor, or give this one another socket.")
            }
            Error::Bind { source, .. } | Error::Socket { source, .. } | Error::Listener(source) => {
                Self::new(500, "listener-failed", "A listener cannot be opened").why(format!("{error}: {source}."))
            }
            Error::NotRenewed(why) => Self::new(500, "certificate-not-renewed", "The certificate could not be renewed")
                .why(format!("{why}."))
                .then("The one before is still used. Mend that, then try again."),
            Error::File { source, .. } => Self::new(500, "certificate-file", "A certificate file cannot be used")
                .why(format!("{error}: {source}."))
                .then("Check that the state directory is writable and that the disk is not full."),
            Error::Issue(_) | Error::Tls(_) | Error::Unreadable(_) => Self::internal(),
        }
    }
}
