//! Named points at which the power may go: nothing in a build, the end of the process in tests that ask.

/// The environment variable that names the point at which a test's process ends.
#[cfg(test)]
pub(crate) const ABORT_AT: &str = "ORBITR_STORE_ABORT_AT";

/// One moment between two effects on the disk.
#[inline]
pub(crate) fn point(name: &str) {
    #[cfg(test)]
    if std::env::var_os(ABORT_AT).is_some_and(|at| at == name) {
        std::process::abort();
    }
    #[cfg(not(test))]
    let _ = name;
}
