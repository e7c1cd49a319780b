//! What containers print: followed or looked at, one line at a time, never more in memory than is being
//! read.

use std::{collections::VecDeque, fmt::Write, pin::Pin, time::Duration};

use futures_util::{Stream, TryStreamExt, stream};
use orbitr_model::Timestamp;
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    ContainerId, Docker, Error,
    engine::LIMIT,
    wire::{self, Answer},
};

/// The longest line handed on, in bytes. The engine itself cuts lines into pieces of this size.
const LINE: usize = 16 * 1024;
/// The longest pause while a log that is not followed is read.
const PAUSE: Duration = Duration::from_secs(30);
/// The most lines of a window.
const WINDOW_LINES: u32 = 5000;
/// The most text of a window: 4 MiB.
const WINDOW_BYTES: usize = 4 * 1024 * 1024;

/// How much of a log is wanted from before the beginning of the reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// All that the engine kept.
    All,
    /// The last lines.
    Lines(u32),
}

/// Which part of a log is wanted.
#[derive(Clone, Copy, Debug)]
pub struct LogRequest {
    /// Whether to go on with what is printed from now on, until the container ends.
    pub follow: bool,
    /// How much of what was printed before.
    pub tail: Tail,
    /// Nothing printed before this moment.
    pub since: Option<Timestamp>,
    /// Nothing printed after this moment.
    pub until: Option<Timestamp>,
    /// Whether standard output is wanted.
    pub stdout: bool,
    /// Whether standard error is wanted.
    pub stderr: bool,
}

impl Default for LogRequest {
    fn default() -> Self {
        Self { follow: false, tail: Tail::All, since: None, until: None, stdout: true, stderr: true }
    }
}

/// Where a line was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Standard output; all of a container with a terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One printed line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// When the engine received it.
    pub time: Option<Timestamp>,
    /// Where it was printed.
    pub source: Source,
    /// The line without its end; bytes that are not UTF-8 are replaced, other control characters are as
    /// they were printed.
    pub text: String,
    /// Whether the line was longer than 16 KiB and its rest is left out.
    pub cut: bool,
}

/// Lines as they come. Dropping it ends the reading at the engine too.
pub type Logs = Pin<Box<dyn Stream<Item = Result<LogLine, Error>> + Send>>;

impl Docker {
    /// The log of one of our containers. Ends at the log's end, or, when followed, when the container
    /// ends.
    ///
    /// # Errors
    /// The container is gone or not ours, or the engine does not answer; while reading, the engine is
    /// lost.
    pub async fn logs(&self, id: &ContainerId, request: LogRequest) -> Result<Logs, Error> {
        let container = self.inspect(id).await?;
        let answer =
            wire::get(&self.config().socket, &path(id, &request), &format!("log of container {id}"), LIMIT).await?;
        let answer = if request.follow { answer } else { answer.limit(PAUSE) };
        let reader = Reader { answer, decoder: Decoder::new(container.tty), lines: VecDeque::new(), ended: false };
        Ok(Box::pin(stream::try_unfold(reader, |mut reader| async move {
            Ok(reader.next().await?.map(|line| (line, reader)))
        })))
    }

    /// The last lines of a container's log, at most 5000 and 4 MiB, for a page.
    ///
    /// # Errors
    /// As [`logs`](Self::logs).
    pub async fn logs_window(&self, id: &ContainerId, lines: u32) -> Result<Vec<LogLine>, Error> {
        let request = LogRequest { tail: Tail::Lines(lines.min(WINDOW_LINES)), ..LogRequest::default() };
        let read = async {
            let mut window = VecDeque::new();
            let mut bytes = 0;
            let mut logs = self.logs(id, request).await?;
            while let Some(line) = logs.try_next().await? {
                bytes += line.text.len();
                window.push_back(line);
                while bytes > WINDOW_BYTES {
                    bytes -= window.pop_front().map_or(bytes, |line: LogLine| line.text.len());
                }
            }
            Ok(window.into())
        };
        match timeout(PAUSE, read).await {
            Ok(window) => window,
            Err(_) => Err(Error::Timeout { what: format!("log of container {id}"), after: PAUSE }),
        }
    }
}

