//! Output held within bounds: the end of everything, and one line at a time.

use std::collections::VecDeque;

use super::LINE;

/// The last `limit` bytes of what was pushed.
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    limit: usize,
    dropped: u64,
}

impl Tail {
    pub(super) const fn new(limit: usize) -> Self {
        Self { bytes: VecDeque::new(), limit, dropped: 0 }
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend(chunk);
        let over = self.bytes.len().saturating_sub(self.limit);
        self.bytes.drain(..over);
        self.dropped += over as u64;
    }

    pub(super) fn into_parts(self) -> (Vec<u8>, u64) {
        (self.bytes.into(), self.dropped)
    }
}

/// Cuts a stream of bytes into lines of at most [`LINE`] bytes.
#[derive(Default)]
pub(super) struct Lines {
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn push(&mut self, chunk: &[u8], on_line: &mut (dyn FnMut(&str) + Send)) {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            let room = LINE.saturating_sub(self.line.len());
            self.line.extend(text.iter().take(room));
            if ends {
                self.flush(on_line);
            }
        }
    }

    /// Hands on what is there after the last line end.
    pub(super) fn end(&mut self, on_line: &mut (dyn FnMut(&str) + Send)) {
        if !self.line.is_empty() {
            self.flush(on_line);
        }
    }

    fn flush(&mut self, on_line: &mut (dyn FnMut(&str) + Send)) {
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        on_line(&String::from_utf8_lossy(line));
        self.line.clear();
    }
}

/// The last lines of an error output: at most 20 lines and 4 KiB, without control characters.
pub(super) fn last_lines(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr.get(stderr.len().saturating_sub(4096)..).unwrap_or(stderr));
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default();
    last.join("\n").chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}
