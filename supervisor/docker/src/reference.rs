use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Text that names no image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an image is named like postgres:17.9, ghcr.io/someone/thing:1.2 or name@sha256:…")]
pub struct InvalidReference;

/// The digest of an image: `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// The digest as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of an image, as people and Compose files write it (the grammar is that of the distribution
/// project's reference package): `[domain/]path[:tag][@digest]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef {
    text: String,
    name_end: usize,
    tag: Option<String>,
    digest: Option<Digest>,
}

const MAX_CHARS: usize = 255;
const MAX_TAG_CHARS: usize = 128;

impl ImageRef {
    /// The reference as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before tag and digest.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.get(..self.name_end).unwrap_or(&self.text)
    }

    /// The tag, if one is written.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one is written.
    #[must_use]
    pub const fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same image, pinned: name, tag and this digest.
    #[must_use]
    pub fn pinned(&self, digest: &Digest) -> Self {
        let tag = self.tag.as_ref().map_or_else(String::new, |tag| format!(":{tag}"));
        let text = format!("{}{tag}@{digest}", self.name());
        Self { text, name_end: self.name_end, tag: self.tag.clone(), digest: Some(digest.clone()) }
    }

    /// The registry and repository in full: `docker.io/library/postgres` for `postgres`.
    #[must_use]
    pub fn repository(&self) -> String {
        match self.name().split_once('/') {
            Some((first, rest)) if is_domain(first) => match (first, rest.contains('/')) {
                ("docker.io" | "index.docker.io", false) => format!("docker.io/library/{rest}"),
                ("docker.io" | "index.docker.io", true) => format!("docker.io/{rest}"),
                _ => format!("{first}/{rest}"),
            },
            Some(_) => format!("docker.io/{}", self.name()),
            None => format!("docker.io/library/{}", self.name()),
        }
    }

    /// The registry, for example `docker.io`.
    #[must_use]
    pub fn registry(&self) -> String {
        self.repository().split('/').next().unwrap_or_default().to_owned()
    }
}

/// A first part is a domain when it could not be a part of a path, or is `localhost`.
fn is_domain(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':']) || part.bytes().any(|b| b.is_ascii_uppercase())
}

fn valid_domain(part: &str) -> bool {
    let (host, port) = match part.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (part, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.split('.').all(label) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// Lower-case letters and digits, joined by one dot, one or two underscores, or dashes.
fn valid_path_part(part: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = part.bytes().next().is_some_and(plain) && part.bytes().last().is_some_and(plain);
    let joints = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    ends && joints
        .filter(|joint| !joint.is_empty())
        .all(|joint| matches!(joint, "." | "_" | "__") || joint.bytes().all(|b| b == b'-'))
}

fn valid_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=MAX_TAG_CHARS).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn valid_name(name: &str) -> bool {
    let path = match name.split_once('/') {
        Some((first, rest)) if is_domain(first) => valid_domain(first).then_some(rest),
        _ => Some(name),
    };
    path.is_some_and(|path| path.split('/').all(valid_path_part))
}

impl FromStr for ImageRef {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let path_at = rest.rfind('/').map_or(0, |slash| slash + 1);
        let colon = rest.get(path_at..).and_then(|path| path.find(':')).map(|colon| colon + path_at);
        let (name, tag) = match colon {
            Some(colon) => (rest.get(..colon).unwrap_or_default(), rest.get(colon + 1..)),
            None => (rest, None),
        };
        // 64 hexadecimal digits alone would be read as an image's id.
        let like_id = name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
        if name.len() > MAX_CHARS || like_id || !valid_name(name) || tag.is_some_and(|tag| !valid_tag(tag)) {
            return Err(InvalidReference);
        }
        Ok(Self { text: text.to_owned(), name_end: name.len(), tag: tag.map(str::to_owned), digest })
    }
}

impl FromStr for Digest {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix("sha256:").ok_or(InvalidReference)?;
        let fits = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidReference) }
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> Self {
        image.text
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ImageRef {
    type Error = InvalidReference;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidReference;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn parse(text: &str) -> Result<ImageRef, InvalidReference> {
        text.parse()
    }

    #[test]
    fn the_names_that_people_write_are_read() {
        let full = format!("ghcr.io/some/thing:1.2-rc_3@{DIGEST}");
        for (text, repository, tag) in [
            ("postgres", "docker.io/library/postgres", None),
            ("postgres:17.9", "docker.io/library/postgres", Some("17.9")),
            ("valkey/valkey:8.1.3", "docker.io/valkey/valkey", Some("8.1.3")),
            ("docker.io/postgres:17", "docker.io/library/postgres", Some("17")),
            ("localhost/a", "localhost/a", None),
            ("127.0.0.1:5000/a/b__c.d-e---f:x", "127.0.0.1:5000/a/b__c.d-e---f", Some("x")),
            (&full, "ghcr.io/some/thing", Some("1.2-rc_3")),
        ] {
            let image = parse(text).unwrap();
            assert_eq!((image.repository().as_str(), image.tag()), (repository, tag), "{text}");
            assert_eq!(image.to_string(), text);
        }
        assert_eq!(parse("127.0.0.1:5000/a").unwrap().registry(), "127.0.0.1:5000");
    }

    #[test]
    fn a_pinned_name_keeps_its_tag() {
        let digest: Digest = DIGEST.parse().unwrap();
        let pinned = parse("postgres:17.9").unwrap().pinned(&digest);
        assert_eq!(pinned.as_str(), format!("postgres:17.9@{DIGEST}"));
        assert_eq!(parse(pinned.as_str()), Ok(pinned.clone()));
        assert_eq!(pinned.pinned(&digest), pinned);
    }

    #[test]
    fn what_names_no_image_is_refused() {
        let long = "a".repeat(256);
        let id = "0".repeat(64);
        for wrong in [
            "",
            "Postgres",
            "a//b",
            "/a",
            "a/",
            "a:",
            "a:b:c",
            "a b",
            "a?x=1",
            "../a",
            "a/../b",
            "a/./b",
            "a@sha256:00",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a_-b",
            "a:-x",
            "host:99999/a",
            "-h.io/a",
            "a#b",
            "a%2fb",
            "é",
            &long,
            &id,
            "a@b@c",
        ] {
            assert_eq!(parse(wrong), Err(InvalidReference), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_cannot_leave_its_place_in_an_address(text in "[a-z0-9._/:@%?# A-Z-]{0,40}") {
            if let Ok(image) = parse(&text) {
                prop_assert!(!text.contains(['?', '#', '%', ' ']) && !text.contains("//"));
                prop_assert!(!text.split('/').any(|part| part == "." || part == ".."));
                prop_assert_eq!(parse(&String::from(image.clone())), Ok(image));
            }
        }
    }
}
