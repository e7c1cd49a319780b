//! The admin UI: pages in maud over the rooms' operations.
//!
//! What lives here: components (`ui`), the shell around pages (`shell`), the security headers of every answer (`csp`), the
//! files the browser loads (`assets`), one browser's choices (`prefs`), one message over one redirect (`flash`), and the
//! pages, one folder a room. What may not: any rule about what is allowed or done; any HTML outside of maud; any inline
//! script or style.

mod access;
mod apps;
pub mod assets;
pub mod csp;
pub mod data;
pub mod flash;
mod history;
mod home;
mod hub;
mod installer;
mod issues;
mod jobs;
mod machine;
mod palette;
pub mod prefs;
pub mod recovery;
mod reference;
mod serve;
mod settings;
pub mod shell;
mod site;
mod trouble;
pub mod ui;

pub use self::{
    hub::Hub,
    serve::{Served, gate, serve, table},
    site::{Certificates, Reference, Site},
};
