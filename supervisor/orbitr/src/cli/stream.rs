//! Server-sent events (the HTML standard, «Server-sent events»), as much of them as the API sends.

use reqwest::Response;

use super::{client::Client, failure::Failure};

/// An event may be at most so long; a log line is far shorter.
const LONGEST: usize = 1 << 20;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its kind; `message` when it says none.
    pub(crate) name: String,
    /// What it says.
    pub(crate) data: String,
}

/// The events of an answer, as they come.
pub(crate) struct Events<'a> {
    client: &'a Client,
    answer: Response,
    parser: Parser,
}

impl<'a> Events<'a> {
    pub(crate) fn new(client: &'a Client, answer: Response) -> Self {
        Self { client, answer, parser: Parser::default() }
    }

    /// The next event; none when the stream has ended.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if let Some(event) = self.parser.next() {
                return Ok(Some(event));
            }
            if self.parser.rest.len() > LONGEST {
                return Err(Failure::Local("the box sent a line that is too long".to_owned()));
            }
            match self.answer.chunk().await.map_err(|error| self.client.unreachable(&error))? {
                Some(chunk) => self.parser.rest.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

/// Bytes that have come, and the lines of the event that is being read.
#[derive(Default)]
struct Parser {
    rest: Vec<u8>,
    name: String,
    data: Vec<String>,
}

impl Parser {
    /// Takes whole lines until an event is complete.
    fn next(&mut self) -> Option<Event> {
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "data" => self.data.push(value.to_owned()),
                "event" => value.clone_into(&mut self.name),
                "" if line.is_empty() => {
                    let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
                    if !data.is_empty() {
                        let name = if name.is_empty() { "message".to_owned() } else { name };
                        return Some(Event { name, data: data.join("\n") });
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = ": hello\n\ndata: {\"a\":1}\n\nevent: problem\r\ndata: x\r\ndata: y\r\n\r\n";
        let mut parser = Parser::default();
        let mut found = Vec::new();
        for byte in text.bytes() {
            parser.rest.push(byte);
            found.extend(parser.next());
        }
        let event = |name: &str, data: &str| Event { name: name.to_owned(), data: data.to_owned() };
        assert_eq!(found, [event("message", "{\"a\":1}"), event("problem", "x\ny")]);
    }
}
