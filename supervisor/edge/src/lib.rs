//! The front door's lower half: the box's own certificates and the listeners in front of the supervisor.
//!
//! What lives here: the per-box certificate authority and the certificate it signs for the box's own
//! names ([`Certificates`]), and the listeners for HTTPS, for the redirect from HTTP and for the Unix
//! socket ([`FrontDoor`]), with their limits on time and number. What may not: any database, any page
//! or API of its own, and any rule about who may do what; a listener only says who is at the other end.

mod bind;
mod ca;
mod conn;
mod error;
mod front;
mod https;
mod limits;
mod names;
mod redirect;
mod site;
mod unix;

pub use bind::{bind_tcp, bind_unix};
pub use ca::{Certificates, Fingerprint};
pub use error::Error;
pub use front::FrontDoor;
pub use https::Ends;
pub use limits::Limits;
pub use names::Names;
pub use site::Site;