fn path(id: &ContainerId, request: &LogRequest) -> String {
    let flag = |set: bool| if set { "1" } else { "0" };
    let mut path = format!(
        "/containers/{id}/logs?timestamps=1&follow={}&stdout={}&stderr={}",
        flag(request.follow),
        flag(request.stdout),
        flag(request.stderr)
    );
    // Writing to a string does not fail.
    let _ = match request.tail {
        Tail::All => write!(path, "&tail=all"),
        Tail::Lines(lines) => write!(path, "&tail={lines}"),
    };
    for (name, moment) in [("since", request.since), ("until", request.until)] {
        if let Some(moment) = moment {
            let _ = write!(path, "&{name}={}.{:09}", moment.as_second(), moment.subsec_nanosecond());
        }
    }
    path
}

struct Reader {
    answer: Answer,
    decoder: Decoder,
    lines: VecDeque<LogLine>,
    ended: bool,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<LogLine>, Error> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(Some(line));
            }
            if self.ended {
                return Ok(None);
            }
            match self.answer.next().await? {
                Some(piece) => self.decoder.push(&piece, &mut self.lines),
                None => {
                    self.ended = true;
                    self.decoder.end(&mut self.lines);
                }
            }
        }
    }
}

/// Takes apart what the engine sends: for a container with a terminal plain text, for others frames of
/// eight bytes (source, three of padding, length in network order) and that many bytes of text. Each
/// frame is a line or, of a long line, a piece, and begins with its time.
pub(crate) struct Decoder {
    frame: Frame,
    out: Line,
    err: Line,
}

enum Frame {
    /// A terminal's text: no frames at all.
    Text,
    Header {
        bytes: [u8; 8],
        have: usize,
    },
    Payload {
        source: Source,
        left: u32,
    },
}

const HEADER: Frame = Frame::Header { bytes: [0; 8], have: 0 };

impl Decoder {
    pub(crate) const fn new(tty: bool) -> Self {
        let frame = if tty { Frame::Text } else { HEADER };
        Self { frame, out: Line::new(Source::Stdout), err: Line::new(Source::Stderr) }
    }

    pub(crate) fn push(&mut self, mut piece: &[u8], lines: &mut VecDeque<LogLine>) {
        while let [first, rest @ ..] = piece {
            match &mut self.frame {
                Frame::Text => {
                    self.out.push(piece, lines);
                    return;
                }
                Frame::Header { bytes, have } => {
                    if let Some(slot) = bytes.get_mut(*have) {
                        *slot = *first;
                    }
                    *have += 1;
                    piece = rest;
                    if *have == bytes.len() {
                        let [source, _, _, _, a, b, c, d] = *bytes;
                        let source = if source == 2 { Source::Stderr } else { Source::Stdout };
                        self.line(source).begin_frame();
                        self.payload(source, u32::from_be_bytes([a, b, c, d]));
                    }
                }
                Frame::Payload { source, left } => {
                    let (source, left) = (*source, *left);
                    let here = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let (text, rest) = piece.split_at(here);
                    self.line(source).push(text, lines);
                    piece = rest;
                    self.payload(source, left.saturating_sub(u32::try_from(here).unwrap_or(u32::MAX)));
                }
            }
        }
    }

    pub(crate) fn end(&mut self, lines: &mut VecDeque<LogLine>) {
        for line in [&mut self.out, &mut self.err] {
            line.end(lines);
        }
    }

    fn payload(&mut self, source: Source, left: u32) {
        self.frame = if left == 0 { HEADER } else { Frame::Payload { source, left } };
    }

    const fn line(&mut self, source: Source) -> &mut Line {
        match source {
            Source::Stdout => &mut self.out,
            Source::Stderr => &mut self.err,
        }
    }
}

/// The longest time that the engine writes, `2026-11-22T10:00:00.123456789+00:00`, with its space.
const TIME: usize = 40;

/// A line that is being put together.
struct Line {
    source: Source,
    bytes: Vec<u8>,
    begun: bool,
    /// Its end was left out.
    cut: bool,
    piece: Piece,
}

/// Which piece of a line comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// The first one, which is kept.
    First,
    /// The time at the beginning of a later one.
    Time,
    /// The text of a later one.
    Rest,
}

impl Line {
    const fn new(source: Source) -> Self {
        Self { source, bytes: Vec::new(), begun: false, cut: false, piece: Piece::First }
    }

    /// A frame in the middle of a line goes on with a line that has filled its bound: the engine cuts at
    /// the same length.
    const fn begin_frame(&mut self) {
        if self.begun {
            self.piece = Piece::Time;
        }
    }

