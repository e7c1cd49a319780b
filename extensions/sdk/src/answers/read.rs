//! One answer: its type, its bounds, its pattern. The same rules check the defaults that a manifest writes.

use std::net::IpAddr;

use orbitr_model::ByteSize;
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{Answer, net, size_text};
use crate::{
    secret::SecretText,
    sections::{Choice, InputKind, PathSource, TimeSpan},
};

/// Characters of one line.
const LINE_CHARS: u32 = 1000;
/// Characters of a long text or a key.
const TEXT_CHARS: u32 = 16 * 1024;
/// Characters that a password has at least.
const PASSWORD_CHARS: u32 = 8;
/// Memory of a compiled pattern, in bytes.
const PATTERN_BYTES: usize = 1 << 20;

/// Reads an answer. JSON values and the texts of an HTML form are both understood. An empty text is no answer.
///
/// # Errors
/// A sentence for the person who answered. It never holds the answer to a password or key.
pub(crate) fn read(kind: &InputKind, given: &Value) -> Result<Answer, String> {
    if given.is_null() || (given.as_str() == Some("") && !matches!(kind, InputKind::Bool(_) | InputKind::Multi(_))) {
        return Ok(Answer::Unset);
    }
    match kind {
        InputKind::String(_) | InputKind::Text(_) | InputKind::Password(_) | InputKind::Secret(_) => text(kind, given),
        InputKind::Bool(_) => bool(given),
        InputKind::Int(_) | InputKind::Float(_) | InputKind::Size(_) | InputKind::Duration(_) => measure(kind, given),
        InputKind::Enum(input) => one_of(&line(given)?, &input.options).map(Answer::Text),
        InputKind::Multi(input) => several(given, &input.options),
        InputKind::Port(_) => match number::<u16>(given) {
            Some(port) if port > 0 => Ok(Answer::Port(port)),
            _ => Err("write a port from 1 to 65535".to_owned()),
        },
        InputKind::Path(input) => {
            let source = match line(given)?.as_str() {
                "managed" => PathSource::Managed,
                "share" => PathSource::Share,
                "host" => PathSource::Host,
                _ => return Err("choose managed, share or host".to_owned()),
            };
            let allowed =
                if input.allow.is_empty() { source == PathSource::Managed } else { input.allow.contains(&source) };
            if allowed { Ok(Answer::Path(source)) } else { Err("this place is not among the choices".to_owned()) }
        }
        other => address(other, given),
    }
}

/// Texts, passwords and keys.
fn text(kind: &InputKind, given: &Value) -> Result<Answer, String> {
    match kind {
        InputKind::String(input) => {
            let text = line(given)?;
            length(&text, input.min_length, input.max_length.unwrap_or(LINE_CHARS))?;
            matches(&text, input.pattern.as_deref(), input.message.as_deref())?;
            Ok(Answer::Text(text))
        }
        InputKind::Text(input) => {
            let text = lines(given)?;
            length(&text, input.min_length, input.max_length.unwrap_or(TEXT_CHARS).min(TEXT_CHARS))?;
            Ok(Answer::Text(text))
        }
        InputKind::Password(input) => {
            let text = line(given)?;
            length(&text, Some(input.min_length.unwrap_or(PASSWORD_CHARS)), input.max_length.unwrap_or(LINE_CHARS))?;
            matches(&text, input.pattern.as_deref(), input.message.as_deref())?;
            Ok(Answer::Secret(SecretText::new(text)))
        }
        InputKind::Secret(input) => {
            let text = lines(given)?;
            length(&text, input.min_length, input.max_length.unwrap_or(TEXT_CHARS).min(TEXT_CHARS))?;
            Ok(Answer::Secret(SecretText::new(text)))
        }
        other => address(other, given),
    }
}

/// Numbers, sizes and lengths of time.
fn measure(kind: &InputKind, given: &Value) -> Result<Answer, String> {
    match kind {
        InputKind::Int(input) => {
            let number = number::<i64>(given).ok_or("write a whole number")?;
            between(number, input.min, input.max, |number| number.to_string())?;
            Ok(Answer::Int(number))
        }
        InputKind::Float(input) => {
            let number = number::<f64>(given).filter(|number| number.is_finite()).ok_or("write a number")?;
            between(number, input.min, input.max, |number| number.to_string())?;
            Ok(Answer::Float(number))
        }
        InputKind::Size(input) => {
            let size = number::<ByteSize>(given).ok_or("write a whole number with a unit such as 512Mi or 2Gi")?;
            between(size, input.min, input.max, |size| size_text(*size))?;
            Ok(Answer::Size(size))
        }
        InputKind::Duration(input) => {
            let span = number::<TimeSpan>(given).ok_or("write a length of time such as 30s, 5m or 1h30m")?;
            between(span, input.min, input.max, TimeSpan::to_string)?;
            Ok(Answer::Duration(span))
        }
        other => address(other, given),
    }
}

