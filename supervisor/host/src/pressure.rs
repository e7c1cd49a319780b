//! Pressure stall information: how much of the time somebody waits for something that is short (proc(5), the kernel's
//! `Documentation/accounting/psi.rst`).

use std::{fs, path::Path};

/// How much of the time at least one process waited for memory, 0 to 100 per cent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// Over the last ten seconds.
    pub over_10_s: f64,
    /// Over the last five minutes.
    pub over_5_min: f64,
}

/// The pressure on memory; none where the kernel does not count it.
#[must_use]
pub fn memory() -> Option<Pressure> {
    of(Path::new("/proc/pressure/memory"))
}

/// The same from such a file.
#[must_use]
pub fn of(file: &Path) -> Option<Pressure> {
    read(&fs::read_to_string(file).ok()?)
}

/// Reads `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, the first line of the file.
fn read(text: &str) -> Option<Pressure> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let average = |name: &str| {
        let word = some.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        word?.parse::<f64>().ok().filter(|value| (0.0..=100.0).contains(value))
    };
    Some(Pressure { over_10_s: average("avg10")?, over_5_min: average("avg300")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_some_is_read() {
        let text =
            "some avg10=31.25 avg60=8.00 avg300=22.50 total=99\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=3\n";
        assert_eq!(read(text), Some(Pressure { over_10_s: 31.25, over_5_min: 22.5 }));
    }

    #[test]
    fn what_is_no_such_file_is_no_pressure() {
        for text in ["", "some", "some avg10=x avg300=1.00", "full avg10=1.00 avg300=1.00", "some avg10=1 avg300=NaN"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(of(Path::new("/nonexistent/pressure")), None);
    }
}
