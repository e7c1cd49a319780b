//! Data that is not lost: each volume named, classified, and kept in the app's folder.

use super::Linter;
use crate::{
    compose::MountSource,
    manifest::Manifest,
    sections::{InputKind, PathMode},
};

pub(super) fn lint(linter: &mut Linter<'_>) {
    let manifest = linter.manifest;
    for used in manifest.volumes().into_iter().filter(|used| used.volume.is_none()) {
        if used.is_input {
            let hint = "add «class: …», or an entry under x-orbitr.volumes";
            linter.error_in_block(&format!("inputs.{}", used.name), "nothing says what this folder holds", hint);
        } else {
            let hint = format!("add «{}: {{class: data}}» to x-orbitr.volumes", used.name);
            linter.error(&format!("volumes.{}", used.name), "nothing says what this volume holds", &hint);
        }
    }
    for (name, service) in &manifest.compose.services {
        for (index, mount) in service.mounts.iter().enumerate() {
            let path = format!("services.{name}.volumes.{index}");
            match &mount.source {
                MountSource::Volume(volume) if !manifest.compose.volumes.contains_key(volume) => {
                    let hint = format!("add «{volume}: {{}}» to the top-level volumes");
                    linter.error_at(mount.at, &path, "this volume is not declared", &hint);
                }
                MountSource::Anonymous => {
                    let hint = "give it a name: «name:/path», and declare it";
                    linter.error_at(mount.at, &path, "a volume without a name is lost with its container", hint);
                }
                MountSource::Bind(source) if !is_absolute(source) && !is_path_variable(source) => {
                    let hint = "use a named volume, an input of type path, or a Compose config";
                    linter.error_at(mount.at, &path, "an extension has no folder of its own on the box", hint);
                }
                MountSource::Bind(source) if !mount.read_only && is_read_only_input(manifest, source) => {
                    let hint = "mount it with :ro, or let its input say mode: rw";
                    linter.error_at(mount.at, &path, "its input promises that the app only reads this folder", hint);
                }
                MountSource::Volume(_) | MountSource::Bind(_) | MountSource::Other => {}
            }
        }
    }
}

/// An absolute path, written out; as such it is a permission.
fn is_absolute(source: &str) -> bool {
    source.starts_with('/') && !source.contains('$') && !source.split('/').any(|part| part == "..")
}

/// `${PATH_NAME}`, alone or with a path behind it.
fn is_path_variable(source: &str) -> bool {
    source.strip_prefix("${PATH_").and_then(|rest| rest.split_once('}')).is_some_and(|(_, rest)| {
        (rest.is_empty() || rest.starts_with('/')) && !rest.split('/').any(|part| part == "..")
    })
}

fn is_read_only_input(manifest: &Manifest, source: &str) -> bool {
    let name = source.strip_prefix("${PATH_").and_then(|rest| rest.split_once('}')).map(|(name, _)| name);
    let input = name.and_then(|name| manifest.inputs().get(name.to_ascii_lowercase().as_str()));
    matches!(input.map(|input| &input.kind), Some(InputKind::Path(path)) if path.mode == PathMode::Ro)
}
