//! One Compose service, as far as it is looked at.

use super::{Located, ServicePort, keys, ports};
use crate::{
    diagnostic::{Finding, Place},
    nearest::suggest,
    yaml::{Node, Value},
};

/// One Compose service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) at: Place,
    pub(crate) image: Option<Located<String>>,
    pub(crate) ports: Vec<ServicePort>,
    pub(crate) mounts: Vec<Mount>,
    /// Name and value; `None` for a name alone.
    pub(crate) environment: Vec<(String, Option<String>, Place)>,
    pub(crate) profiles: Vec<Located<String>>,
    /// The names of the top-level secrets it mounts.
    pub(crate) secrets: Vec<String>,
    /// Whether it has a check that is not switched off.
    pub(crate) has_healthcheck: bool,
    /// All its keys, for rules about single ones.
    pub(crate) node: Node,
}

/// One mount of a service.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    pub(crate) source: MountSource,
    pub(crate) target: String,
    pub(crate) read_only: bool,
    pub(crate) at: Place,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MountSource {
    /// A named volume.
    Volume(String),
    /// A folder or file: absolute, relative, or a variable.
    Bind(String),
    /// A volume without a name.
    Anonymous,
    /// Memory, an image, and so on.
    Other,
}

impl Service {
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.node.get(key)
    }

    pub(crate) fn word(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::text)
    }

    /// The scalars of a list.
    pub(crate) fn list(&self, key: &str) -> Vec<Located<String>> {
        located(self.get(key))
    }
}

fn located(node: Option<&Node>) -> Vec<Located<String>> {
    let items = node.map(Node::items).unwrap_or_default();
    items.iter().filter_map(|item| Some(Located { value: item.scalar()?, at: item.at })).collect()
}

pub(super) fn read(name: &str, key_at: Place, node: &Node, findings: &mut Vec<Finding>) -> Service {
    let path = format!("services.{name}");
    for entry in node.entries() {
        if !keys::SERVICE.contains(&entry.key.as_str()) && !entry.key.starts_with("x-") {
            let message = format!("unknown key «{}» in {path}", entry.key);
            let finding = Finding::error(entry.key_at, format!("{path}.{}", entry.key), message);
            let near = suggest(&entry.key, keys::SERVICE, "key").filter(|hint| hint.starts_with("did"));
            findings.push(finding.hint(near.unwrap_or_else(|| "the Compose Specification has no such key".to_owned())));
        }
    }
    check_healthcheck(&path, node.get("healthcheck"), findings);
    Service {
        at: key_at,
        image: node.get("image").and_then(|image| Some(Located { value: image.scalar()?, at: image.at })),
        ports: all(node, &path, "ports", ports::read, findings),
        mounts: all(node, &path, "volumes", mount, findings),
        environment: environment(node.get("environment")),
        profiles: located(node.get("profiles")),
        secrets: sources(node.get("secrets")),
        has_healthcheck: node.get("healthcheck").is_some_and(|check| {
            check.get("test").is_some_and(|test| !test.is_null() && !is_none(test))
                && !check.get("disable").is_some_and(Node::is_true)
        }),
        node: node.clone(),
    }
}

fn is_none(test: &Node) -> bool {
    test.text() == Some("NONE") || test.items().first().and_then(Node::text) == Some("NONE")
}

fn check_healthcheck(path: &str, node: Option<&Node>, findings: &mut Vec<Finding>) {
    for entry in node.map(Node::entries).unwrap_or_default() {
        if !keys::HEALTHCHECK.contains(&entry.key.as_str()) {
            let message = format!("unknown key «{}» in {path}.healthcheck", entry.key);
            let finding = Finding::error(entry.key_at, format!("{path}.healthcheck.{}", entry.key), message);
            let hint = suggest(&entry.key, keys::HEALTHCHECK, "key");
            findings.push(Finding { hint, ..finding });
        }
    }
}

/// Reads every item of a list with `read`, and says which item has none of Compose's forms.
fn all<T>(
    node: &Node,
    path: &str,
    key: &str,
    read: impl Fn(&Node) -> Option<T>,
    findings: &mut Vec<Finding>,
) -> Vec<T> {
    let Some(list) = node.get(key) else { return Vec::new() };
    if !matches!(list.value, Value::List(_) | Value::Null) {
        findings.push(Finding::error(list.at, format!("{path}.{key}"), format!("{path}.{key}: expected a list")));
    }
    let mut read_ones = Vec::new();
    for (index, item) in list.items().iter().enumerate() {
        match read(item) {
            Some(value) => read_ones.push(value),
            None => {
                let path = format!("{path}.{key}.{index}");
                let message = format!("{path}: this has none of the forms that Compose reads");
                findings.push(Finding::error(item.at, path, message));
            }
        }
    }
    read_ones
}

fn mount(node: &Node) -> Option<Mount> {
    if let Some(text) = node.text() {
        return short_mount(text, node.at);
    }
    let target = node.get("target")?.scalar()?;
    let source = node.get("source").and_then(Node::scalar);
    let source = match (node.get("type")?.text()?, source) {
        ("volume", Some(name)) => MountSource::Volume(name),
        ("volume", None) => MountSource::Anonymous,
        ("bind", Some(path)) => MountSource::Bind(path),
        ("bind", None) => return None,
        _ => MountSource::Other,
    };
    let read_only = node.get("read_only").is_some_and(Node::is_true);
    Some(Mount { source, target, read_only, at: node.at })
}

fn short_mount(text: &str, at: Place) -> Option<Mount> {
    let mut parts = text.split(':');
    let first = parts.next().filter(|first| !first.is_empty())?;
    let Some(target) = parts.next() else {
        return Some(Mount { source: MountSource::Anonymous, target: first.to_owned(), read_only: false, at });
    };
    let read_only = parts.next().is_some_and(|options| options.split(',').any(|option| option == "ro"));
    let source = if first.starts_with(['/', '.', '~', '$']) {
        MountSource::Bind(first.to_owned())
    } else {
        MountSource::Volume(first.to_owned())
    };
    Some(Mount { source, target: target.to_owned(), read_only, at })
}

fn environment(node: Option<&Node>) -> Vec<(String, Option<String>, Place)> {
    let Some(node) = node else { return Vec::new() };
    let from_map = node.entries().iter().map(|entry| (entry.key.clone(), entry.node.scalar(), entry.node.at));
    let from_list = node.items().iter().filter_map(|item| {
        let text = item.text()?;
        Some(match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned()), item.at),
            None => (text.to_owned(), None, item.at),
        })
    });
    from_map.chain(from_list).collect()
}

/// The names in a service's `secrets` or `configs`, short and long form.
fn sources(node: Option<&Node>) -> Vec<String> {
    let items = node.map(Node::items).unwrap_or_default();
    items
        .iter()
        .filter_map(|item| item.text().map(str::to_owned).or_else(|| item.get("source").and_then(Node::scalar)))
        .collect()
}
