//! How long and how many: the limits of the listeners.

use std::time::Duration;

/// The limits that keep one slow or hostile client from taking the front door away from the others.
#[derive(Clone, Debug)]
pub struct Limits {
    /// TLS connections at once; further ones are answered 503 or closed.
    pub connections: usize,
    /// Plain connections at once on the redirecting port.
    pub redirects: usize,
    /// Connections at once on the Unix socket.
    pub local: usize,
    /// From accepting a connection to the end of its TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a request to the end of its header; also the wait for the first request.
    pub header: Duration,
    /// How long a connection without a request is kept.
    pub idle: Duration,
    /// How long a request's body may stand still.
    pub body: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub write: Duration,
    /// How long requests in progress may take when the listeners close.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            redirects: 128,
            local: 64,
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(30),
            write: Duration::from_secs(60),
            drain: Duration::from_secs(10),
        }
    }
}
