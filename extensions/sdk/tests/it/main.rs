//! The manifest through its public face.

mod compose;
mod diagnostics;
mod fixture;
mod hostile;
mod inputs;
mod lints;
mod samples;
mod secrets;
mod variables;
