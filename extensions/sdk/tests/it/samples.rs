//! Whole manifests.

use orbitr_sdk::Manifest;

pub const NEXTCLOUD: &str = include_str!("samples/nextcloud.yaml");

#[test]
fn the_whole_format_is_read() {
    let manifest = Manifest::parse(NEXTCLOUD, "extension.yaml")
        .unwrap_or_else(|errors| panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")));
    assert_eq!(manifest.id(), "nextcloud");
}
