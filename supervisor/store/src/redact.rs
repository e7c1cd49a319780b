//! Takes known secrets out of text before it is kept or shown.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    fmt,
    ops::Range,
    sync::{Arc, PoisonError, RwLock},
};

use data_encoding::{BASE64, BASE64URL};

/// What stands in the place of a secret.
pub const MARK: &str = "«secret»";

/// Shorter secrets are ignored: they would be found everywhere.
const MIN_CHARS: usize = 6;
/// A line of a secret of several lines (a key in PEM) counts from this length on.
const MIN_LINE_CHARS: usize = 16;

/// Knows the box's secrets and replaces them, in the spellings in which they turn up in logs. A handle:
/// clones know the same secrets.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Spellings>>);

/// Every spelling of every secret, by its first bytes: a text is then looked at once, however many
/// secrets there are.
type Spellings = HashMap<[u8; KEY_BYTES], BTreeSet<String>>;
const KEY_BYTES: usize = 4;

impl Redactor {
    /// Knows this secret from now on, for as long as the process runs: a secret that was replaced may
    /// still turn up. Secrets of fewer than 6 characters are ignored.
    pub fn add(&self, secret: &str) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for spelling in spellings(secret) {
            if let Some(key) = spelling.as_bytes().first_chunk() {
                known.entry(*key).or_default().insert(spelling);
            }
        }
    }

    /// The text with every known secret replaced by [`MARK`].
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let found = self.find(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut clean = String::with_capacity(text.len());
        let mut copied = 0;
        for range in found {
            // Finds that overlap are one: what lies between them must not survive.
            if range.start >= copied {
                clean.push_str(text.get(copied..range.start).unwrap_or_default());
                clean.push_str(MARK);
            }
            copied = copied.max(range.end);
        }
        clean.push_str(text.get(copied..).unwrap_or_default());
        Cow::Owned(clean)
    }

    /// Where secrets begin and how far the longest that begins there reaches, in order.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            return Vec::new();
        }
        let bytes = text.as_bytes();
        let mut found = Vec::new();
        for (at, key) in bytes.windows(KEY_BYTES).enumerate() {
            let Some(spellings) = <&[u8; KEY_BYTES]>::try_from(key).ok().and_then(|key| known.get(key)) else {
                continue;
            };
            let rest = bytes.get(at..).unwrap_or_default();
            let hits = spellings.iter().filter(|spelling| rest.starts_with(spelling.as_bytes()));
            if let Some(longest) = hits.map(String::len).max() {
                found.push(at..at + longest);
            }
        }
        found
    }

    /// Every text in a JSON value, redacted.
    pub(crate) fn redact_json(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                if let Cow::Owned(clean) = self.redact(text) {
                    *text = clean;
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
            serde_json::Value::Object(fields) => fields.values_mut().for_each(|field| self.redact_json(field)),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor(«redacted»)")
    }
}

/// Every spelling in which a secret is looked for.
fn spellings(secret: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    if secret.chars().count() < MIN_CHARS {
        return all;
    }
    let mut parts = vec![secret];
    // Logs have lines; a secret with line breaks is met one line at a time.
    if secret.contains('\n') {
        parts.extend(
            secret
                .lines()
                .map(str::trim)
                .filter(|line| line.chars().count() >= MIN_LINE_CHARS && !line.starts_with("-----")),
        );
    }
    for part in parts {
        all.insert(part.to_owned());
        all.extend(percent_encoded(part));
        all.extend(json_escaped(part));
        all.extend(base64_inside(part.as_bytes()));
    }
    all
}

/// RFC 3986 percent-encoding with hexadecimal digits of both cases, and the form variant with `+`.
fn percent_encoded(text: &str) -> [String; 4] {
    let encode = |keep: &[u8], upper: bool| {
        let mut out = String::new();
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || keep.contains(&byte) {
                out.push(char::from(byte));
            } else if upper {
                out.push_str(&format!("%{byte:02X}"));
            } else {
                out.push_str(&format!("%{byte:02x}"));
            }
        }
        out
    };
    // What encodeURIComponent keeps; what RFC 3986 calls unreserved; what HTML forms keep.
    let form = encode(b"*-._", true).replace("%20", "+");
    [encode(b"-_.!~*'()", true), encode(b"-_.~", true), encode(b"-_.~", false), form]
}

/// As the common JSON writers escape it: the least, all of non-ASCII, and with `<>&` for HTML (Go).
fn json_escaped(text: &str) -> [String; 4] {
    let plain = serde_json::Value::from(text).to_string();
    let plain = plain.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(&plain).to_owned();
    let mut ascii = String::new();
    for c in plain.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| ascii.push_str(&format!("\\u{unit:04x}")));
        }
    }
    let html = plain.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    let slash = plain.replace('/', "\\/");
    [plain, ascii, html, slash]
}

/// Base64 of the secret alone, and what of it does not depend on its neighbours when it is a part of
/// something longer, as in `user:password`: base64 works on groups of three bytes, so there are three ways.
fn base64_inside(secret: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret);
        for encoded in [BASE64.encode(&bytes), BASE64URL.encode(&bytes)] {
            let start = [0, 2, 3].get(before).copied().unwrap_or(0);
            // The last group is whole only when the bytes end on a group's border.
            let end = bytes.len() / 3 * 4 + [0, 1, 2].get(bytes.len() % 3).copied().unwrap_or(0);
            let stable = encoded.get(start..end).unwrap_or_default();
            if stable.len() >= MIN_CHARS {
                all.push(stable.to_owned());
            }
            if before == 0 {
                all.push(encoded.trim_end_matches('=').to_owned());
                all.push(encoded);
            }
        }
    }
    all
}