/// The types that are names and addresses, and those that no box can answer yet.
fn address(kind: &InputKind, given: &Value) -> Result<Answer, String> {
    let text = line(given)?;
    let text = text.trim();
    let (good, rule) = match kind {
        InputKind::Domain(input) => {
            let host = text.strip_prefix("*.").filter(|_| input.wildcard).unwrap_or(text);
            (net::is_host(host), "write a host name such as cloud.example.org")
        }
        InputKind::Url(_) => (net::is_url(text), "write a web address such as https://example.org"),
        InputKind::Email(_) => (net::is_email(text), "write a mail address such as name@example.org"),
        InputKind::Ip(_) => (text.parse::<IpAddr>().is_ok(), "write an IP address such as 192.168.0.10"),
        InputKind::Cidr(_) => (net::is_cidr(text), "write a range of addresses such as 192.168.0.0/24"),
        InputKind::Timezone(_) => (net::has_zone_form(text), "write a time zone such as Europe/Berlin"),
        InputKind::Locale(_) => (net::is_locale(text), "write a language such as de or de_DE"),
        other => return Err(format!("answers of type {} are not supported yet", other.name())),
    };
    let text = if matches!(kind, InputKind::Domain(_)) { text.to_ascii_lowercase() } else { text.to_owned() };
    if good { Ok(Answer::Text(text)) } else { Err(rule.to_owned()) }
}

/// One line without control characters.
fn line(given: &Value) -> Result<String, String> {
    let text = scalar(given).ok_or("write a text")?;
    if text.chars().any(char::is_control) {
        return Err("write one line, without control characters".to_owned());
    }
    Ok(text)
}

/// Lines; their ends become plain line feeds, as containers expect.
fn lines(given: &Value) -> Result<String, String> {
    let text = scalar(given).ok_or("write a text")?.replace("\r\n", "\n");
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err("leave out control characters".to_owned());
    }
    Ok(text)
}

fn scalar(given: &Value) -> Option<String> {
    match given {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number<T: std::str::FromStr>(given: &Value) -> Option<T> {
    match given {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

fn bool(given: &Value) -> Result<Answer, String> {
    match given {
        Value::Bool(value) => Ok(Answer::Bool(*value)),
        Value::String(text) => match text.as_str() {
            // `on` is what a browser sends for a ticked box.
            "true" | "on" => Ok(Answer::Bool(true)),
            "false" | "off" | "" => Ok(Answer::Bool(false)),
            _ => Err("write true or false".to_owned()),
        },
        _ => Err("write true or false".to_owned()),
    }
}

fn length(text: &str, min: Option<u32>, max: u32) -> Result<(), String> {
    let length = text.chars().count();
    let min = min.unwrap_or(0);
    if length < min as usize {
        return Err(format!("write at least {min} characters"));
    }
    if length > max as usize {
        return Err(format!("write at most {max} characters"));
    }
    Ok(())
}

fn between<T: PartialOrd>(
    value: T,
    min: Option<T>,
    max: Option<T>,
    shown: impl Fn(&T) -> String,
) -> Result<(), String> {
    if let Some(min) = min.filter(|min| value < *min) {
        return Err(format!("{} is the least", shown(&min)));
    }
    if let Some(max) = max.filter(|max| value > *max) {
        return Err(format!("{} is the most", shown(&max)));
    }
    Ok(())
}

/// A pattern that the whole text must match. It is bounded in size, and matching takes time linear in the text.
pub(crate) fn pattern(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(PATTERN_BYTES)
        .build()
        .map_err(|_| "this is not a regular expression of this box: no look-around, no back-references".to_owned())
}

fn matches(text: &str, wanted: Option<&str>, message: Option<&str>) -> Result<(), String> {
    let Some(wanted) = wanted else { return Ok(()) };
    if pattern(wanted)?.is_match(text) {
        return Ok(());
    }
    Err(message.map_or_else(|| format!("it must match {wanted}"), str::to_owned))
}

fn one_of(text: &str, options: &[Choice]) -> Result<String, String> {
    if options.iter().any(|option| option.value == text) {
        return Ok(text.to_owned());
    }
    let known: Vec<&str> = options.iter().map(|option| option.value.as_str()).collect();
    Err(format!("choose one of {}", known.join(", ")))
}

fn several(given: &Value, options: &[Choice]) -> Result<Answer, String> {
    let chosen: Vec<String> = match given {
        Value::Array(items) => {
            items.iter().map(|item| scalar(item).ok_or("choose from the list")).collect::<Result<_, _>>()?
        }
        _ => scalar(given)
            .ok_or("choose from the list")?
            .split(',')
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    for text in &chosen {
        one_of(text, options)?;
    }
    let in_order = options.iter().filter(|option| chosen.contains(&option.value));
    Ok(Answer::Choices(in_order.map(|option| option.value.clone()).collect()))
}
