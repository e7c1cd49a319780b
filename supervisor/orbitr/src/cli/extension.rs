//! For authors of extensions: `orbitr ext new`, `check` and `schema`. They work on files and need no box.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use orbitr_sdk::Diagnostic;

use super::{
    args::ExtensionVerb,
    failure::{Exit, Failure},
    output::Output,
};

/// What a new extension starts from.
const MANIFEST: &str = include_str!("../../starter/extension.yaml");
/// The id in it.
const STARTER: &str = "my-extension";
const ICON: &str = include_str!("../../starter/icon.svg");

pub(super) fn run(verb: ExtensionVerb, out: &mut Output) -> Result<Exit, Failure> {
    match verb {
        ExtensionVerb::New { folder } => new(&folder, out),
        ExtensionVerb::Check { folders } => check(&folders, out),
        ExtensionVerb::Schema => out.json(&orbitr_sdk::schema()).map(|()| Exit::Done),
    }
}

fn new(folder: &Path, out: &mut Output) -> Result<Exit, Failure> {
    let shown = folder.display();
    let id = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if let Err(error) = format!("{}/{id}", orbitr_catalog::LOCAL).parse::<orbitr_model::ExtensionId>() {
        return Err(Failure::Usage(format!("the folder's name becomes the extension's id: {error}")));
    }
    let written = || -> io::Result<()> {
        fs::create_dir(folder)?;
        fs::write(folder.join("extension.yaml"), MANIFEST.replace(STARTER, id))?;
        fs::write(folder.join("icon.svg"), ICON)
    };
    written().map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::Usage(format!("{shown} is there already; nothing was changed")),
        _ => Failure::Local(format!("{shown} cannot be made: {error}")),
    })?;
    out.line(&format!("{shown} is a new extension. Make it your own, then:"))?;
    out.line(&format!("  orbitr ext check {shown}"))?;
    out.line(&format!("  orbitr supervise --extensions {}", parent(folder).display()))?;
    Ok(Exit::Done)
}

/// The folder above, in words that can be typed.
fn parent(folder: &Path) -> &Path {
    folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn check(folders: &[PathBuf], out: &mut Output) -> Result<Exit, Failure> {
    let mut found = Vec::new();
    for folder in folders {
        // `.` and `..` have a name too, once they are followed.
        let whole = folder
            .canonicalize()
            .map_err(|error| Failure::Usage(format!("{} cannot be read: {error}", folder.display())))?;
        let problems = orbitr_catalog::check(&whole)
            .map_err(|_| Failure::Usage(format!("{} is no folder of an extension", folder.display())))?;
        found.extend(problems);
    }
    let errors = found.iter().filter(|problem| problem.is_error()).count();
    if out.is_json() {
        out.json(&serde_json::json!({ "extensions": folders.len(), "errors": errors, "problems": found }))?;
    } else {
        tell(&found, folders.len(), errors, out)?;
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Usage })
}

fn tell(found: &[Diagnostic], folders: usize, errors: usize, out: &mut Output) -> Result<(), Failure> {
    for problem in found {
        out.line(&problem.to_string())?;
    }
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let warnings = found.len() - errors;
    out.line(&format!("{}: {}, {}", count(folders, "extension"), count(errors, "error"), count(warnings, "warning")))
}
