//! Reading and writing the files in `tls/`, so that a power cut leaves the old file or the new one.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use crate::Error;

/// Only the supervisor's own user reads a private key.
pub(super) const SECRET: u32 = 0o600;
/// Anybody on the box may read a certificate; the folder around it decides who comes that far.
pub(super) const PUBLIC: u32 = 0o644;

/// Makes the folder, 0700, if it is not there.
pub(super) fn make_dir(dir: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(at(dir)(error)),
        _ => fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(at(dir)),
    }
}

/// The file's text, or `None` if there is no such file. A file that is no text counts as an empty one:
/// it is as broken as that. One with a wider mode than `mode` is narrowed.
pub(super) fn read(path: &Path, mode: u32) -> Result<Option<String>, Error> {
    match fs::read(path) {
        Ok(bytes) => {
            let found = fs::metadata(path).map_err(at(path))?.permissions().mode() & 0o777;
            if found & !mode != 0 {
                tracing::warn!(path = %path.display(), mode = format!("{found:o}"), "narrowing the mode of a certificate file");
                fs::set_permissions(path, Permissions::from_mode(mode)).map_err(at(path))?;
            }
            Ok(Some(String::from_utf8(bytes).unwrap_or_default()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

/// Replaces the file as a whole.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let new = path.with_added_extension("new");
    let attempt = || {
        // A left-over of an interrupted write may have another mode; it is never reused.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    };
    attempt().map_err(at(path))
}

/// Moves a broken file out of the way under a name that says so; an earlier one of that name goes.
pub(super) fn put_aside(path: &Path) -> Result<(), Error> {
    let aside = path.with_added_extension("broken");
    tracing::warn!(path = %path.display(), aside = %aside.display(), "a certificate file is broken and was put aside");
    fs::rename(path, aside).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::File { path: path.to_owned(), source }
}
