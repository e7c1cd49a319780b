//! In hosted mode, the block that says how to get in, for `orbitr console`: beside the control socket, for whoever may use
//! that.

use std::path::Path;

use orbitr_host::files;

/// Leaves it. Without it the menu says less, and everything else works.
pub(super) fn leave(socket: &Path, block: &str) {
    let path = socket.with_file_name("welcome");
    if let Err(error) = files::write(&path, block.as_bytes(), 0o600) {
        tracing::debug!(%error, path = %path.display(), "the console menu cannot be told how to get in");
    }
}
