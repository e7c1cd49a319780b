//! Tells the program when it was built (a clock that is earlier than that is not believed) and the linker how to pack it.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a build script speaks to cargo, and reads its clock"
)]

use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse::<u64>().ok());
    let seconds =
        given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
    println!("cargo::rustc-env=ORBITR_BUILT={seconds}");
    // A list of 36 000 addresses to correct at the start becomes a map of bits: 0.8 MiB less to load and to keep.
    // (glibc 2.36 and binutils 2.38 know it: Debian 12 has both.)
    println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    // 2.8 MiB of tables, where nothing unwinds.
    println!("cargo::rerun-if-changed=no-unwind.ld");
    // (the release profile aborts; cargo tells a build script no more of it than its name)
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{folder}/no-unwind.ld");
    }
}
