//! One entry of the journal, as journalctl writes it in JSON.

use serde_json::{Map, Value};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is; a look can go on from here.
    pub cursor: String,
    /// When it was written, in microseconds since 1970.
    pub at_us: i64,
    /// Which boot it is from, 32 hexadecimal digits.
    pub boot: String,
    /// The unit that it is about; none for the kernel and for processes outside of any.
    pub unit: Option<String>,
    /// What wrote it, by its own word: `dockerd`, `kernel` …
    pub identifier: String,
    /// The process that wrote it.
    pub process: Option<u32>,
    /// 0 (emergency) to 7 (debug), as syslog counts.
    pub priority: u8,
    /// What it says. Bytes that are no text are replaced.
    pub message: String,
}

/// What stands where a message was too long to be shown: journalctl leaves out more than 4096 bytes.
const TOO_LONG: &str = "(a message of more than 4 KiB)";
/// The priority of an entry that names none: «info».
const INFO: u8 = 6;

impl Entry {
    /// Reads one line; none when it is no entry.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let fields: Map<String, Value> = serde_json::from_str(line).ok()?;
        let text = |name: &str| fields.get(name).and_then(text);
        // What PID 1 says about a unit is filed under that unit.
        let unit = text("UNIT").or_else(|| text("_SYSTEMD_UNIT"));
        Some(Self {
            cursor: text("__CURSOR")?,
            at_us: text("__REALTIME_TIMESTAMP")?.parse().ok()?,
            boot: text("_BOOT_ID").unwrap_or_default(),
            unit,
            identifier: text("SYSLOG_IDENTIFIER").or_else(|| text("_COMM")).unwrap_or_else(|| {
                match text("_TRANSPORT") {
                    Some(kernel) if kernel == "kernel" => kernel,
                    _ => String::new(),
                }
            }),
            process: text("_PID").and_then(|pid| pid.parse().ok()),
            priority: text("PRIORITY").and_then(|priority| priority.parse().ok()).filter(|p| *p <= 7).unwrap_or(INFO),
            message: match fields.get("MESSAGE") {
                Some(Value::Null) => TOO_LONG.to_owned(),
                Some(value) => self::text(value).unwrap_or_default(),
                None => String::new(),
            },
        })
    }
}

/// A field's text: a string, bytes that are no UTF-8 as a list of numbers, or the last of several values.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) if items.iter().all(Value::is_u64) => {
            let bytes: Vec<u8> = items.iter().filter_map(Value::as_u64).filter_map(|n| u8::try_from(n).ok()).collect();
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        Value::Array(items) => items.last().and_then(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn parse(rest: &str) -> Entry {
        let line = format!(r#"{{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1763800000000000"{rest}}}"#);
        Entry::parse(&line).unwrap()
    }

    #[test]
    fn a_usual_entry() {
        let entry = parse(
            r#","MESSAGE":"Started","PRIORITY":"5","_SYSTEMD_UNIT":"init.scope","UNIT":"docker.service","SYSLOG_IDENTIFIER":"systemd","_PID":"1","_BOOT_ID":"b""#,
        );
        assert_eq!((entry.unit.as_deref(), entry.identifier.as_str()), (Some("docker.service"), "systemd"));
        assert_eq!((entry.priority, entry.process, entry.message.as_str()), (5, Some(1), "Started"));
    }

    #[test]
    fn what_is_odd_is_still_an_entry() {
        assert_eq!(parse(r#","MESSAGE":[104,105,255]"#).message, "hi\u{fffd}");
        assert_eq!(parse(r#","MESSAGE":null"#).message, TOO_LONG);
        assert_eq!(parse(r#","MESSAGE":["one","two"],"PRIORITY":"9""#).message, "two");
        assert_eq!(parse("").priority, INFO);
        assert_eq!(parse(r#","_TRANSPORT":"kernel""#).identifier, "kernel");
        assert_eq!(Entry::parse("-- No entries --"), None);
        assert_eq!(Entry::parse(r#"{"MESSAGE":"without a cursor"}"#), None);
    }

    proptest! {
        #[test]
        fn no_line_breaks_it(line in "(?s).{0,200}") {
            let _ = Entry::parse(&line);
        }
    }
}
