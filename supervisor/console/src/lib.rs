//! The menu on the box's own screen: what it shows and how it answers keys.
//!
//! What lives here: a machine without input and output. [`Console::take`] is given what happened (a key, an answer, a
//! minute gone by) and says what it wants done ([`Ask`]); [`Console::draw`] makes the picture. So every screen can be
//! tested without a terminal and without a box.
//! What may not: reading a terminal, asking the supervisor, the time of day. `orbitr console` does that.

mod ask;
mod console;
mod entry;
mod facts;
mod keys;
mod look;
mod network;
mod qr;
mod rows;
mod screen;
mod text;
mod update;
mod view;

pub use self::{
    ask::{Ask, Came, Deed, Event, Hidden, Key, Line, LogSource, NetworkSetting, PowerVerb, Said, Shown, What},
    console::Console,
    facts::{BundlePlace, Facts, Figures, Place, Supervisor, Work, read_welcome},
    look::Look,
    update::AskedUpdate,
};
