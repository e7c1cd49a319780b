//! The manifest through its public face.

mod samples;
