//! Images that stay the same: exact versions, pinned content, and PostgreSQL's moved folder.

use super::Linter;
use crate::{compose::Service, sections::Role};

/// A reference to an image, taken apart: `registry/name:tag@digest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ImageRef<'a> {
    pub(super) name: &'a str,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

impl<'a> ImageRef<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
        let after_path = rest.rfind('/').map_or(0, |slash| slash + 1);
        match rest.get(after_path..).and_then(|last| last.rfind(':')) {
            Some(colon) => {
                let (name, tag) = rest.split_at(after_path + colon);
                Self { name, tag: Some(tag.trim_start_matches(':')), digest }
            }
            None => Self { name: rest, tag: None, digest },
        }
    }

    /// The first number of the tag.
    pub(super) fn major(&self) -> Option<u64> {
        crate::sections::numbers(self.tag?.trim_start_matches('v'))?.first().copied()
    }

    /// The last part of the name.
    pub(super) fn short_name(&self) -> &'a str {
        self.name.rsplit('/').next().unwrap_or(self.name)
    }
}

/// Whether a tag names one version: after the first number comes another (`17.9`, `2025-01-31`), or the number is so
/// long that it is a date or a build.
fn is_exact(tag: &str) -> bool {
    let Some(start) = tag.find(|c: char| c.is_ascii_digit()) else { return false };
    let rest = tag.get(start..).unwrap_or_default();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let mut after = rest.get(digits..).unwrap_or_default().chars();
    let goes_on = after.next().is_some_and(|c| ".-_".contains(c)) && after.next().is_some_and(|c| c.is_ascii_digit());
    goes_on || digits >= 6
}

pub(super) fn lint(linter: &mut Linter<'_>) {
    for (name, service) in &linter.manifest.compose.services {
        let path = format!("services.{name}.image");
        let Some(image) = &service.image else {
            let hint = "name an image; an extension builds nothing";
            linter.error_at(service.at, &path, "the service has no image", hint);
            continue;
        };
        if image.value.contains('$') {
            let hint = "write the image out; another version is another release";
            linter.error_at(image.at, &path, "the image is made from variables", hint);
            continue;
        }
        let reference = ImageRef::parse(&image.value);
        match reference.tag {
            // What a digest holds does not move.
            _ if reference.digest.is_some() => {}
            None => {
                linter.error_at(image.at, &path, "the image has no tag", "write the exact version, as in postgres:17.9")
            }
            Some(tag) if !is_exact(tag) => {
                let message = format!("the tag «{tag}» moves from version to version");
                linter.error_at(image.at, &path, &message, "write the exact version, as in postgres:17.9");
            }
            Some(_) => {}
        }
        let is_digest = |digest: &str| {
            digest.strip_prefix("sha256:").is_some_and(|hex| {
                hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            })
        };
        match reference.digest {
            None => linter.warning_at(
                image.at,
                &path,
                "the image has no digest",
                "the index pins it when it is published; add @sha256:… to pin it here",
            ),
            Some(digest) if !is_digest(digest) => {
                linter.error_at(
                    image.at,
                    &path,
                    "the digest is not sha256: and 64 hexadecimal digits",
                    "copy it whole",
                );
            }
            Some(_) => {}
        }
        postgres_folder(linter, name, service, reference);
    }
}

/// PostgreSQL's image keeps its data in /var/lib/postgresql/data up to 17 and in /var/lib/postgresql from 18 on. With
/// a volume at the other place the data ends in an anonymous volume and is lost with the container.
fn postgres_folder(linter: &mut Linter<'_>, name: &str, service: &Service, image: ImageRef<'_>) {
    let (true, Some(major)) = (image.short_name() == "postgres", image.major()) else { return };
    if linter.manifest.services().get(name).copied().unwrap_or(Role::Main) == Role::Job {
        return;
    }
    let (right, wrong) = if major >= 18 {
        ("/var/lib/postgresql", "/var/lib/postgresql/data")
    } else {
        ("/var/lib/postgresql/data", "/var/lib/postgresql")
    };
    let at = |target: &str| service.mounts.iter().find(|mount| mount.target.trim_end_matches('/') == target);
    let path = format!("services.{name}.volumes");
    let message = format!("PostgreSQL {major} keeps its data in {right}; it would be lost with the container");
    let hint = format!("mount the volume at {right}");
    if let Some(mount) = at(wrong) {
        linter.error_at(mount.at, &path, &message, &hint);
    } else if at(right).is_none() && !service.environment.iter().any(|(key, ..)| key == "PGDATA") {
        linter.error_at(service.at, &path, &message, &hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_comes_apart() {
        let parts = |text| {
            let image = ImageRef::parse(text);
            (image.name, image.tag, image.digest)
        };
        assert_eq!(parts("postgres:17.9"), ("postgres", Some("17.9"), None));
        assert_eq!(parts("host:5000/a/b"), ("host:5000/a/b", None, None));
        assert_eq!(parts("host:5000/a/b:1.0@sha256:ab"), ("host:5000/a/b", Some("1.0"), Some("sha256:ab")));
    }

    #[test]
    fn only_tags_with_a_whole_version_stay_the_same() {
        for exact in ["17.9", "8.1.3-alpine", "v1.2", "34.0.3-apache", "2025-01-31", "RELEASE.2025-04-08", "20250101"] {
            assert!(is_exact(exact), "{exact}");
        }
        for floating in ["latest", "17", "17-alpine3.20", "stable", "v2", "main", "alpine"] {
            assert!(!is_exact(floating), "{floating}");
        }
    }
}