    fn push(&mut self, text: &[u8], lines: &mut VecDeque<LogLine>) {
        for part in text.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            self.begun = true;
            self.add(text);
            if ends {
                self.end(lines);
            }
        }
    }

    fn add(&mut self, mut text: &[u8]) {
        if self.piece == Piece::Time
            && let Some(space) = text.iter().position(|byte| *byte == b' ')
        {
            self.piece = Piece::Rest;
            text = text.get(space + 1..).unwrap_or_default();
        }
        match self.piece {
            Piece::First => {
                // One byte more than fits shows that the line goes on.
                let room = (TIME + LINE + 1).saturating_sub(self.bytes.len());
                self.bytes.extend(text.iter().take(room));
                self.cut |= text.len() > room;
            }
            Piece::Time => {}
            Piece::Rest => self.cut |= !text.is_empty(),
        }
    }

    fn end(&mut self, lines: &mut VecDeque<LogLine>) {
        if self.begun {
            lines.push_back(self.line());
        }
        *self = Self::new(self.source);
    }

    fn line(&self) -> LogLine {
        let bytes = self.bytes.strip_suffix(b"\r").unwrap_or(&self.bytes);
        let (time, text) = split_time(bytes);
        let kept = text.get(..LINE).unwrap_or(text);
        let cut = self.cut || kept.len() < text.len();
        LogLine { time, source: self.source, text: String::from_utf8_lossy(kept).into_owned(), cut }
    }
}

fn split_time(bytes: &[u8]) -> (Option<Timestamp>, &[u8]) {
    let head = bytes.get(..TIME).unwrap_or(bytes);
    let space = head.iter().position(|byte| *byte == b' ').unwrap_or(head.len());
    let (word, rest) = bytes.split_at(space);
    match std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()) {
        Some(time) => (Some(time), rest.strip_prefix(b" ").unwrap_or(rest)),
        None => (None, bytes),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(source: u8, text: &str) -> Vec<u8> {
        let mut frame = vec![source, 0, 0, 0];
        frame.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        frame.extend(text.as_bytes());
        frame
    }

    fn decode<'a>(tty: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<LogLine> {
        let mut decoder = Decoder::new(tty);
        let mut lines = VecDeque::new();
        for piece in pieces {
            decoder.push(piece, &mut lines);
        }
        decoder.end(&mut lines);
        lines.into()
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_pieces_end(
            lines in proptest::collection::vec((1u8..3, "[a-z ]{0,30}"), 0..8),
            size in 1usize..40,
        ) {
            let time = "2026-11-22T10:00:00.000000001Z";
            let bytes: Vec<u8> = lines.iter().flat_map(|(s, text)| frame(*s, &format!("{time} {text}\n"))).collect();
            let decoded = decode(false, bytes.chunks(size));
            let seen: Vec<_> = decoded.iter().map(|line| (line.source == Source::Stderr, line.text.as_str())).collect();
            let sent: Vec<_> = lines.iter().map(|(source, text)| (*source == 2, text.as_str())).collect();
            prop_assert_eq!(seen, sent);
            prop_assert!(decoded.iter().all(|line| line.time.is_some() && !line.cut));
        }

        #[test]
        fn no_bytes_break_it_or_make_it_hold_much(
            bytes in proptest::collection::vec(any::<u8>(), 0..4000),
            tty in any::<bool>(),
        ) {
            let lines = decode(tty, bytes.chunks(7));
            // a byte that is no UTF-8 becomes a sign of three
            prop_assert!(lines.iter().all(|line| line.text.len() <= 3 * LINE));
        }
    }

    #[test]
    fn a_frame_that_claims_four_gigabytes_costs_nothing() {
        let mut bytes = vec![1, 0, 0, 0, 255, 255, 255, 255];
        bytes.extend(vec![b'x'; 100_000]);
        let lines = decode(false, [bytes.as_slice()]);
        assert_eq!((lines.len(), lines[0].text.len(), lines[0].cut), (1, LINE, true));
    }

    #[test]
    fn pieces_of_a_long_line_are_one_cut_line() {
        let time = "2026-11-22T10:00:00.000000001Z";
        let full = "x".repeat(LINE);
        let bytes = [
            frame(1, &format!("{time} {full}")),
            frame(2, &format!("{time} between\n")),
            frame(1, &format!("{time} more")),
            frame(1, &format!("{time} \n")),
            frame(1, &format!("{time} next\n")),
        ]
        .concat();
        let lines = decode(false, [bytes.as_slice()]);
        let shape: Vec<_> = lines.iter().map(|line| (line.text.len(), line.cut)).collect();
        assert_eq!(shape, [(7, false), (LINE, true), (4, false)]);
    }
}
